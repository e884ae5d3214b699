/* Vectors of SL_VW floats as the kernels here use them: part loads and stores, fma, and the lane
 * sums of spec N3.6 and N3.8. Internal.
 *
 * Zero terms. A part load fills with +0, so a tail or a causal edge adds terms fma(0, x, c) or
 * fma(x, 0, c) to a chain c, x finite. They leave any c but -0 as it is, and can turn -0 into +0. A
 * later fma(a, b, +-0) with a * b not zero is RN(a * b) for either sign, and with a
 * * b zero it is a zero again. So a chain or a lane with such terms differs from the chain of the
 * spec at most in the sign of a zero. A sum of lanes x + +-0 is x, or a zero. At last the chain (or
 * lane) result is added to a total that started at +0 and therefore is never -0: t
 * + (-0) = t + (+0) for every such t. Hence zero terms cannot affect a dot or a sum (spec N3.1). */
#ifndef SLUICE_CPU_LANES_H
#define SLUICE_CPU_LANES_H

#include <sluice/kernels.h>

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
#define SL_VW 16
#else
#define SL_VW 8
#endif
typedef float vf __attribute__((vector_size(SL_VW * 4)));

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static inline size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

/* A range this long (ns) pays for handing it to a thread; shorter work stays where it is. ns: a
 * rough cost of one index. */
#define SL_RANGE_NS 20000
static inline size_t grain_for(size_t ns) {
  return ns >= SL_RANGE_NS ? 1 : SL_RANGE_NS / larger(ns, 1);
}

#ifdef __AVX512F__
typedef __mmask16 vmask;
/* the first n of SL_VW lanes, all for n >= SL_VW */
static inline vmask v_mask(size_t n) { return (vmask)((1u << (n < 16 ? n : 16)) - 1); }
static inline vf v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
static inline vf v_load_part(const float *p, vmask m) { return _mm512_maskz_loadu_ps(m, p); }
static inline void v_store_part(float *p, vmask m, vf x) { _mm512_mask_storeu_ps(p, m, x); }
/* lanes of m from x, the others from other */
static inline vf v_select(vmask m, vf x, vf other) { return _mm512_mask_blend_ps(m, other, x); }
static inline vf v_set(float x) { return _mm512_set1_ps(x); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }
static inline vf v_floor(vf a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
static inline vmask v_less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vmask v_equal(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vmask v_and(vmask m, vmask n) { return _kand_mask16(m, n); }
static inline vmask v_or(vmask m, vmask n) { return _kor_mask16(m, n); }
static inline vmask v_without(vmask m, vmask n) { return _kandn_mask16(n, m); }
static inline unsigned v_lane_bits(vmask m) { return m; }
/* lanes whose byte at p is not 0, of the first n */
static inline vmask v_flags(const uint8_t *p, size_t n) {
  const __m128i x = _mm_maskz_loadu_epi8(v_mask(n), p);
  return _mm_test_epi8_mask(x, x);
}
/* a < b ? 0 : x */
static inline vf v_zero_below(vf x, vf a, vf b) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ), x);
}
static inline __m256 v_fold(vf v) {
  return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
}
#else
typedef __m256i vmask;
static const int32_t v_mask_source[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
static inline vmask v_mask(size_t n) {
  return _mm256_loadu_si256((const __m256i *)(const void *)(v_mask_source + 8 - smaller(n, 8)));
}
static inline vf v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
static inline vf v_load_part(const float *p, vmask m) { return _mm256_maskload_ps(p, m); }
static inline void v_store_part(float *p, vmask m, vf x) { _mm256_maskstore_ps(p, m, x); }
static inline vf v_select(vmask m, vf x, vf other) {
  return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(m));
}
static inline vf v_set(float x) { return _mm256_set1_ps(x); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }
static inline vf v_floor(vf a) { return _mm256_floor_ps(a); }
static inline vmask v_less(vf a, vf b) {
  return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
static inline vmask v_equal(vf a, vf b) {
  return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}
static inline vmask v_and(vmask m, vmask n) { return _mm256_and_si256(m, n); }
static inline vmask v_or(vmask m, vmask n) { return _mm256_or_si256(m, n); }
static inline vmask v_without(vmask m, vmask n) { return _mm256_andnot_si256(n, m); }
static inline unsigned v_lane_bits(vmask m) {
  return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(m));
}
static inline vmask v_flags(const uint8_t *p, size_t n) {
  uint64_t bytes = 0;
  memcpy(&bytes, p, n < 8 ? n : 8);
  const __m256i x = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes));
  return _mm256_cmpgt_epi32(x, _mm256_setzero_si256());
}
static inline vf v_zero_below(vf x, vf a, vf b) {
  return _mm256_and_ps(x, _mm256_cmp_ps(a, b, _CMP_NLT_UQ));
}
#endif

