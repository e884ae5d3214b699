/* Estimates of the functions of spec/functions.def in binary64, with a bound (spec N2.3). Tables
 * come from MPFR; the methods are not those of the kernels. u = 2^-53 is the relative error of one
 * operation. Every bound derived here is 2^-45 or less, so that the promised 2^-42 has room for
 * terms of second order. */
#include "functions.h"

#include <math.h>
#include <mpfr.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RN MPFR_RNDN
#define EXP_STEPS 64
#define LOG_STEPS 128
#define ATAN_STEPS 64
#define ERF_STEPS 16
#define ERF_END 6
#define ERF_TERMS 10

struct sl_ref_estimator {
  double power[EXP_STEPS];              /* 2^(j/64) */
  double step_high, step_low, per_step; /* ln 2 / 64 in 38 and 53 bits; 64 / ln 2 */
  double ln2, inverse[LOG_STEPS],
      minus_log[LOG_STEPS]; /* of centres of [1, 2): 1/m in 24 bits, and minus its logarithm */
  double angle[ATAN_STEPS + 1], half_pi;          /* atan(i / 64) */
  double erf[ERF_END * ERF_STEPS + 1][ERF_TERMS]; /* Taylor coefficients at i / 16 */
  double two_over_root_pi;
  double turn[3]; /* 2 / pi in 29, 29 and 53 bits */
};

static void exp_tables(sl_ref_estimator *t, mpfr_t a, mpfr_t b) {
  for (long j = 0; j < EXP_STEPS; j++) {
    mpfr_set_si(a, j, RN);
    mpfr_div_ui(a, a, EXP_STEPS, RN);
    mpfr_exp2(a, a, RN);
    t->power[j] = mpfr_get_d(a, RN);
  }
  mpfr_const_log2(a, RN);
  t->ln2 = mpfr_get_d(a, RN);
  mpfr_div_ui(a, a, EXP_STEPS, RN);
  mpfr_ui_div(b, 1, a, RN);
  t->per_step = mpfr_get_d(b, RN);
  mpfr_set(b, a, RN);
  mpfr_prec_round(b, 38, RN);
  t->step_high = mpfr_get_d(b, RN);
  mpfr_sub(a, a, b, RN);
  t->step_low = mpfr_get_d(a, RN);
  mpfr_set_prec(b, mpfr_get_prec(a));
}

static void log_tables(sl_ref_estimator *t, mpfr_t a) {
  for (int i = 0; i < LOG_STEPS; i++) {
    t->inverse[i] = (double)(float)(1.0 / (1.0 + (i + 0.5) / LOG_STEPS));
    mpfr_set_d(a, t->inverse[i], RN);
    mpfr_log(a, a, RN);
    t->minus_log[i] = -mpfr_get_d(a, RN);
  }
}

/* erf^(n+1)(c) / (n+1)! = d_n / (n+1)!, with d_0 = 2/sqrt(pi) e^(-c^2), d_(n+1) = -2 c d_n - 2 n
 * d_(n-1). */
static void erf_row(double *row, double c, mpfr_t a, mpfr_t b, mpfr_t last, mpfr_t factorial) {
  mpfr_set_d(a, c, RN);
  mpfr_erf(b, a, RN);
  row[0] = mpfr_get_d(b, RN);
  mpfr_sqr(a, a, RN);
  mpfr_neg(a, a, RN);
  mpfr_exp(a, a, RN);
  mpfr_const_pi(b, RN);
  mpfr_rec_sqrt(b, b, RN);
  mpfr_mul(a, a, b, RN);
  mpfr_mul_ui(a, a, 2, RN);
  mpfr_set_zero(last, 1);
  mpfr_set_ui(factorial, 1, RN);
  for (unsigned long n = 0; n + 1 < ERF_TERMS; n++) {
    mpfr_mul_ui(factorial, factorial, n + 1, RN);
    mpfr_div(b, a, factorial, RN);
    row[n + 1] = mpfr_get_d(b, RN);
    mpfr_mul_d(b, a, -2 * c, RN);
    mpfr_mul_d(last, last, -2 * (double)n, RN);
    mpfr_add(b, b, last, RN);
    mpfr_set(last, a, RN);
    mpfr_set(a, b, RN);
  }
}

static void circle_tables(sl_ref_estimator *t, mpfr_t a, mpfr_t b) {
  for (int i = 0; i <= ATAN_STEPS; i++) {
    mpfr_set_d(a, i / (double)ATAN_STEPS, RN);
    mpfr_atan(a, a, RN);
    t->angle[i] = mpfr_get_d(a, RN);
  }
  mpfr_const_pi(a, RN);
  mpfr_div_ui(b, a, 2, RN);
  t->half_pi = mpfr_get_d(b, RN);
  mpfr_ui_div(a, 2, a, RN);
  static const mpfr_prec_t bits[3] = {29, 29, 53};
  for (int i = 0; i < 3; i++) {
    mpfr_set_prec(b, bits[i]);
    mpfr_set(b, a, RN);
    t->turn[i] = mpfr_get_d(b, RN);
    mpfr_sub(a, a, b, RN);
  }
  mpfr_set_prec(b, mpfr_get_prec(a));
}

