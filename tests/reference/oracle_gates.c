/* The reference checks itself: derivatives of the gates against differences, precision against
 * precision (spec O2). */
#include "reference/gates.h"

#include <criterion/criterion.h>

#define PRECISION 400
/* Central differences with h = 2^-80: truncation h^2 |f'''| / 6 with |f'''| <= 2^8 tau^2 <= 2^14
 * here, rounding 2^-400 |f| / h. */
#define STEP_EXPONENT -80
#define DIFFERENCE_LIMIT 0x1p-140

static const double ratios[] = {0.0078125, 0.25, 0.75, 0.9375, 1.0625, 1.5, 3.0, 20.0};
#define N_RATIOS (sizeof ratios / sizeof *ratios)

static sl_gate gate_of(sl_gate_family family, float tau) {
  const sl_gate g = {{family, family}, {tau, tau / 2.0f}, 0.2, 0.28, NULL, NULL};
  return g;
}

static double distance(mpfr_t a, mpfr_srcptr b) {
  mpfr_sub(a, a, b, MPFR_RNDN);
  return mpfr_get_d(a, MPFR_RNDA) < 0.0 ? -mpfr_get_d(a, MPFR_RNDA) : mpfr_get_d(a, MPFR_RNDA);
}

/* (f(r+h) - f(r-h)) / 2h against f', and the same of f' against f''. */
static void check_derivatives(const sl_gate *gate, int positive, double ratio, int factor) {
  mpfr_t r, f[2], df[2], unused, d1, d2;
  mpfr_inits2(PRECISION, r, f[0], f[1], df[0], df[1], unused, d1, d2, (mpfr_ptr)0);
  for (int side = 0; side < 2; side++) {
    mpfr_set_ui_2exp(r, 1, STEP_EXPONENT, MPFR_RNDN);
    if (side == 0) mpfr_neg(r, r, MPFR_RNDN);
    mpfr_add_d(r, r, ratio, MPFR_RNDN);
    cr_assert_eq(sl_ref_gate(f[side], df[side], unused, gate, positive, r), SL_OK);
  }
  mpfr_set_d(r, ratio, MPFR_RNDN);
  cr_assert_eq(sl_ref_gate(unused, d1, d2, gate, positive, r), SL_OK);
  mpfr_mul_si(d1, d1, factor, MPFR_RNDN); /* 1, but for the planted failure */
  mpfr_sub(f[1], f[1], f[0], MPFR_RNDN);
  mpfr_mul_2si(f[1], f[1], -STEP_EXPONENT - 1, MPFR_RNDN);
  mpfr_sub(df[1], df[1], df[0], MPFR_RNDN);
  mpfr_mul_2si(df[1], df[1], -STEP_EXPONENT - 1, MPFR_RNDN);
  const int right =
      distance(f[1], d1) <= DIFFERENCE_LIMIT && distance(df[1], d2) <= DIFFERENCE_LIMIT;
  cr_expect_eq(right, factor == 1,
               "gate %d, tau %g, positive %d, r %g: derivatives and differences",
               (int)gate->family[0], (double)gate->tau[positive], positive, ratio);
  mpfr_clears(r, f[0], f[1], df[0], df[1], unused, d1, d2, (mpfr_ptr)0);
}

Test(oracle_gates, derivatives_are_differences) {
  const float taus[] = {0.11f, 1.05f, 7.3f};
  for (sl_gate_family family = 0; family < SL_GATE_EXPRESSION; family++)
    for (size_t k = 0; k < 3; k++)
      for (int positive = 0; positive < 2; positive++)
        for (size_t i = 0; i < N_RATIOS; i++) {
          const sl_gate g = gate_of(family, taus[k]);
          check_derivatives(&g, positive, ratios[i], 1);
        }
}

/* Planted failure: f' with the wrong sign. */
Test(oracle_gates, a_wrong_derivative_is_seen) {
  const sl_gate g = gate_of(SL_GATE_ARCTAN, 1.0f);
  check_derivatives(&g, 1, 1.5, -1);
}

/* Every result at 64 bits is the one at 500 bits, rounded. */
Test(oracle_gates, precisions_agree) {
  mpfr_t r, low[3], high[3];
  mpfr_inits2(64, low[0], low[1], low[2], (mpfr_ptr)0);
  mpfr_inits2(500, r, high[0], high[1], high[2], (mpfr_ptr)0);
  for (sl_gate_family family = 0; family < SL_GATE_EXPRESSION; family++)
    for (size_t i = 0; i < N_RATIOS; i++) {
      const sl_gate g = gate_of(family, 1.05f);
      mpfr_set_d(r, ratios[i], MPFR_RNDN);
      cr_assert_eq(sl_ref_gate(low[0], low[1], low[2], &g, 1, r), SL_OK);
      cr_assert_eq(sl_ref_gate(high[0], high[1], high[2], &g, 1, r), SL_OK);
      for (int k = 0; k < 3; k++) {
        mpfr_prec_round(high[k], 64, MPFR_RNDN);
        cr_expect(mpfr_equal_p(low[k], high[k]), "gate %d, r %g, result %d", (int)family, ratios[i],
                  k);
        mpfr_set_prec(high[k], 500);
      }
    }
  mpfr_clears(r, low[0], low[1], low[2], high[0], high[1], high[2], (mpfr_ptr)0);
}

/* f'(1) = 1 for all; clip's edges and sides; the offset f(1) of the sigmoid, 2/tau. */
Test(oracle_gates, known_points) {
  mpfr_t r, f, df, ddf;
  mpfr_inits2(PRECISION, r, f, df, ddf, (mpfr_ptr)0);
  mpfr_set_ui(r, 1, MPFR_RNDN);
  for (sl_gate_family family = 0; family < SL_GATE_EXPRESSION; family++) {
    const sl_gate g = gate_of(family, 2.0f);
    cr_assert_eq(sl_ref_gate(f, df, ddf, &g, 1, r), SL_OK);
    cr_expect_eq(mpfr_cmp_ui(df, 1), 0, "gate %d", (int)family);
    cr_expect_eq(mpfr_sgn(ddf), 0, "gate %d", (int)family);
    if (family == SL_GATE_SIGMOID)
      cr_expect_eq(mpfr_cmp_ui(f, 2), 0); /* gate_of halves tau for A > 0: 2 / 1 */
  }
  const sl_gate clip = gate_of(SL_GATE_CLIP, 1.0f);
  const float high = (float)1.28, low = (float)0.8;
  const struct {
    float r;
    int positive;
    float f;
    int df;
  } points[] = {{high, 1, high, 1}, {2.0f, 1, high, 0}, {0.1f, 1, 0.1f, 1},
                {low, 0, low, 1},   {0.1f, 0, low, 0},  {2.0f, 0, 2.0f, 1}};
  for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
    mpfr_set_flt(r, points[i].r, MPFR_RNDN);
    cr_assert_eq(sl_ref_gate(f, df, ddf, &clip, points[i].positive, r), SL_OK);
    cr_expect(mpfr_cmp_d(f, (double)points[i].f) == 0 && mpfr_cmp_si(df, points[i].df) == 0,
              "clip point %zu", i);
  }
  const sl_gate expression = gate_of(SL_GATE_EXPRESSION, 1.0f);
  cr_expect_eq(sl_ref_gate(f, df, ddf, &expression, 1, r), SL_ERR_UNAVAILABLE);
  mpfr_clears(r, f, df, ddf, (mpfr_ptr)0);
}
