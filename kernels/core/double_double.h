/* Double-doubles, an unevaluated sum of two doubles, and their rounding to binary32 (spec T1.9).
 * Internal. U2 bounds the relative error of one product (Joldes, Muller, Popescu, "Tight and
 * rigorous error bounds for basic building blocks of double-word arithmetic", 2017: 5 u^2 for this
 * one, u = 2^-53). */
#ifndef SLUICE_DOUBLE_DOUBLE_H
#define SLUICE_DOUBLE_DOUBLE_H

#include <math.h>
#include <stddef.h>

#define SL_DD_U2 0x1p-103

typedef struct {
  double hi, lo;
} sl_dd;

static inline sl_dd sl_dd_mul(sl_dd a, sl_dd b) {
  const double p = a.hi * b.hi, e = fma(a.hi, b.hi, -p) + (a.hi * b.lo + a.lo * b.hi), hi = p + e;
  return (sl_dd){hi, e - (hi - p)};
}

/* By squaring: a relative error below 2 n U2, and n times that of x. */
static inline sl_dd sl_dd_power(sl_dd x, size_t n) {
  sl_dd y = {1.0, 0.0};
  for (; n; n /= 2, x = sl_dd_mul(x, x))
    if (n % 2) y = sl_dd_mul(y, x);
  return y;
}

/* x rounded to binary32 if every real within `error` of it rounds alike. The middles of
 * neighbouring floats are exact in binary64, and so are the differences. */
static inline int sl_dd_round(float *out, sl_dd x, double error) {
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

#endif