sl_ref_estimator *sl_ref_estimator_create(void) {
  sl_ref_estimator *t = malloc(sizeof *t);
  if (!t) return NULL;
  mpfr_t a, b, c, d;
  mpfr_inits2(300, a, b, c, d, (mpfr_ptr)0);
  exp_tables(t, a, b);
  log_tables(t, a);
  circle_tables(t, a, b);
  for (int i = 0; i <= ERF_END * ERF_STEPS; i++)
    erf_row(t->erf[i], i / (double)ERF_STEPS, a, b, c, d);
  t->two_over_root_pi = t->erf[0][1];
  mpfr_clears(a, b, c, d, (mpfr_ptr)0);
  return t;
}

void sl_ref_estimator_destroy(sl_ref_estimator *estimator) { free(estimator); }

/* |w| <= 300, k = 64 w / ln 2 rounded, r = w - k ln 2 / 64, |r| < 0.00545. k has 15 bits, so k
 * step_high is exact; r is off by 2^-58. Taylor to r^5 leaves r^6/720 < 2^-54. Table, sum and
 * product: 4 u. In all below 2^-50. */
static double estimate_exp(const sl_ref_estimator *t, double w) {
  const double k = rint(w * t->per_step);
  const double r = (w - k * t->step_high) - k * t->step_low;
  const double p = 1 + r * (1 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120)))));
  const int64_t n = (int64_t)k;
  const uint64_t bits = (uint64_t)((n >> 6) + 1023) << 52;
  double scale;
  memcpy(&scale, &bits, sizeof scale);
  return t->power[n & 63] * p * scale;
}

/* Below 1/16 Taylor to w^9 leaves w^9/10! < 2^-57; above, e^w / |e^w - 1| <= 16.6 times the error
 * of e^w: 2^-45.9. */
static double estimate_expm1(const sl_ref_estimator *t, double w) {
  const double p =
      1 +
      w / 2 *
          (1 +
           w / 3 *
               (1 + w / 4 * (1 + w / 5 * (1 + w / 6 * (1 + w / 7 * (1 + w / 8 * (1 + w / 9)))))));
  return fabs(w) < 0x1p-4 ? w * p : estimate_exp(t, w) - 1;
}

/* Within [0.9, 1.1] Taylor of log(1 + f), f = x - 1 exact: terms to f^14 leave f^14/15 < 2^-50.
 * Outside x = 2^e m, r = m c - 1 exact (24 bits by 24), |r| < 2^-8 + 2^-24: Taylor to r^6 leaves
 * 2^-58; e ln 2 has 2 u, the other terms and sums 4 u of at most |e ln 2| + 0.7; as |log x| > 0.095
 * and |e ln 2| + 0.7 < 15 |log x|, in all below 2^-46. */
static double estimate_log(const sl_ref_estimator *t, double x) {
  const double f = x - 1;
  double near = 0;
  for (int n = 14; n >= 1; n--) near = f * ((n & 1 ? 1.0 : -1.0) / n + near);
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  const double e = (double)((int64_t)(bits >> 52) - 1023);
  const size_t i = (bits >> 45) & 127;
  bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
  double m;
  memcpy(&m, &bits, sizeof m);
  const double r = fma(m, t->inverse[i], -1.0);
  const double p = r * (1 - r * (1.0 / 2 - r * (1.0 / 3 - r * (1.0 / 4 - r * (1.0 / 5 - r / 6)))));
  return fabs(f) < 0.1 ? near : e * t->ln2 + (t->minus_log[i] + p);
}

/* Below 1/32 Taylor to x^9 leaves x^10/1320 < 2^-60. Else the nearest i/16, |h| <= 1/32: by
 * |H_n(x)| e^(-x^2/2) <= 1.09 2^(n/2) sqrt(n!) the term of h^10 is below 0.005 2^-50, against erf >
 * 0.035: 2^-52. From 6 on 1 - erf < 2^-55. */
static double estimate_erf(const sl_ref_estimator *t, double x) {
  const double a = fabs(x), s = a * a;
  const double near =
      a * t->two_over_root_pi * (1 - s * (1.0 / 3 - s * (1.0 / 10 - s * (1.0 / 42 - s / 216))));
  const double capped = a < ERF_END ? a : ERF_END, i = rint(capped * ERF_STEPS),
               h = capped - i / ERF_STEPS;
  const double *row = t->erf[(size_t)i];
  double far = row[ERF_TERMS - 1];
  for (int n = ERF_TERMS - 2; n >= 0; n--) far = far * h + row[n];
  return copysign(a < 1.0 / 32 ? near : far, x);
}

