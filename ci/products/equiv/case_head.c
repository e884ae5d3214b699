/* Cases of the head and of sampling (spec T4). */
#include "pack.h"
#include "problem.h"
#include "sizes.h"

#include <assert.h>
#include <stdio.h>

enum {
  T = SL_LOGITS_T,
  D = SL_LOGITS_D,
  VOCAB = SL_LOGITS_VOCAB,
  N_SEQ = SL_LOGITS_N_SEQ,
  PACK = SL_LOGITS_PACK
};

static float some_inverse_temperature(sl_problem *p) {
  static const float inverse[] = {1.0f, 1.0f, 1.25f, 0.7f, 3.3333333f};
  return inverse[sl_source_below(&p->source, 5)];
}

/* Arrays h, w, target, mask from index `first` on; masked rows of h hold what must not be read,
 * masked targets lie beyond the vocabulary.
 */
static void add_head(sl_problem *p, size_t t) {
  const size_t d = p->size[D], vocab = p->size[VOCAB];
  float *h = sl_add_floats(p, "h", SL_IN, t * d);
  sl_add_floats(p, "w", SL_IN, vocab * d);
  uint32_t *target = sl_add_ids(p, "target", t, vocab);
  const uint8_t *mask = sl_add_mask(p, t);
  for (size_t i = 0; i < t; i++) {
    if (mask[i]) continue;
    target[i] = UINT32_MAX;
    for (size_t c = 0; c < d; c++) h[i * d + c] = sl_poison(p);
  }
  p->scalar = some_inverse_temperature(p);
  p->size[PACK] = sl_source_below(&p->source, 2);
}

void sl_make_logprob_forward(sl_problem *p) {
  size_t budget = sl_budget(p, 500000);
  p->size[VOCAB] = sl_size(p, "vocab", 1, 2 * SL_SUM_CHUNK + 100, &budget),
  p->size[T] = sl_size(p, "t", 0, 70, &budget);
  p->size[D] = sl_size(p, "d", 0, SL_DOT_CHUNK + 9, &budget);
  add_head(p, p->size[T]);
  static const char *const names[] = {"logp", "entropy", "row_max", "row_sum"};
  for (int i = 0; i < 4; i++) sl_add(p, names[i], SL_F32, SL_OUT, p->size[T]);
  sl_shape(p, "t %zu, d %zu, vocab %zu, 1/T %g, %s", p->size[T], p->size[D], p->size[VOCAB],
           (double)p->scalar, p->size[PACK] ? "packed" : "not packed");
}

sl_status sl_run_logprob_forward(sl_context *ctx, const sl_problem *p, void *const *at) {
  const size_t t = p->size[T], d = p->size[D], vocab = p->size[VOCAB];
  void *packed;
  sl_status status =
      sl_pack_weight(&packed, ctx, at[1], vocab, d, SL_PACK_FORWARD, (int)p->size[PACK]);
  if (!status)
    status = sl_logprob_forward(ctx, at[4], at[5], at[6], at[7], at[0], at[1], packed, at[2], at[3],
                                p->scalar, t, d, vocab);
  sl_memory_free(ctx, packed);
  return status;
}

/* What a masked slot of a float array holds must not be read. */
static void spoil(sl_problem *p, float *x, const uint8_t *mask, size_t t) {
  for (size_t i = 0; i < t; i++)
    if (!mask[i]) x[i] = sl_poison(p);
}

