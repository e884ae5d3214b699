/* Entry checks of attention and its cache (spec T3). */
#include "check_arguments.h"

static void check_heads(sl_arguments *a, size_t heads, size_t kv_heads, size_t d) {
  if (!a->status) a->status = sl_check_attention(a->ctx, a->kernel, NULL, 0, heads, kv_heads, d);
}

sl_status sl_check_attention_forward(sl_context *ctx, float *o, float *row_max, float *row_scale,
                                     const float *q, const float *k, const float *v,
                                     const uint32_t *seq, size_t n_seq, size_t heads,
                                     size_t kv_heads, size_t d) {
  sl_arguments a = {ctx, "attention_forward", SL_OK};
  check_heads(&a, heads, kv_heads, d);
  const size_t t = sl_tokens(&a, seq, n_seq);
  SL_NEED(&a, o, t, heads, d), SL_NEED(&a, row_max, t, heads, 1),
      SL_NEED(&a, row_scale, t, heads, 1);
  SL_NEED(&a, q, t, heads, d), SL_NEED(&a, k, t, kv_heads, d), SL_NEED(&a, v, t, kv_heads, d);
  return a.status;
}

sl_status sl_check_attention_backward(sl_context *ctx, float *dq, float *dk, float *dv,
                                      const float *d_o, const float *o, const float *q,
                                      const float *k, const float *v, const float *row_max,
                                      const float *row_scale, const uint32_t *seq, size_t n_seq,
                                      size_t heads, size_t kv_heads, size_t d) {
  sl_arguments a = {ctx, "attention_backward", SL_OK};
  check_heads(&a, heads, kv_heads, d);
  const size_t t = sl_tokens(&a, seq, n_seq);
  SL_NEED(&a, dq, t, heads, d), SL_NEED(&a, dk, t, kv_heads, d), SL_NEED(&a, dv, t, kv_heads, d),
      SL_NEED(&a, d_o, t, heads, d);
  SL_NEED(&a, o, t, heads, d), SL_NEED(&a, q, t, heads, d), SL_NEED(&a, k, t, kv_heads, d),
      SL_NEED(&a, v, t, kv_heads, d);
  SL_NEED(&a, row_max, t, heads, 1), SL_NEED(&a, row_scale, t, heads, 1);
  return a.status;
}

/* The caches of n tokens or copies: none is needed if n is 0. The second check relies on the first:
 * the product does not overflow. */
static void check_cache(sl_arguments *a, const float *k_cache, const float *v_cache, size_t n,
                        size_t kv_heads, size_t d, size_t capacity, size_t slots) {
  if (n == 0) return;
  SL_NEED_IF(a, k_cache, kv_heads, d, capacity);
  if (a->status) return;
  const size_t slot_size = kv_heads * d * capacity;
  SL_NEED(a, k_cache, slots, slot_size, 1), SL_NEED(a, v_cache, slots, slot_size, 1);
}

static void check_slots(sl_arguments *a, const char *name, const uint32_t *slot, size_t n,
                        size_t slots) {
  if (sl_readable(a))
    a->status = sl_check_indices(a->ctx, a->kernel, name, slot, n, slots, "the caches' slots are");
}

static void check_positions(sl_arguments *a, const uint32_t *position, size_t n, size_t capacity) {
  if (sl_readable(a))
    a->status =
        sl_check_indices(a->ctx, a->kernel, "position", position, n, capacity, "the cache holds");
}

sl_status sl_check_attention_decode(sl_context *ctx, float *o, const float *q, const float *k_cache,
                                    const float *v_cache, const uint32_t *slot,
                                    const uint32_t *position, size_t b, size_t heads,
                                    size_t kv_heads, size_t d, size_t capacity, size_t slots) {
  sl_arguments a = {ctx, "attention_decode", SL_OK};
  check_heads(&a, heads, kv_heads, d);
  SL_NEED(&a, o, b, heads, d), SL_NEED(&a, q, b, heads, d), SL_NEED(&a, slot, b, 1, 1),
      SL_NEED(&a, position, b, 1, 1);
  check_cache(&a, k_cache, v_cache, b, kv_heads, d, capacity, slots);
  check_positions(&a, position, b, capacity), check_slots(&a, "slot", slot, b, slots);
  return a.status;
}

sl_status sl_check_kv_store(sl_context *ctx, float *k_cache, float *v_cache, const float *k,
                            const float *v, const uint32_t *slot, const uint32_t *position,
                            size_t t, size_t kv_heads, size_t d, size_t capacity, size_t slots) {
  sl_arguments a = {ctx, "kv_store", SL_OK};
  SL_NEED(&a, k, t, kv_heads, d), SL_NEED(&a, v, t, kv_heads, d), SL_NEED(&a, slot, t, 1, 1),
      SL_NEED(&a, position, t, 1, 1);
  check_cache(&a, k_cache, v_cache, t, kv_heads, d, capacity, slots);
  check_positions(&a, position, t, capacity), check_slots(&a, "slot", slot, t, slots);
  return a.status;
}

sl_status sl_check_kv_fork(sl_context *ctx, float *k_cache, float *v_cache, const uint32_t *to,
                           const uint32_t *from, const uint32_t *length, size_t n, size_t kv_heads,
                           size_t d, size_t capacity, size_t slots) {
  sl_arguments a = {ctx, "kv_fork", SL_OK};
  SL_NEED(&a, to, n, 1, 1), SL_NEED(&a, from, n, 1, 1), SL_NEED(&a, length, n, 1, 1);
  check_cache(&a, k_cache, v_cache, n, kv_heads, d, capacity, slots);
  if (sl_readable(&a)) a.status = sl_check_lengths(ctx, a.kernel, length, n, capacity);
  check_slots(&a, "to", to, n, slots), check_slots(&a, "from", from, n, slots);
  return a.status;
}
