/* Transposes of small blocks in registers: to[k * stride + i] = from[i * step + k]. Internal. */
#ifndef SLUICE_CPU_TRANSPOSE_H
#define SLUICE_CPU_TRANSPOSE_H

#include "lanes.h"

static inline void transpose8(float *to, size_t stride, const float *from, size_t step) {
  __m256 r[8], s[8];
  for (size_t i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(from + i * step);
  for (int i = 0; i < 8; i += 2)
    s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]), s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44),
    r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44),
          r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
  }
  for (size_t i = 0; i < 4; i++) {
    _mm256_storeu_ps(to + i * stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}

static inline void transpose4(float *to, size_t stride, const float *from, size_t step) {
  __m128 r0 = _mm_loadu_ps(from), r1 = _mm_loadu_ps(from + step),
         r2 = _mm_loadu_ps(from + 2 * step), r3 = _mm_loadu_ps(from + 3 * step);
  _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
  _mm_storeu_ps(to, r0), _mm_storeu_ps(to + stride, r1), _mm_storeu_ps(to + 2 * stride, r2),
      _mm_storeu_ps(to + 3 * stride, r3);
}

#endif
