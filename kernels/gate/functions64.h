/* Binary64 functions with the same bits everywhere (spec G3.4 to G3.9, N2.4): fixed sequences of +
 * - * / sqrt fma, comparisons, selections and integer operations on the bits; no libm. No branch
 * depends on the argument, so that loops over them vectorise. Error bounds in functions64.c. */
#ifndef SLUICE_GATE_FUNCTIONS64_H
#define SLUICE_GATE_FUNCTIONS64_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Also CUDA C (kernels/cuda/gate_program.cu), for the device. */
#ifdef __CUDACC__
#define SL_FN64 static __device__ inline
#define SL_TABLE64 static __device__ const double
#else
#define SL_FN64 static inline
#define SL_TABLE64 static const double
#endif

/* 1/n! for n = 2 to 13 */
SL_TABLE64 sl_exp_q[] = {0x1.0000000000000p-1,  0x1.5555555555555p-3,  0x1.5555555555555p-5,
                         0x1.1111111111111p-7,  0x1.6c16c16c16c17p-10, 0x1.a01a01a01a01ap-13,
                         0x1.a01a01a01a01ap-16, 0x1.71de3a556c734p-19, 0x1.27e4fb7789f5cp-22,
                         0x1.ae64567f544e4p-26, 0x1.1eed8eff8d898p-29, 0x1.6124613a86d09p-33};
/* 2/(2n+1) for n = 1 to 10 */
SL_TABLE64 sl_log_r[] = {0x1.5555555555555p-1, 0x1.999999999999ap-2, 0x1.2492492492492p-2,
                         0x1.c71c71c71c71cp-3, 0x1.745d1745d1746p-3, 0x1.3b13b13b13b14p-3,
                         0x1.1111111111111p-3, 0x1.e1e1e1e1e1e1ep-4, 0x1.af286bca1af28p-4,
                         0x1.8618618618618p-4};
/* (-1)^n/(2n+1)! for n = 1 to 8 */
SL_TABLE64 sl_sin_p[] = {-0x1.5555555555555p-3,  0x1.1111111111111p-7,   -0x1.a01a01a01a01ap-13,
                         0x1.71de3a556c734p-19,  -0x1.ae64567f544e4p-26, 0x1.6124613a86d09p-33,
                         -0x1.ae7f3e733b81fp-41, 0x1.952c77030ad4ap-49};
/* (-1)^n/(2n)! for n = 2 to 9 */
SL_TABLE64 sl_cos_p[] = {0x1.5555555555555p-5,   -0x1.6c16c16c16c17p-10, 0x1.a01a01a01a01ap-16,
                         -0x1.27e4fb7789f5cp-22, 0x1.1eed8eff8d898p-29,  -0x1.93974a8c07c9dp-37,
                         0x1.ae7f3e733b81fp-45,  -0x1.6827863b97d97p-53};
/* (atan(t)/t - 1)/t^2 in t^2 on [0, tan(pi/8)]: Chebyshev interpolation, relative error of
 * atan 2^-57.8 */
SL_TABLE64 sl_atan_p[] = {-0x1.5555555555555p-2, 0x1.9999999999997p-3,  -0x1.24924924920a3p-3,
                          0x1.c71c71c6dd2d8p-4,  -0x1.745d173542f7ap-4, 0x1.3b13aea53b18fp-4,
                          -0x1.1110ce80547d7p-4, 0x1.e1d8ddf459f4dp-5,  -0x1.aebcad6415c5dp-5,
                          0x1.829a09d7f37d9p-5,  -0x1.5030c28013685p-5, 0x1.f5ba271a2a8e8p-6,
                          -0x1.c7a6bc6dde7f9p-7};
/* erf(x)/x in x^2 on [0, 1]: Chebyshev interpolation, relative error 2^-54.8 */
SL_TABLE64 sl_erf_p[] = {
    0x1.20dd750429b6dp+0,  -0x1.812746b0379e7p-2,  0x1.ce2f21a042be2p-4,  -0x1.b82ce31288b51p-6,
    0x1.565bcd0e6a530p-8,  -0x1.c02db400406a3p-11, 0x1.f9a326f9a7769p-14, -0x1.f4d25c3b729a6p-17,
    0x1.b9e6c9944bd7ep-20, -0x1.5f74291398641p-23, 0x1.fcc4c8ec29638p-27, -0x1.51cfe00be885fp-30,
    0x1.9df7fd0b39a12p-34, -0x1.d332e777f7344p-38, 0x1.cf915d8f3c685p-42, -0x1.3aa422cc5d833p-46};
/* exp(x^2) erfc(x) in t = (x-2.5)/(x+2.5), x in [1, 6]: Chebyshev interpolation, relative
 * error 2^-52.8 */
