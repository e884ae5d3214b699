/* The digest of a tensor's bits in vectors (spec F5.3).
 *
 * 4 bytes and two 64-bit multiplications an element. AVX-512 has those, AVX2 makes each of three
 * of 32 bits: some 1 and 2.5 cycles an element. In cache that is the floor, and beyond it memory
 * is near. */
#include "cpu.h"
#include "kernels/core/mix64.h"
#include "lanes.h"

#include <string.h>

/* Of mix64 over elements: the sum modulo 2^64, and that of the high halves. */
typedef struct {
  uint64_t all, high;
} half_sums;

#ifdef __AVX512F__
#define QW 8
typedef __m512i vq;
static inline vq q_set(uint64_t x) { return _mm512_set1_epi64((long long)x); }
static inline vq q_load(const void *p) { return _mm512_loadu_si512(p); }
static inline void q_store(void *p, vq x) { _mm512_storeu_si512(p, x); }
static inline vq q_widen(const float *p) {
  return _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
static inline vq q_add(vq a, vq b) { return _mm512_add_epi64(a, b); }
static inline vq q_xor(vq a, vq b) { return _mm512_xor_si512(a, b); }
#define q_shift(a, n) _mm512_srli_epi64(a, n)
static inline vq q_multiply(vq a, uint64_t b) { return _mm512_mullo_epi64(a, q_set(b)); }
#else
#define QW 4
typedef __m256i vq;
static inline vq q_set(uint64_t x) { return _mm256_set1_epi64x((long long)x); }
static inline vq q_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline void q_store(void *p, vq x) { _mm256_storeu_si256((__m256i *)p, x); }
static inline vq q_widen(const float *p) {
  return _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(const void *)p));
}
static inline vq q_add(vq a, vq b) { return _mm256_add_epi64(a, b); }
static inline vq q_xor(vq a, vq b) { return _mm256_xor_si256(a, b); }
#define q_shift(a, n) _mm256_srli_epi64(a, n)
static inline vq q_multiply(vq a, uint64_t b) {
  const vq low = q_set(b), high = q_set(b >> 32);
  const vq crossed = q_add(_mm256_mul_epu32(q_shift(a, 32), low), _mm256_mul_epu32(a, high));
  return q_add(_mm256_mul_epu32(a, low), _mm256_slli_epi64(crossed, 32));
}
#endif

/* mix64 (spec F5.1) once 2^32 i and the constant are added. */
static inline vq q_mix(vq z) {
  z = q_multiply(q_xor(z, q_shift(z, 30)), 0xbf58476d1ce4e5b9u);
  z = q_multiply(q_xor(z, q_shift(z, 27)), 0x94d049bb133111ebu);
  return q_xor(z, q_shift(z, 31));
}

static half_sums digest_of(const float *x, size_t begin, size_t end) {
  uint64_t lane[QW];
  for (size_t k = 0; k < QW; k++) lane[k] = ((uint64_t)(begin + k) << 32) + 0x9e3779b97f4a7c15u;
  vq index = q_load(lane), all = q_set(0), high = q_set(0);
  const vq step = q_set((uint64_t)QW << 32);
  size_t i = begin;
  for (; i + QW <= end; i += QW) {
    const vq z = q_mix(q_add(q_widen(x + i), index));
    index = q_add(index, step);
    all = q_add(all, z);
    high = q_add(high, q_shift(z, 32));
  }
  half_sums s = {0, 0};
  q_store(lane, all);
  for (size_t k = 0; k < QW; k++) s.all += lane[k];
  q_store(lane, high);
  for (size_t k = 0; k < QW; k++) s.high += lane[k];
  for (; i < end; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    const uint64_t z = sl_mix64((uint32_t)i, bits);
    s.all += z, s.high += z >> 32;
  }
  return s;
}

typedef struct {
  half_sums *of_thread; /* a cache line each */
  const float *x;
} digest_job;

enum { LINE = 64 / sizeof(half_sums) };

static void digest_range(void *arg, size_t begin, size_t end, int thread) {
  const digest_job *j = arg;
  const half_sums s = digest_of(j->x, begin, end);
  half_sums *const sum = &j->of_thread[(size_t)thread * LINE];
  sum->all += s.all, sum->high += s.high;
}

sl_status SL_ISA_NAME(tensor_digest)(sl_context *ctx, uint64_t *digest, const float *x, size_t n) {
  const size_t threads = (size_t)ctx->threads;
  digest_job j = {sl_workspace(ctx, threads * LINE * sizeof(half_sums)), x};
  if (!j.of_thread) return ctx->error.status;
  memset(j.of_thread, 0, threads * LINE * sizeof(half_sums));
  SL_TRY(sl_parallel_for(ctx, n, 16384, digest_range, &j));
  half_sums s = {0, 0};
  for (size_t t = 0; t < threads; t++)
    s.all += j.of_thread[t * LINE].all, s.high += j.of_thread[t * LINE].high;
  sl_mix64_digest(digest, s.all, s.high);
  return SL_OK;
}