/* The first n elements at p, all SL_VW for n beyond that; a part store is slow on AVX2, so whole
 * vectors take their own way. */
static inline vf v_load_n(const float *p, size_t n) {
  return n >= SL_VW ? v_load(p) : v_load_part(p, v_mask(n));
}
static inline void v_store_n(float *p, size_t n, vf x) {
  if (n >= SL_VW)
    v_store(p, x);
  else
    v_store_part(p, v_mask(n), x);
}

static inline vf v_zero(void) { return v_set(0.0f); }
static inline vf v_abs(vf x) { return v_max(x, -x); }

/* lane j takes lane[j] + lane[j + 4], then + 2, then + 1 (spec N3.6) */
static inline float v_butterfly8(__m256 v) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}

/* The 32 lanes of a chunk of spec N3.6: lane j in vector j / SL_VW. */
#define SL_LANE_VECTORS (SL_SUM_LANES / SL_VW)
typedef struct {
  vf v[SL_LANE_VECTORS];
} lanes;

static inline lanes lanes_zero(void) {
  lanes l;
  for (int i = 0; i < SL_LANE_VECTORS; i++) l.v[i] = v_zero();
  return l;
}

static inline float lanes_total(const lanes *l) {
#ifdef __AVX512F__
  return v_butterfly8(v_fold(l->v[0] + l->v[1]));
#else
  return v_butterfly8((l->v[0] + l->v[2]) + (l->v[1] + l->v[3]));
#endif
}

/* The butterfly of spec N3.8 over a chunk's 32 lanes. */
static inline double lanes64_total(double *lane) {
  for (size_t h = SL_SUM_LANES / 2; h > 0; h /= 2)
    for (size_t j = 0; j < h; j++) lane[j] += lane[j + h];
  return lane[0];
}

/* Sums a list of chunk results by levels, in place, until one is left (spec N3.8); +0 for none. A
 * chunk's result goes where only it and chunks before it were. */
static inline double sum64_levels(double *list, size_t n) {
  while (n > 1) {
    const size_t chunks = (n + SL_SUM_CHUNK - 1) / SL_SUM_CHUNK;
    for (size_t c = 0; c < chunks; c++) {
      const double *x = list + c * SL_SUM_CHUNK;
      const size_t in_chunk = smaller(SL_SUM_CHUNK, n - c * SL_SUM_CHUNK);
      double lane[SL_SUM_LANES] = {0};
      size_t i = 0;
      for (; i + SL_SUM_LANES <= in_chunk; i += SL_SUM_LANES)
        for (size_t k = 0; k < SL_SUM_LANES; k++) lane[k] += x[i + k];
      for (size_t k = 0; i + k < in_chunk; k++) lane[k] += x[i + k];
      list[c] = lanes64_total(lane);
    }
    n = chunks;
  }
  return n ? list[0] : 0.0;
}

/* The largest lane; which of +0 and -0 is not said. */
static inline float v_max_lane(vf v) {
#ifdef __AVX512F__
  const __m256 y = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
#else
  const __m256 y = v;
#endif
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

#endif
