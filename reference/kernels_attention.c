/* Exact causal grouped-query attention in binary64 (spec T3.1, T3.2, T3.4), and the cache as copies
 * (spec T3.3). */
#include "kernels.h"

#include <math.h>
#include <stdlib.h>

/* The rows that one query sees: element (j, c) of keys and values. */
typedef struct {
  const float *keys, *values;
  size_t key_row, key_step, value_row, value_step;
} cache;

/* o = softmax(q K^T / sqrt d) V over keys 0..n-1; weight is scratch of n. */
static void attend(double *o, double *row_max, double *row_scale, double *weight, const float *q,
                   cache kv, size_t n, size_t d) {
  double max = -INFINITY, sum = 0.0;
  for (size_t j = 0; j < n; j++) {
    weight[j] = 0.0;
    for (size_t c = 0; c < d; c++)
      weight[j] += (double)q[c] * (double)kv.keys[j * kv.key_row + c * kv.key_step];
    weight[j] /= sqrt((double)d);
    max = fmax(max, weight[j]);
  }
  for (size_t j = 0; j < n; j++) {
    weight[j] = exp(weight[j] - max);
    sum += weight[j];
  }
  for (size_t c = 0; c < d; c++) o[c] = 0.0;
  for (size_t j = 0; j < n; j++)
    for (size_t c = 0; c < d; c++)
      o[c] += weight[j] / sum * (double)kv.values[j * kv.value_row + c * kv.value_step];
  if (row_max) *row_max = max, *row_scale = 1.0 / sum;
}

static size_t total_tokens(const uint32_t *seq, size_t n_seq) { return n_seq ? seq[n_seq] : 0; }

sl_status sl_ref_attention_forward(double *o, double *row_max, double *row_scale, const float *q,
                                   const float *k, const float *v, const uint32_t *seq,
                                   size_t n_seq, size_t heads, size_t kv_heads, size_t d) {
  double *weight = calloc(total_tokens(seq, n_seq) + 1, sizeof *weight);
  if (!weight) return SL_ERR_MEMORY;
  for (size_t s = 0; s < n_seq; s++)
    for (size_t h = 0; h < heads; h++) {
      const size_t first = (seq[s] * kv_heads + h / (heads / kv_heads)) * d, row = kv_heads * d;
      const cache kv = {k + first, v + first, row, 1, row, 1};
      for (size_t i = seq[s]; i < seq[s + 1]; i++) {
        const size_t at = i * heads + h;
        attend(o + at * d, row_max + at, row_scale + at, weight, q + at * d, kv, i - seq[s] + 1, d);
      }
    }
  free(weight);
  return SL_OK;
}

sl_status sl_ref_attention_decode(double *o, const float *q, const float *k_cache,
                                  const float *v_cache, const uint32_t *slot,
                                  const uint32_t *position, size_t b, size_t heads, size_t kv_heads,
                                  size_t d, size_t capacity) {
  double *weight = calloc(capacity + 1, sizeof *weight);
  if (!weight) return SL_ERR_MEMORY;
  for (size_t r = 0; r < b; r++)
    for (size_t h = 0; h < heads; h++) {
      const size_t first = (slot[r] * kv_heads + h / (heads / kv_heads)) * d * capacity,
                   at = (r * heads + h) * d;
      const cache kv = {k_cache + first, v_cache + first, 1, capacity, d, 1};
      attend(o + at, NULL, NULL, weight, q + at, kv, (size_t)position[r] + 1, d);
    }
  free(weight);
  return SL_OK;
}

static double inner(const float *a, const float *b, size_t d) {
  double sum = 0.0;
  for (size_t c = 0; c < d; c++) sum += (double)a[c] * (double)b[c];
  return sum;
}

sl_status sl_ref_attention_backward(double *dq, double *dk, double *dv, const float *d_o,
                                    const float *o, const float *q, const float *k, const float *v,
                                    const float *row_max, const float *row_scale,
                                    const uint32_t *seq, size_t n_seq, size_t heads,
                                    size_t kv_heads, size_t d) {
  const size_t t = total_tokens(seq, n_seq);
  const double root = sqrt((double)d);
  for (size_t i = 0; i < t * heads * d; i++) dq[i] = 0.0;
  for (size_t i = 0; i < t * kv_heads * d; i++) dk[i] = dv[i] = 0.0;
  for (size_t s = 0; s < n_seq; s++)
    for (size_t i = seq[s]; i < seq[s + 1]; i++)
      for (size_t h = 0; h < heads; h++)
        for (size_t j = seq[s]; j <= i; j++) {
          const size_t row = i * heads + h, qi = row * d,
                       kj = (j * kv_heads + h / (heads / kv_heads)) * d;
          const double p =
              exp(inner(q + qi, k + kj, d) / root - (double)row_max[row]) * (double)row_scale[row];
          const double ds = p * (inner(d_o + qi, v + kj, d) - inner(d_o + qi, o + qi, d)) / root;
          for (size_t c = 0; c < d; c++) {
            dq[qi + c] += ds * (double)k[kj + c];
            dk[kj + c] += ds * (double)q[qi + c];
            dv[kj + c] += p * (double)d_o[qi + c];
          }
        }
  return SL_OK;
}

/* Element offset of component c of the key at a position, and of the value. */
static size_t key_at(size_t slot, size_t g, size_t c, size_t position, size_t kv_heads, size_t d,
                     size_t capacity) {
  return ((slot * kv_heads + g) * d + c) * capacity + position;
}
static size_t value_at(size_t slot, size_t g, size_t c, size_t position, size_t kv_heads, size_t d,
                       size_t capacity) {
  return ((slot * kv_heads + g) * capacity + position) * d + c;
}

void sl_ref_kv_store(float *k_cache, float *v_cache, const float *k, const float *v,
                     const uint32_t *slot, const uint32_t *position, size_t t, size_t kv_heads,
                     size_t d, size_t capacity) {
  for (size_t i = 0; i < t; i++)
    for (size_t g = 0; g < kv_heads; g++)
      for (size_t c = 0; c < d; c++) {
        k_cache[key_at(slot[i], g, c, position[i], kv_heads, d, capacity)] =
            k[(i * kv_heads + g) * d + c];
        v_cache[value_at(slot[i], g, c, position[i], kv_heads, d, capacity)] =
            v[(i * kv_heads + g) * d + c];
      }
}

void sl_ref_kv_fork(float *k_cache, float *v_cache, const uint32_t *to, const uint32_t *from,
                    const uint32_t *length, size_t n, size_t kv_heads, size_t d, size_t capacity) {
  for (size_t i = 0; i < n; i++)
    for (size_t g = 0; g < kv_heads; g++)
      for (size_t c = 0; c < d; c++)
        for (size_t p = 0; p < length[i]; p++) {
          k_cache[key_at(to[i], g, c, p, kv_heads, d, capacity)] =
              k_cache[key_at(from[i], g, c, p, kv_heads, d, capacity)];
          v_cache[value_at(to[i], g, c, p, kv_heads, d, capacity)] =
              v_cache[value_at(from[i], g, c, p, kv_heads, d, capacity)];
        }
}