void sl_make_logprob_backward(sl_problem *p) {
  size_t budget = sl_budget(p, 120000); /* three products */
  p->size[VOCAB] = sl_size(p, "vocab", 1, SL_SUM_CHUNK + 100, &budget),
  p->size[D] = sl_size(p, "d", 0, 60, &budget);
  const uint32_t *seq =
      sl_add_seq(p, budget < 3 * SL_DOT_CHUNK ? budget : 3 * SL_DOT_CHUNK, &p->size[N_SEQ]);
  const size_t t = seq[p->size[N_SEQ]], d = p->size[D], vocab = p->size[VOCAB];
  add_head(p, t);
  const uint8_t *mask = p->array[4].data;
  float *state[4]; /* logp is not among the inputs */
  static const char *const names[] = {"logp", "entropy", "row_max", "row_sum"};
  for (int i = 0; i < 4; i++) state[i] = sl_add(p, names[i], SL_F32, SL_IN, t);
  const sl_status status =
      sl_logprob_forward(p->golden, state[0], state[1], state[2], state[3], p->array[1].data,
                         p->array[2].data, NULL, p->array[3].data, mask, p->scalar, t, d, vocab);
  assert(status == SL_OK);
  (void)status;
  for (int i = 0; i < 4; i++) spoil(p, state[i], mask, t);
  spoil(p, sl_add_floats(p, "dlogp", SL_IN, t), mask, t);
  if (sl_source_below(&p->source, 2))
    spoil(p, sl_add_floats(p, "dentropy", SL_IN, t), mask, t);
  else
    sl_drop(p);
  sl_add(p, "dh", SL_F32, SL_OUT, t * d);
  sl_add_total(p, "dw", vocab * d);
  sl_shape(p, "t %zu in %zu sequences, d %zu, vocab %zu, 1/T %g, %s", t, p->size[N_SEQ], d, vocab,
           (double)p->scalar, p->size[PACK] ? "packed" : "not packed");
}

/* Two shards whose totals are one array: the bits of one shard, and their chunks are cut. */
sl_status sl_run_logprob_backward(sl_context *ctx, const sl_problem *p, void *const *at) {
  const size_t d = p->size[D], vocab = p->size[VOCAB], n_seq = p->size[N_SEQ];
  const uint32_t *seq = p->array[0].data; /* at[0] may be spoilt */
  const sl_shard_total totals[] = {{at[12], n_seq ? seq[n_seq / 2] : 0},
                                   {at[12], n_seq ? seq[n_seq] : 0}};
  void *packed;
  sl_status status =
      sl_pack_weight(&packed, ctx, at[2], vocab, d, SL_PACK_FORWARD, (int)p->size[PACK]);
  if (!status)
    status = sl_logprob_backward(ctx, at[11], totals, 2, at[9], at[10], at[6], at[7], at[8], at[1],
                                 at[2], packed, at[3], at[4], p->scalar, at[0], n_seq, d, vocab);
  sl_memory_free(ctx, packed);
  return status;
}

void sl_make_sample(sl_problem *p) {
  size_t budget = sl_budget(p, 60000);
  p->size[VOCAB] = sl_size(p, "vocab", 1, 3 * SL_SUM_CHUNK, &budget),
  p->size[T] = sl_size(p, "b", 0, p->shrink > 1 ? 8 : 20, &budget);
  const size_t b = p->size[T], vocab = p->size[VOCAB];
  static const float temperatures[] = {0.0f, 1.0f, 1.0f, 0.6f, 2.5f};
  static const double shares[] = {1.0, 1.0, 0.9, 0.5, 0.01};
  p->sampling = (sl_sampling){temperatures[sl_source_below(&p->source, 5)], 0,
                              shares[sl_source_below(&p->source, 5)], sl_source_u64(&p->source),
                              sl_source_below(&p->source, 1000)};
  if (sl_source_below(&p->source, 2))
    p->sampling.top_k = sl_source_below(&p->source, (uint32_t)vocab + 2);
  sl_add(p, "token", SL_U32, SL_OUT, b);
  sl_add(p, "logp", SL_F32, SL_OUT, b);
  sl_add(p, "entropy", SL_F32, SL_OUT, b);
  sl_add_floats(p, "logits", SL_IN, b * vocab);
  sl_add_ids(p, "sequence", b, 1000);
  sl_add_ids(p, "position", b, 1000);
  sl_shape(p, "b %zu, vocab %zu, temperature %g, top_k %u, top_p %g", b, vocab,
           (double)p->sampling.temperature, p->sampling.top_k, p->sampling.top_p);
}

sl_status sl_run_sample(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_sample(ctx, at[0], at[1], at[2], at[3], &p->sampling, at[4], at[5], p->size[T],
                   p->size[VOCAB]);
}
