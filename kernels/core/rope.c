/* Tables of rotary position embedding (spec T1.9): correctly rounded powers of theta in
 * double-double, with a rounding test.
 *
 * With n = d/2 and w = theta^(-1/n), inv_freq_i = w^i. w comes from Newton's iteration on theta *
 * w^n = 1; its error is then bounded from the residual, so that correctness does not depend on the
 * first guess. U2 bounds the relative error of one product of double-doubles (Joldes, Muller,
 * Popescu, "Tight and rigorous error bounds for basic building blocks of double-word arithmetic",
 * 2017: 5 u^2 for this one, u = 2^-53). A power by squaring has relative error below 2 n U2. */
#include <sluice/functions.h>
#include <sluice/rope.h>

#include <math.h>

#define U2 0x1p-103
#define LARGEST_D 65536
#define LARGEST_THETA 0x1p100

typedef struct {
  double hi, lo;
} dd;

static dd dd_mul(dd a, dd b) {
  const double p = a.hi * b.hi, e = fma(a.hi, b.hi, -p) + (a.hi * b.lo + a.lo * b.hi), hi = p + e;
  return (dd){hi, e - (hi - p)};
}

static dd dd_power(dd x, size_t n) {
  dd y = {1.0, 0.0};
  for (; n; n /= 2, x = dd_mul(x, x))
    if (n % 2) y = dd_mul(y, x);
  return y;
}

/* 1 - theta * w^n: the product is near 1, so the difference of its high part is exact. */
static double residual(dd w, double theta, size_t n) {
  const dd p = dd_mul(dd_power(w, n), (dd){theta, 0.0});
  return (1.0 - p.hi) - p.lo;
}

/* w = theta^(-1/n) and a bound on its relative error: with r the true residual, w^n * theta = 1 -
 * r, so w is off by a factor (1 - r)^(1/n). */
static dd root(double theta, size_t n, double *error) {
  dd w = {pow(theta, -1.0 / (double)n), 0.0};
  for (int i = 0; i < 3; i++) {
    const double step = w.hi * (residual(w, theta, n) / (double)n), hi = w.hi + (w.lo + step);
    w = (dd){hi, (w.hi - hi) + (w.lo + step)};
  }
  *error = 2.0 * (fabs(residual(w, theta, n)) + 2.0 * ((double)n + 1.0) * U2) / (double)n;
  return w;
}

/* x rounded to binary32 if every real within `error` of it rounds alike. The middles of
 * neighbouring floats are exact in binary64, and so are the differences. */
static int round_decided(float *out, dd x, double error) {
  const float nearest = (float)x.hi,
              candidates[] = {nearest, nextafterf(nearest, 0.0f), nextafterf(nearest, INFINITY)};
  for (int i = 0; i < 3; i++) {
    const double f = (double)candidates[i],
                 below = (f + (double)nextafterf(candidates[i], 0.0f)) / 2;
    const double above = (f + (double)nextafterf(candidates[i], INFINITY)) / 2;
    if ((x.hi - below) + x.lo <= error || (above - x.hi) - x.lo <= error) continue;
    *out = candidates[i];
    return 1;
  }
  return 0;
}

/* One pass over the powers; writes them where out is not NULL. */
static sl_status powers(float *out, size_t n, double theta, sl_error *err) {
  double error;
  const dd w = root(theta, n, &error);
  dd x = {1.0, 0.0};
  for (size_t i = 0; i < n; i++, x = dd_mul(x, w)) {
    float f;
    if (!round_decided(&f, x, 2.0 * (double)i * (error + U2) * x.hi))
      return sl_fail(
          err, SL_ERR_INPUT,
          "rope: the rounding of inv_freq[%zu] for theta = %.17g, d = %zu cannot be decided", i,
          theta, 2 * n);
    if (out) out[i] = f;
  }
  return SL_OK;
}

sl_status sl_rope_frequencies(float *inv_freq, size_t d, double theta, sl_error *err) {
  if (d == 0 || d % 2 || d > LARGEST_D)
    return sl_fail(err, SL_ERR_USAGE, "rope: head size %zu is not an even number up to %d", d,
                   LARGEST_D);
  if (!(theta >= 1.0 && theta <= LARGEST_THETA))
    return sl_fail(err, SL_ERR_USAGE, "rope: theta must lie in [1, 2^100], not %g", theta);
  const sl_status status = powers(NULL, d / 2, theta, err);
  return status ? status : powers(inv_freq, d / 2, theta, err);
}

/* Row 0 of the sine table holds the frequencies until it is written, last. */
sl_status sl_rope_tables(float *cos_table, float *sin_table, size_t positions, size_t d,
                         double theta, sl_error *err) {
  if (positions > SL_ROPE_POSITIONS)
    return sl_fail(err, SL_ERR_USAGE, "rope: %zu positions, at most %d", positions,
                   SL_ROPE_POSITIONS);
  if (positions == 0) return SL_OK;
  SL_TRY(sl_rope_frequencies(sin_table, d, theta, err));
  const size_t half = d / 2;
  for (size_t p = positions; p-- > 0;)
    for (size_t i = 0; i < half; i++) {
      const float angle = (float)p * sin_table[i];
      cos_table[p * half + i] = sl_fn_cos(angle);
      sin_table[p * half + i] = sl_fn_sin(angle);
    }
  return SL_OK;
}