SL_TABLE64 sl_erfcx_p[] = {0x1.afbb3f3b7343bp-3,   -0x1.7ca88dec217a6p-2,  0x1.01c11a735cd99p-2,
                           -0x1.0011543716c9bp-3,  0x1.470ba1f67e4f3p-5,   -0x1.05bb2fe5b9447p-8,
                           -0x1.5a5716cd2b488p-9,  0x1.cb3b61b2f73b9p-11,  0x1.def2c8454f03cp-13,
                           -0x1.0e46678de05fbp-13, -0x1.1ebdcc253f1abp-15, 0x1.384c7c85f405ep-16,
                           0x1.fad8951cd7c81p-18,  -0x1.3472778d38e8bp-19, -0x1.e3b8c3407cc04p-20,
                           0x1.4ddcaf4dae0f3p-24,  0x1.7192050274bd2p-22,  0x1.2afb1c52ac24cp-24};

SL_FN64 uint64_t sl_bits64(double x) {
  uint64_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}
SL_FN64 double sl_double64(uint64_t u) {
  double x;
  memcpy(&x, &u, sizeof x);
  return x;
}

/* c[0] + c[1] x + ..., Horner with fma from the last coefficient. */
#define SL_STEP64(y, x, c) fma(y, x, c)
#define SL_HORNER64(y, c, x)                                            \
  do {                                                                  \
    y = c[sizeof c / sizeof *c - 1];                                    \
    for (int sl_h = (int)(sizeof c / sizeof *c) - 2; sl_h >= 0; sl_h--) \
      y = SL_STEP64(y, x, c[sl_h]);                                     \
  } while (0)

#define SL_MAGIC64 \
  0x1.8p52 /* adding and subtracting it rounds to an integer, kept in the low bits of the sum */

/* x = k ln 2 + r, |r| <= 0.3466; returns exp(r) - 1 and k (spec G3.5). */
SL_FN64 double sl_exp64_reduce(double x, double *k) {
  *k = fma(x, 0x1.71547652b82fep+0, SL_MAGIC64) - SL_MAGIC64;
  const double r = fma(-*k, 0x1.473de6af278edp-34, fma(-*k, 0x1.62e42fef00000p-1, x));
  double q;
  SL_HORNER64(q, sl_exp_q, r);
  return fma(r * r, q, r);
}

/* 2^k, |k| <= 1022 */
SL_FN64 double sl_pow2_64(double k) {
  return sl_double64((sl_bits64(k + SL_MAGIC64) + 1023) << 52);
}

SL_FN64 double sl_fn64_exp(double x) {
  double k;
  const double top = x > 710.0 ? 710.0 : x, c = top < -746.0 ? -746.0 : top;
  const double y = 1.0 + sl_exp64_reduce(c, &k);
  const double k1 = (0.5 * k + SL_MAGIC64) - SL_MAGIC64;
  return (y * sl_pow2_64(k1)) * sl_pow2_64(k - k1);
}

SL_FN64 double sl_fn64_expm1(double x) {
  double k;
  const double top = x > 710.0 ? 710.0 : x, c = top < -40.0 ? -40.0 : top;
  const double p = sl_exp64_reduce(c, &k);
  const double big = k > 1000.0 ? 1000.0 : k; /* beyond, the -1 is far below the last bit */
  const double scale = sl_pow2_64(big), y = fma(scale, p, scale - 1.0) * sl_pow2_64(k - big);
  return x == 0.0 ? x : y;
}

