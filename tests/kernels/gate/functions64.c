/* The binary64 functions of gates against MPFR (spec G3.4): error in ulps within
 * functions64_bounds.def, exact values where the clause names them. */
#include "kernels/gate/functions64.h"

#include <sluice/functions.h> /* the two do not collide */

#include <criterion/criterion.h>
#include <mpfr.h>

enum { ARGUMENTS = 40000, PRECISION = 160 };

static uint64_t state;
static double uniform(void) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (double)(state >> 11) * 0x1p-53;
}

/* Half of the arguments are uniform, half have a uniform exponent, so that small ones are
 * tried too. */
static double argument(double low, double high, int i) {
  if (i & 1) return low + (high - low) * uniform();
  const double top = fmax(fabs(low), fabs(high)), x = exp2(-30 + uniform() * (log2(top) + 30));
  return low < 0 && uniform() < 0.5 ? fmax(-x, low) : fmin(x, high);
}

static void true_sigmoid(mpfr_t y, const mpfr_t x) {
  mpfr_neg(y, x, MPFR_RNDN);
  mpfr_exp(y, y, MPFR_RNDN);
  mpfr_add_ui(y, y, 1, MPFR_RNDN);
  mpfr_ui_div(y, 1, y, MPFR_RNDN);
}
#define TRUTH(name) \
  static void true_##name(mpfr_t y, const mpfr_t x) { mpfr_##name(y, x, MPFR_RNDN); }
TRUTH(exp)
TRUTH(expm1)
TRUTH(log)
TRUTH(log1p)
TRUTH(tanh)
TRUTH(sinh)
TRUTH(cosh)
TRUTH(sin)
TRUTH(cos)
TRUTH(atan)
TRUTH(asinh)
TRUTH(erf)

/* |got - truth| in units of the last place of truth (2^-52 relative to its binade). */
static double ulps(double got, mpfr_t truth) {
  mpfr_t d;
  mpfr_init2(d, PRECISION);
  mpfr_sub_d(d, truth, got, MPFR_RNDN);
  mpfr_mul_2si(d, d, 53 - mpfr_get_exp(truth), MPFR_RNDN);
  const double u = fabs(mpfr_get_d(d, MPFR_RNDN));
  mpfr_clear(d);
  return u;
}

static double worst(double (*fn)(double), void (*truth)(mpfr_t, const mpfr_t), double low,
                    double high, double *where) {
  mpfr_t x, y;
  mpfr_inits2(PRECISION, x, y, (mpfr_ptr)0);
  double most = 0;
  state = 0x2545f4914f6cdd1dull;
  for (int i = 0; i < ARGUMENTS; i++) {
    const double a = argument(low, high, i);
    mpfr_set_d(x, a, MPFR_RNDN);
    truth(y, x);
    const double u = ulps(fn(a), y);
    if (!(u <= most)) most = u, *where = a;
  }
  mpfr_clears(x, y, (mpfr_ptr)0);
  mpfr_free_cache();
  return most;
}

#define SL_FN64_ULP(op, name, bound, low, high)                                                  \
  Test(functions64, name) {                                                                      \
    double where = 0;                                                                            \
    const double u = worst(sl_fn64_##name, true_##name, low, high, &where);                      \
    cr_assert(u <= (bound), "%s: %.3f ulp at %.17g, bound %d (seed 2545f4914f6cdd1d)", #name, u, \
              where, bound);                                                                     \
  }
#include "kernels/gate/functions64_bounds.def"
#undef SL_FN64_ULP

static double wrong_exp(double x) { return sl_fn64_exp(x) * (1 + 0x1p-50); }

Test(functions64, catches_a_planted_error_of_four_ulps) {
  double where = 0;
  cr_assert(worst(wrong_exp, true_exp, -708.0, 709.7, &where) > 2);
}

Test(functions64, special_values) {
  cr_assert(sl_fn64_exp(0.0) == 1.0 && sl_fn64_exp(-INFINITY) == 0.0 &&
            sl_fn64_exp(INFINITY) == INFINITY && isnan(sl_fn64_exp(NAN)));
  cr_assert(sl_fn64_log(0.0) == -INFINITY && sl_fn64_log(INFINITY) == INFINITY &&
            isnan(sl_fn64_log(-1.0)) && sl_fn64_log(1.0) == 0.0);
  cr_assert(sl_fn64_log1p(-1.0) == -INFINITY && isnan(sl_fn64_log1p(-2.0)) &&
            sl_fn64_log1p(INFINITY) == INFINITY);
  cr_assert(sl_fn64_expm1(-INFINITY) == -1.0 && sl_fn64_expm1(INFINITY) == INFINITY &&
            isnan(sl_fn64_expm1(NAN)));
  cr_assert(sl_fn64_tanh(INFINITY) == 1.0 && sl_fn64_tanh(-INFINITY) == -1.0 &&
            sl_fn64_tanh(1e-300) == 1e-300);
  cr_assert(sl_fn64_sinh(-INFINITY) == -INFINITY && sl_fn64_cosh(INFINITY) == INFINITY &&
            sl_fn64_cosh(0.0) == 1.0);
  cr_assert(sl_fn64_sigmoid(0.0) == 0.5 && sl_fn64_sigmoid(INFINITY) == 1.0 &&
            sl_fn64_sigmoid(-INFINITY) == 0.0);
  cr_assert(sl_fn64_atan(INFINITY) == 0x1.921fb54442d18p+0 && sl_fn64_asinh(INFINITY) == INFINITY &&
            sl_fn64_erf(INFINITY) == 1.0);
  cr_assert(sl_fn64_softsign(-INFINITY) == -1.0 && isnan(sl_fn64_softsign(NAN)) &&
            isnan(sl_fn64_erf(NAN)) && isnan(sl_fn64_atan(NAN)));
  cr_assert(isnan(sl_fn64_sin(INFINITY)) && isnan(sl_fn64_cos(0x1p31)) && sl_fn64_cos(0.0) == 1.0);
}
