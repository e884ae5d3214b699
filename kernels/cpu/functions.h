/* The correctly rounded functions (spec N2.1, N2.2) on vectors: vf v_NAME(vf) for each row of
 * functions.def, the algorithms of sluice/functions_core.h on the two halves of a vector,
 * widened. Internal. */
#ifndef SLUICE_CPU_FUNCTIONS_H
#define SLUICE_CPU_FUNCTIONS_H

#include "lanes.h"

#include <sluice/functions.h>

typedef double vf64 __attribute__((vector_size(SL_VW * 4)));
typedef uint64_t vu64 __attribute__((vector_size(SL_VW * 4)));
typedef uint32_t vu32 __attribute__((vector_size(SL_VW * 4)));

#ifdef __AVX512F__
static inline vf64 v64_low(vf x) { return _mm512_cvtps_pd(_mm512_castps512_ps256(x)); }
static inline vf64 v64_high(vf x) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)); }
static inline vf v64_join(vf64 low, vf64 high) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
}
static inline vf64 v64_set(double c) { return _mm512_set1_pd(c); }
static inline vf64 v64_fma(vf64 a, vf64 b, vf64 c) { return _mm512_fmadd_pd(a, b, c); }
static inline vf64 v64_sqrt(vf64 a) { return _mm512_sqrt_pd(a); }
/* a < b ? x : y */
static inline vf64 v64_below(vf64 a, vf64 b, vf64 x, vf64 y) {
  return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), y, x);
}
/* of the low and of the high half of the lanes: p where m holds, else n */
static inline void v64_by_sign(vf64 to[2], vmask m, double n, double p) {
  to[0] = _mm512_mask_blend_pd((__mmask8)m, v64_set(n), v64_set(p));
  to[1] = _mm512_mask_blend_pd((__mmask8)(m >> 8), v64_set(n), v64_set(p));
}
/* Lane j of x and of y side by side, at 2 j where j is even; those of odd j behind all these. */
static inline void v64_store_pairs(double *at, vf64 x, vf64 y) {
  _mm512_storeu_pd(at, _mm512_unpacklo_pd(x, y));
  _mm512_storeu_pd(at + 8, _mm512_unpackhi_pd(x, y));
}
#define SLC_K(c) _mm512_set1_pd(c)
#define SLC_FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#define SLC_SQRT(a) _mm512_sqrt_pd(a)
#define SLC_LT(a, b) _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ)
#define SLC_ODD(u) _mm512_test_epi64_mask((__m512i)(u), _mm512_set1_epi64(1))
#define SLC_SEL(m, a, b) _mm512_mask_blend_pd(m, b, a)
#define SLC_MIN32(a, b) _mm512_min_ps(a, b)
#define SLC_MAX32(a, b) _mm512_max_ps(a, b)
#define SLC_LT32(a, b) _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)
#define SLC_EQ32(a, b) _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ)
#else
static inline vf64 v64_low(vf x) { return _mm256_cvtps_pd(_mm256_castps256_ps128(x)); }
static inline vf64 v64_high(vf x) { return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)); }
static inline vf v64_join(vf64 low, vf64 high) {
  return _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low));
}
static inline vf64 v64_set(double c) { return _mm256_set1_pd(c); }
static inline vf64 v64_fma(vf64 a, vf64 b, vf64 c) { return _mm256_fmadd_pd(a, b, c); }
static inline vf64 v64_sqrt(vf64 a) { return _mm256_sqrt_pd(a); }
static inline vf64 v64_below(vf64 a, vf64 b, vf64 x, vf64 y) {
  return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_LT_OQ));
}
static inline void v64_by_sign(vf64 to[2], vmask m, double n, double p) {
  const __m256i low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(m)),
                high = _mm256_cvtepi32_epi64(_mm256_extracti128_si256(m, 1));
  to[0] = _mm256_blendv_pd(v64_set(n), v64_set(p), _mm256_castsi256_pd(low));
  to[1] = _mm256_blendv_pd(v64_set(n), v64_set(p), _mm256_castsi256_pd(high));
}
static inline void v64_store_pairs(double *at, vf64 x, vf64 y) {
  _mm256_storeu_pd(at, _mm256_unpacklo_pd(x, y));
  _mm256_storeu_pd(at + 4, _mm256_unpackhi_pd(x, y));
}
#define SLC_K(c) _mm256_set1_pd(c)
#define SLC_FMA(a, b, c) _mm256_fmadd_pd(a, b, c)
#define SLC_SQRT(a) _mm256_sqrt_pd(a)
#define SLC_LT(a, b) _mm256_cmp_pd(a, b, _CMP_LT_OQ)
#define SLC_ODD(u) (__m256d)((u) << 63) /* a blend looks at the sign alone */
#define SLC_SEL(m, a, b) _mm256_blendv_pd(b, a, m)
#define SLC_MIN32(a, b) _mm256_min_ps(a, b)
#define SLC_MAX32(a, b) _mm256_max_ps(a, b)
#define SLC_LT32(a, b) _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ))
#define SLC_EQ32(a, b) _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_EQ_OQ))
#endif

