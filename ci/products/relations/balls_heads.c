/* Balls of attention and its cache, of the head and of sampling (spec T3, T4). */
#include "balls_make.h"

#include "reference/kernels.h"

#include <stdlib.h>
#include <string.h>

static sl_status forward(sl_kernel_balls *b, const sl_problem *p) {
  const sl_array *a = p->array;
  const size_t heads = p->size[SL_HEADS_HEADS];
  sl_ball *o = sl_balls_rows(b, p, 4, p->size[SL_HEADS_D]), *max = sl_balls_rows(b, p, 5, heads),
          *scale = sl_balls_rows(b, p, 6, heads);
  if (!o || !max || !scale) return SL_ERR_MEMORY;
  return sl_bound_attention_forward(o, max, scale, a[1].data, a[2].data, a[3].data, a[0].data,
                                    p->size[SL_HEADS_N_SEQ], heads, p->size[SL_HEADS_KV_HEADS],
                                    p->size[SL_HEADS_D]);
}

static sl_status backward(sl_kernel_balls *b, const sl_problem *p) {
  const sl_array *a = p->array;
  const size_t d = p->size[SL_HEADS_D];
  sl_ball *dq = sl_balls_rows(b, p, 8, d), *dk = sl_balls_rows(b, p, 9, d),
          *dv = sl_balls_rows(b, p, 10, d);
  if (!dq || !dk || !dv) return SL_ERR_MEMORY;
  return sl_bound_attention_backward(
      dq, dk, dv, a[7].data, a[4].data, a[1].data, a[2].data, a[3].data, a[5].data, a[6].data,
      a[0].data, p->size[SL_HEADS_N_SEQ], p->size[SL_HEADS_HEADS], p->size[SL_HEADS_KV_HEADS], d);
}

static sl_status decode(sl_kernel_balls *b, const sl_problem *p) {
  const sl_array *a = p->array;
  sl_ball *o = sl_balls_rows(b, p, 5, p->size[SL_HEADS_D]);
  if (!o) return SL_ERR_MEMORY;
  return sl_bound_attention_decode(o, a[4].data, a[0].data, a[1].data, a[2].data, a[3].data,
                                   p->size[SL_HEADS_T], p->size[SL_HEADS_HEADS],
                                   p->size[SL_HEADS_KV_HEADS], p->size[SL_HEADS_D],
                                   p->size[SL_HEADS_CAPACITY]);
}

/* Both caches as copies of what they held, with what is stored or forked. */
static sl_status caches(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p) {
  const sl_array *a = p->array;
  const size_t n = a[0].count, t = p->size[SL_HEADS_T], g = p->size[SL_HEADS_KV_HEADS],
               d = p->size[SL_HEADS_D], capacity = p->size[SL_HEADS_CAPACITY];
  float *k = malloc(n * sizeof *k + 1), *v = malloc(n * sizeof *v + 1);
  sl_status status = k && v ? SL_OK : SL_ERR_MEMORY;
  if (!status) {
    memcpy(k, a[0].data, n * sizeof *k), memcpy(v, a[1].data, n * sizeof *v);
    if (kernel == SL_KERNEL_kv_store)
      sl_ref_kv_store(k, v, a[4].data, a[5].data, a[2].data, a[3].data, t, g, d, capacity);
    else
      sl_ref_kv_fork(k, v, a[2].data, a[4].data, a[3].data, t, g, d, capacity);
    status = sl_balls_exact(b, p, 0, d, k);
    if (!status) status = sl_balls_exact(b, p, 1, d, v);
  }
  free(k);
  free(v);
  return status;
}

sl_status sl_balls_heads(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p,
                         const void *token) {
  (void)token;
  if (kernel == SL_KERNEL_attention_forward) return forward(b, p);
  if (kernel == SL_KERNEL_attention_backward) return backward(b, p);
  return kernel == SL_KERNEL_attention_decode ? decode(b, p) : caches(b, kernel, p);
}

static sl_status logprob_forward(sl_kernel_balls *b, const sl_problem *p) {
  const sl_array *a = p->array;
  sl_ball *out[4];
  for (size_t i = 0; i < 4; i++)
    if (!(out[i] = sl_balls_rows(b, p, 4 + i, 1))) return SL_ERR_MEMORY;
  return sl_bound_logprob_forward(out[0], out[1], out[2], out[3], a[0].data, a[1].data, a[2].data,
                                  a[3].data, p->scalar, p->size[SL_LOGITS_T], p->size[SL_LOGITS_D],
                                  p->size[SL_LOGITS_VOCAB]);
}

static sl_status logprob_backward(sl_kernel_balls *b, const sl_problem *p) {
  const sl_array *a = p->array;
  const size_t d = p->size[SL_LOGITS_D];
  sl_ball *dh = sl_balls_rows(b, p, 11, d), *dw = sl_balls_rows(b, p, 12, d);
  if (!dh || !dw) return SL_ERR_MEMORY;
  return sl_bound_logprob_backward(dh, dw, a[12].data, a[9].data, a[10].data, a[6].data, a[7].data,
                                   a[8].data, a[1].data, a[2].data, a[3].data, a[4].data, p->scalar,
                                   a[0].data, p->size[SL_LOGITS_N_SEQ], d,
                                   p->size[SL_LOGITS_VOCAB]);
}

/* logp and entropy of the token that was drawn; the token itself is for P to compare. */
static sl_status sample(sl_kernel_balls *b, const sl_problem *p, const void *token) {
  sl_ball *logp = sl_balls_rows(b, p, 1, 1), *entropy = sl_balls_rows(b, p, 2, 1);
  if (!logp || !entropy) return SL_ERR_MEMORY;
  const uint32_t *drawn = token;
  for (size_t i = 0; i < p->size[SL_LOGITS_T]; i++)
    if (drawn[i] >= p->size[SL_LOGITS_VOCAB]) return SL_ERR_UNAVAILABLE;
  return sl_bound_sample(logp, entropy, drawn, p->array[3].data, p->sampling.temperature,
                         p->size[SL_LOGITS_T], p->size[SL_LOGITS_VOCAB]);
}

sl_status sl_balls_logits(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p,
                          const void *token) {
  if (kernel == SL_KERNEL_logprob_forward) return logprob_forward(b, p);
  return kernel == SL_KERNEL_logprob_backward ? logprob_backward(b, p) : sample(b, p, token);
}
