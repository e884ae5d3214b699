/* Rotary position embedding in vectors of 8, which is half a head of 16 (spec T1.10, T1.11).
 *
 * A pair of elements takes 2 products and 2 fmas and moves 16 bytes of x; the tables (8 bytes per
 * pair) serve all heads of a token. Floor: memory. */
#include "cpu.h"
#include "lanes.h"

#include <string.h>

typedef struct {
  float *x;
  const uint32_t *position;
  const float *cos_table, *sin_table;
  size_t heads, d, positions;
  float sign; /* -1 turns back */
} job;

static void rotate_head(float *x, const float *cosine, const float *sine, size_t half, __m256 sign,
                        float scalar_sign) {
  size_t c = 0;
  for (; c + 8 <= half; c += 8) {
    const __m256 a = _mm256_loadu_ps(x + c), b = _mm256_loadu_ps(x + half + c),
                 cs = _mm256_loadu_ps(cosine + c);
    const __m256 sn = sign * _mm256_loadu_ps(sine + c);
    _mm256_storeu_ps(x + c, _mm256_fnmadd_ps(b, sn, a * cs));
    _mm256_storeu_ps(x + half + c, _mm256_fmadd_ps(a, sn, b * cs));
  }
  for (; c < half; c++) {
    const float a = x[c], b = x[half + c], sn = scalar_sign * sine[c];
    x[c] = __builtin_fmaf(-b, sn, a * cosine[c]);
    x[half + c] = __builtin_fmaf(a, sn, b * cosine[c]);
  }
}

static void rotate_range(void *arg, size_t begin, size_t end, int thread) {
  const job *j = arg;
  const size_t half = j->d / 2;
  const __m256 sign = _mm256_set1_ps(j->sign);
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t row = j->position[i] * half;
    SL_VERIFY(j->position[i] < j->positions);
    for (size_t h = 0; h < j->heads; h++)
      rotate_head(j->x + (i * j->heads + h) * j->d, j->cos_table + row, j->sin_table + row, half,
                  sign, j->sign);
  }
}

static sl_status rotate(sl_context *ctx, job j, size_t t) {
  return sl_parallel_for(ctx, t, grain_for(j.heads * (j.d / 8 + 2)), rotate_range, &j);
}

sl_status SL_ISA_NAME(rope_forward)(sl_context *ctx, float *x, const uint32_t *position,
                                    const float *cos_table, const float *sin_table, size_t t,
                                    size_t heads, size_t d, size_t positions) {
  return rotate(ctx, (job){x, position, cos_table, sin_table, heads, d, positions, 1.0f}, t);
}

sl_status SL_ISA_NAME(rope_backward)(sl_context *ctx, float *dx, const uint32_t *position,
                                     const float *cos_table, const float *sin_table, size_t t,
                                     size_t heads, size_t d, size_t positions) {
  return rotate(ctx, (job){dx, position, cos_table, sin_table, heads, d, positions, -1.0f}, t);
}