static inline vf v_magnitude(vf x) { return (vf)((vu32)x & 0x7fffffffu); }
static inline vf v_copysign(vf x, vf sign) {
  return (vf)((vu32)v_magnitude(x) | ((vu32)sign & 0x80000000u));
}

static inline vf64 v64_magnitude(vf64 x) { return (vf64)((vu64)x & 0x7fffffffffffffffu); }
static inline vf64 v64_copysign(vf64 x, vf64 sign) {
  return (vf64)((vu64)v64_magnitude(x) | ((vu64)sign & 0x8000000000000000u));
}

#define SLC_FN static inline
#define SLC_D(name) v64_##name
#define SLC_S(name) v_##name
#define SLC_F64 vf64
#define SLC_F32 vf
#define SLC_U64 vu64
#define SLC_K32 v_set
#define SLC_BITS(x) ((vu64)(x))
#define SLC_FROM(u) ((vf64)(u))
#define SLC_SEL32 v_select
#define SLC_ABS32 v_magnitude
#define SLC_COPYSIGN v_copysign
#define SLC_MAP(name, x) v64_join(v64_##name(v64_low(x)), v64_##name(v64_high(x)))

#ifdef __AVX512F__
/* The bits of 2^(j/16), less j in the place that a shift of the sum below puts it in. */
static const uint64_t v64_powers[16] = {
    0x3ff0000000000000u, 0x3fefb5586cf9890fu, 0x3fef72b83c7d517bu, 0x3fef387a6e756238u,
    0x3fef06fe0a31b715u, 0x3feedea64c123422u, 0x3feebfdad5362a27u, 0x3feeab07dd485429u,
    0x3feea09e667f3bcdu, 0x3feea11473eb0187u, 0x3feeace5422aa0dbu, 0x3feec49182a3f090u,
    0x3feee89f995ad3adu, 0x3fef199bdd85529cu, 0x3fef5818dcfba487u, 0x3fefa4afa2a490dau,
};

/* exp_parts of functions_core.h with scale = 2^(k/16): one instruction looks up 16 values, so that
 * the polynomial is short. Coefficients: kernels/functions/exp16.sollya. */
#define SLC_OWN_EXP_PARTS
static inline vf64 v64_exp_parts(vf64 w, vf64 *scale) {
  const vf64 sixteenths = v64_set(0x1.8p48); /* x + sixteenths has rint(16 x) in the low bits */
  const vf64 shifted = v64_fma(w, v64_set(0x1.71547652b82fep0), sixteenths),
             k = shifted - sixteenths;
  vf64 r = v64_fma(k, v64_set(-0x1.62e42fefa38p-1), w);
  r = v64_fma(k, v64_set(-0x1.ef35793c7673p-45), r);
  const vf64 t = r * r;
  vf64 even = v64_fma(t, v64_set(0x1.6c173450f6cb2p-10), v64_set(0x1.5555555586f9ep-5));
  even = v64_fma(t, even, v64_set(0x1p-1));
  const vf64 odd = v64_fma(t, v64_set(0x1.11120adb50801p-7), v64_set(0x1.55555554dd72bp-3));
  const __m512i low = _mm512_loadu_si512(v64_powers), high = _mm512_loadu_si512(v64_powers + 8);
  const vu64 power = (vu64)_mm512_permutex2var_epi64(low, (__m512i)shifted, high);
  *scale = (vf64)(power + ((vu64)shifted << 48));
  return v64_fma(t, v64_fma(r, odd, even), r);
}
#endif

#include <sluice/functions_core.h>

#endif
