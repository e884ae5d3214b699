/* Causal grouped-query attention, forward and decode (spec T3.1, T3.2), and the cache
 * (spec T3.3). */
#include "attention.h"
#include "plain.h"

#include <string.h>

/* A row's softmax over the keys so far: M and L of spec T3.1; its O lies in the output. */
typedef struct {
  float max, sum;
} softmax;

/* Scaled scores of q with the keys [begin, end); returns their maximum. */
static float scores(float *s, const float *q, strided k, size_t begin, size_t end, size_t d,
                    float scale) {
  float max = -INFINITY;
  for (size_t j = begin; j < end; j++) {
    s[j - begin] = dot_onto(0.0f, q, 1, k.at + j * k.key, k.component, 0, d) * scale;
    if (s[j - begin] > max) max = s[j - begin];
  }
  return max + 0.0f;
}

/* Joins the key chunk [begin, end) to a row: its weights p, of which s holds the scores, their sum
 * and their values. */
static void join_chunk(softmax *row, float *o, float *s, float max, strided v, size_t begin,
                       size_t end, size_t d) {
  const float joined = fmaxf(row->max, max), a = sl_fn_exp(row->max - joined),
              b = sl_fn_exp(max - joined);
  for (size_t j = 0; j < end - begin; j++) s[j] = sl_fn_exp(s[j] - max);
  row->sum = fmaf(lane_sum(s, NULL, end - begin), b, row->sum * a);
  for (size_t c = 0; c < d; c++) {
    float w = 0.0f;
    for (size_t j = begin; j < end; j++)
      w = fmaf(s[j - begin], v.at[j * v.key + c * v.component], w);
    o[c] = fmaf(w, b, o[c] * a);
  }
  row->max = joined;
}

/* One query row against keys 0..n-1. k and v are addressed by strides in elements: key step and
 * component step. */
static void attend(float *o, float *row_max, float *row_scale, const float *q, strided k, strided v,
                   size_t n, size_t d) {
  const float scale = attention_scale(d);
  softmax row = {-INFINITY, 0.0f};
  for (size_t c = 0; c < d; c++) o[c] = 0.0f;
  for (size_t begin = 0; begin < n; begin += SL_KEY_CHUNK) {
    const size_t end = smaller(n, begin + SL_KEY_CHUNK);
    float s[SL_KEY_CHUNK];
    const float max = scores(s, q, k, begin, end, d, scale);
    join_chunk(&row, o, s, max, v, begin, end, d);
  }
  const float inverse = 1.0f / row.sum;
  for (size_t c = 0; c < d; c++) o[c] = inverse * o[c] + 0.0f;
  if (row_max) *row_max = row.max, *row_scale = inverse;
}

sl_status sl_plain_attention_forward(sl_context *ctx, float *o, float *row_max, float *row_scale,
                                     const float *q, const float *k, const float *v,
                                     const uint32_t *seq, size_t n_seq, size_t heads,
                                     size_t kv_heads, size_t d) {
  (void)ctx;
  for (size_t r = 0; r < n_seq; r++)
    for (size_t i = seq[r]; i < seq[r + 1]; i++)
      for (size_t h = 0; h < heads; h++) {
        const size_t at = i * heads + h, kv = (seq[r] * kv_heads + h / (heads / kv_heads)) * d;
        const strided keys = {k + kv, kv_heads * d, 1}, values = {v + kv, kv_heads * d, 1};
        attend(o + at * d, row_max + at, row_scale + at, q + at * d, keys, values, i - seq[r] + 1,
               d);
      }
  return SL_OK;
}

sl_status sl_plain_attention_decode(sl_context *ctx, float *o, const float *q, const float *k_cache,
                                    const float *v_cache, const uint32_t *slot,
                                    const uint32_t *position, size_t b, size_t heads,
                                    size_t kv_heads, size_t d, size_t capacity, size_t slots) {
  (void)ctx;
  for (size_t i = 0; i < b * heads; i++) {
    const size_t r = i / heads,
                 kv = (slot[r] * kv_heads + i % heads / (heads / kv_heads)) * d * capacity;
    SL_VERIFY(slot[r] < slots && position[r] < capacity);
    const strided keys = {k_cache + kv, 1, capacity}, values = {v_cache + kv, d, 1};
    attend(o + i * d, NULL, NULL, q + i * d, keys, values, position[r] + (size_t)1, d);
  }
  return SL_OK;
}

sl_status sl_plain_kv_store(sl_context *ctx, float *k_cache, float *v_cache, const float *k,
                            const float *v, const uint32_t *slot, const uint32_t *position,
                            size_t t, size_t kv_heads, size_t d, size_t capacity, size_t slots) {
  (void)ctx;
  for (size_t i = 0; i < t * kv_heads; i++) {
    const size_t row = i / kv_heads, at = (slot[row] * kv_heads + i % kv_heads) * d * capacity;
    SL_VERIFY(slot[row] < slots && position[row] < capacity);
    for (size_t c = 0; c < d; c++) k_cache[at + c * capacity + position[row]] = k[i * d + c];
    memcpy(v_cache + at + position[row] * d, v + i * d, d * sizeof *v);
  }
  return SL_OK;
}

sl_status sl_plain_kv_fork(sl_context *ctx, float *k_cache, float *v_cache, const uint32_t *to,
                           const uint32_t *from, const uint32_t *length, size_t n, size_t kv_heads,
                           size_t d, size_t capacity, size_t slots) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    SL_VERIFY(to[i] < slots && from[i] < slots && length[i] <= capacity);
    if (to[i] == from[i]) continue;
    const size_t dst = to[i] * kv_heads * d * capacity, src = from[i] * kv_heads * d * capacity;
    for (size_t c = 0; c < kv_heads * d; c++)
      memcpy(k_cache + dst + c * capacity, k_cache + src + c * capacity,
             length[i] * sizeof *k_cache);
    for (size_t g = 0; g < kv_heads; g++)
      memcpy(v_cache + dst + g * d * capacity, v_cache + src + g * d * capacity,
             length[i] * d * sizeof *v_cache);
  }
  return SL_OK;
}
