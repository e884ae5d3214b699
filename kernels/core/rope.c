/* Frequencies of rotary position embedding (spec T1.9): correctly rounded powers of theta in
 * double-double, with a rounding test.
 *
 * With n = d/2 and w = theta^(-1/n), inv_freq_i = w^i. w comes from Newton's iteration on theta *
 * w^n = 1; its error is then bounded from the residual, so that correctness does not depend on the
 * first guess. U2 is in double_double.h; a power by squaring has relative error below 2 n U2. */
#include "double_double.h"
#include "rope_check.h"

#include <sluice/rope.h>

#include <math.h>

#define U2 SL_DD_U2
#define LARGEST_D 65536
#define LARGEST_THETA 0x1p100

/* 1 - theta * w^n: the product is near 1, so the difference of its high part is exact. */
static double residual(sl_dd w, double theta, size_t n) {
  const sl_dd p = sl_dd_mul(sl_dd_power(w, n), (sl_dd){theta, 0.0});
  return (1.0 - p.hi) - p.lo;
}

/* w = theta^(-1/n) and a bound on its relative error: with r the true residual, w^n * theta = 1 -
 * r, so w is off by a factor (1 - r)^(1/n). */
static sl_dd root(double theta, size_t n, double *error) {
  sl_dd w = {pow(theta, -1.0 / (double)n), 0.0};
  for (int i = 0; i < 3; i++) {
    const double step = w.hi * (residual(w, theta, n) / (double)n), hi = w.hi + (w.lo + step);
    w = (sl_dd){hi, (w.hi - hi) + (w.lo + step)};
  }
  *error = 2.0 * (fabs(residual(w, theta, n)) + 2.0 * ((double)n + 1.0) * U2) / (double)n;
  return w;
}

/* One pass over the powers; writes them where out is not NULL. */
static sl_status powers(float *out, size_t n, double theta, sl_error *err) {
  double error;
  const sl_dd w = root(theta, n, &error);
  sl_dd x = {1.0, 0.0};
  for (size_t i = 0; i < n; i++, x = sl_dd_mul(x, w)) {
    float f;
    if (!sl_dd_round(&f, x, 2.0 * (double)i * (error + U2) * x.hi))
      return sl_fail(
          err, SL_ERR_INPUT,
          "rope: the rounding of inv_freq[%zu] for theta = %.17g, d = %zu cannot be decided", i,
          theta, 2 * n);
    if (out) out[i] = f;
  }
  return SL_OK;
}

sl_status sl_rope_check(size_t d, double theta, sl_error *err) {
  if (d == 0 || d % 2 || d > LARGEST_D)
    return sl_fail(err, SL_ERR_USAGE, "rope: head size %zu is not an even number up to %d", d,
                   LARGEST_D);
  if (!(theta >= 1.0 && theta <= LARGEST_THETA))
    return sl_fail(err, SL_ERR_USAGE, "rope: theta must lie in [1, 2^100], not %g", theta);
  return SL_OK;
}

sl_status sl_rope_frequencies(float *inv_freq, size_t d, double theta, sl_error *err) {
  SL_TRY(sl_rope_check(d, theta, err));
  const sl_status status = powers(NULL, d / 2, theta, err);
  return status ? status : powers(inv_freq, d / 2, theta, err);
}