/* log of a positive normal u, plus the small correction c (spec G3.6). */
SL_FN64 double sl_log64_core(double u, double c, double exponent) {
  const uint64_t shifted = sl_bits64(u) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  const double k =
      sl_double64((shifted >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0) + exponent;
  const double f = sl_double64((shifted & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
  const double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
  double r;
  SL_HORNER64(r, sl_log_r, z);
  r = r * z;
  const double low = fma(k, 0x1.473de6af278edp-34, c);
  return fma(k, 0x1.62e42fef00000p-1, f - (half - fma(s, half + r, low)));
}

SL_FN64 double sl_fn64_log(double x) {
  const int tiny = x < 0x1p-1022;
  const double u = tiny ? x * 0x1p54 : x;
  const double y = sl_log64_core(u, 0.0, tiny ? -54.0 : 0.0);
  const double t = x < INFINITY ? y : x; /* inf and NaN */
  return x > 0.0 ? t : x == 0.0 ? -INFINITY : (double)NAN;
}

SL_FN64 double sl_fn64_log1p(double x) {
  const double u = 1.0 + x, c = x >= 1.0 ? 1.0 - (u - x) : x - (u - 1.0);
  const double y = sl_log64_core(u, c / u, 0.0);
  const double t = x < INFINITY ? (x == 0.0 ? x : y) : x;
  return x > -1.0 ? t : x == -1.0 ? -INFINITY : (double)NAN;
}

/* spec G3.7, to sl_fn64_asinh */
SL_FN64 double sl_fn64_sigmoid(double x) {
  const double t = sl_fn64_exp(-fabs(x));
  return (x < 0.0 ? t : 1.0) / (1.0 + t);
}

SL_FN64 double sl_fn64_tanh(double x) {
  const double e = sl_fn64_expm1(-2.0 * fabs(x));
  return copysign(-e / (2.0 + e), x);
}

SL_FN64 double sl_fn64_sinh(double x) {
  const double a = fabs(x), e = sl_fn64_expm1(a), h = sl_fn64_exp(0.5 * a);
  return copysign(a > 700.0 ? (0.5 * h) * h : 0.5 * (e + e / (e + 1.0)), x);
}

SL_FN64 double sl_fn64_cosh(double x) {
  const double a = fabs(x), t = sl_fn64_exp(a), h = sl_fn64_exp(0.5 * a);
  return a > 700.0 ? (0.5 * h) * h : 0.5 * (t + 1.0 / t);
}

SL_FN64 double sl_fn64_softsign(double x) {
  const double a = fabs(x);
  return a < INFINITY ? x / (1.0 + a) : x == x ? copysign(1.0, x) : x;
}

SL_FN64 double sl_fn64_sign(double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0; }

SL_FN64 double sl_fn64_asinh(double x) {
  const double a = fabs(x), s = a * a;
  const double small = sl_fn64_log1p(a + s / (1.0 + sqrt(1.0 + s))),
               large = sl_fn64_log(a) + 0x1.62e42fefa39efp-1;
  return copysign(a > 0x1p28 ? large : small, x);
}

/* spec G3.8 */
SL_FN64 double sl_fn64_atan(double x) {
  const double a = fabs(x), t = a > 1.0 ? 1.0 / a : a;
  const int mid = t > 0x1.a827999fcef32p-2; /* tan(pi/8) */
  const double v = mid ? (t - 1.0) / (t + 1.0) : t, z = v * v;
  double p;
  SL_HORNER64(p, sl_atan_p, z);
  const double core = fma(v * z, p, mid ? 0x1.1a62633145c07p-55 : 0.0); /* the low part of pi/4 */
  const double y = mid ? 0x1.921fb54442d18p-1 + (v + core) : v + core;
  return copysign(a > 1.0 ? 0x1.921fb54442d18p+0 - (y - 0x1.1a62633145c07p-54) : y, x);
}

SL_FN64 double sl_fn64_erf(double x) {
  const double a = fabs(x), c = a > 6.0 ? 6.0 : a, b = c < 1.0 ? 1.0 : c;
  const double z = c * c, t = (b - 2.5) / (b + 2.5);
  double p, q;
  SL_HORNER64(p, sl_erf_p, z);
  SL_HORNER64(q, sl_erfcx_p, t);
  const double far = a >= 6.0 ? 1.0 : fma(-sl_fn64_exp(-z), q, 1.0);
  return a < 1.0 ? x * p : x == x ? copysign(far, x) : x;
}

/* x = n pi/2 + r + low, |r| <= pi/4 (1 + 2^-20); for |x| <= 2^30 (spec G3.9) */
SL_FN64 double sl_trig64_reduce(double x, double *low, uint64_t *n) {
  const double m = fma(x, 0x1.45f306dc9c883p-1, SL_MAGIC64), k = m - SL_MAGIC64;
  const double r1 = fma(-k, 0x1.921fb54442d18p+0, x); /* exact: the bits cancel */
  const double p = k * 0x1.1a62633145c07p-54, pe = fma(k, 0x1.1a62633145c07p-54, -p);
  const double r2 = r1 - p, back = r1 - r2, e = (back - p) - (pe + k * -0x1.f1976b7ed8fbcp-110);
  const double r = r2 + e;
  *low = (r2 - r) + e;
  *n = sl_bits64(m);
  return r;
}

/* sin(r + low) where odd is 0, cos where it is 1, negated where bit 1 of n is set */
SL_FN64 double sl_trig64(double r, double low, uint64_t odd, uint64_t n) {
  const double z = r * r;
  double s, c;
  SL_HORNER64(s, sl_sin_p, z);
  SL_HORNER64(c, sl_cos_p, z);
  s = r + (fma(r * z, s, low));
  const double half = 0.5 * z, w = 1.0 - half;
  c = w + (((1.0 - w) - half) + fma(z * z, c, -r * low));
  const double y = odd ? c : s;
  return sl_double64(sl_bits64(y) ^ ((n & 2) << 62));
}

/* NaN where |x| > 2^30. */
SL_FN64 double sl_fn64_sin(double x) {
  double low;
  uint64_t n;
  const double r = sl_trig64_reduce(x, &low, &n), y = sl_trig64(r, low, n & 1, n);
  return fabs(x) <= 0x1p30 ? (x == 0.0 ? x : y) : (double)NAN;
}

SL_FN64 double sl_fn64_cos(double x) {
  double low;
  uint64_t n;
  const double r = sl_trig64_reduce(x, &low, &n), y = sl_trig64(r, low, (n + 1) & 1, n + 1);
  return fabs(x) <= 0x1p30 ? y : (double)NAN;
}

#endif