/* a = |x| or 1/|x|, c the nearest i/64, z = (a - c) / (1 + a c), |z| < 2^-7: Taylor to z^7 leaves
 * z^8/9 < 2^-59. For c = 0 the error is a few u; else z is off by 2 u absolute (from a) and 3 u
 * relative, the angle by u/2, against at least 1/128: below 2^-45. */
static double estimate_atan(const sl_ref_estimator *t, double x) {
  const double b = fabs(x), a = b > 1 ? 1 / b : b;
  const double i = rint(a * ATAN_STEPS), c = i / ATAN_STEPS, z = (a - c) / (1 + a * c), s = z * z;
  const double y = t->angle[(size_t)i] + z * (1 - s * (1.0 / 3 - s * (1.0 / 5 - s / 7)));
  return copysign(b > 1 ? t->half_pi - y : y, x);
}

/* x 2/pi = n + f. x turn[0] and x turn[1] are exact (24 bits by 29), so is x turn[0] - n; their sum
 * with the last part is off by 2^-93 absolute and u relative. Near a multiple (n != 0) |f| >= 2^-40
 * is asked for: below 2^-52. sin and cos of f pi/2 by Taylor: to g^17 and g^16, which leaves 2^-58.
 */
static double estimate_sine(const sl_ref_estimator *t, double x, unsigned turn) {
  const double turns = x * t->turn[0], n = rint(turns), high = turns - n, middle = x * t->turn[1];
  const double s = high + middle, back = s - high, lost = (high - (s - back)) + (middle - back);
  const double f = s + (lost + x * t->turn[2]);
  const double g = f * t->half_pi, q = g * g;
  double sine = 1, cosine = 1;
  for (int k = 16; k >= 2; k -= 2)
    sine = 1 - q / (double)(k * (k + 1)) * sine, cosine = 1 - q / (double)(k * (k - 1)) * cosine;
  sine *= g;
  const unsigned quadrant = (unsigned)(int64_t)n + turn;
  const double y = quadrant & 1 ? cosine : sine;
  return n != 0 && fabs(f) < 0x1p-40 ? NAN : quadrant & 2 ? -y : y;
}

static double capped(double x, double limit) { return fmin(fmax(x, -limit), limit); }

#define ESTIMATE(name, expression)                                                        \
  static void estimates_##name(const sl_ref_estimator *t, double *y, const float *values, \
                               size_t count) {                                            \
    (void)t;                                                                              \
    for (size_t i = 0; i < count; i++) {                                                  \
      const double x = (double)values[i];                                                 \
      y[i] = (expression);                                                                \
    }                                                                                     \
  }

/* An argument beyond the cap gives a result that underflows, overflows or is 1 to 2^-100, as does
 * the cap. */
ESTIMATE(exp, estimate_exp(t, capped(x, 150)))
ESTIMATE(log, x > 0 && isfinite(x) ? estimate_log(t, x) : NAN)
ESTIMATE(expm1, estimate_expm1(t, capped(x, 150)))
ESTIMATE(sigmoid, 1 / (1 + estimate_exp(t, capped(-x, 150))))
ESTIMATE(erf, estimate_erf(t, x))
ESTIMATE(atan, isnan(x) ? x : estimate_atan(t, x))
ESTIMATE(rsqrt, x > 0 ? sqrt(1 / x) : NAN)
ESTIMATE(sin, x == 0 ? x : estimate_sine(t, x, 0))
ESTIMATE(cos, estimate_sine(t, x, 1))
ESTIMATE(gaussh, estimate_exp(t, -fmin(x *x / 2, 150)))
ESTIMATE(lorentz, 1 / (1 + x * x))

/* s = 1 + x^2 passes on 3/2 of its u; with root, product and quotient 4.5 u. */
static double estimate_rhypot3(double x) {
  const double s = 1 + x * x;
  return 1 / (s * sqrt(s));
}
ESTIMATE(rhypot3, estimate_rhypot3(x))

/* E / (E + 2), E = e^2x - 1: E passes on at most its own relative error. */
static double estimate_tanh(const sl_ref_estimator *t, double x) {
  const double e = estimate_expm1(t, 2 * fmin(fabs(x), 75));
  return copysign(e / (e + 2), x);
}
ESTIMATE(tanh, estimate_tanh(t, x))

/* 4 e / (1 + e)^2, e = e^-|z|: at most the relative error of e. */
static double estimate_sech2h(const sl_ref_estimator *t, double z) {
  const double e = estimate_exp(t, -fmin(fabs(z), 150));
  return 4 * e / ((1 + e) * (1 + e));
}
ESTIMATE(sech2h, estimate_sech2h(t, x))

void sl_ref_estimate(const sl_ref_estimator *estimator, sl_function_id function, double *y,
                     const float *x, size_t n) {
  static void (*const table[SL_FUNCTION_COUNT])(const sl_ref_estimator *, double *, const float *,
                                                size_t) = {
#define SL_FUNCTION(name, low, high) estimates_##name,
#include <sluice/functions.def>
#undef SL_FUNCTION
  };
  table[function](estimator, y, x, n);
}
