/* One gradient: forward, loss and backward of the sequences of an optimiser step, shard by shard (spec N4.3, O4). */
#include "step.h"

#include "block.h"
#include "model_activations.h"

#include <string.h>

static void cut_step(sl_cutter *c, sl_step *s) {
  const size_t n = s->max_sequences, t = s->max_tokens;
  float **const floats[] = {&s->logp_old, &s->logp_ref, &s->logp, &s->entropy, &s->dlogp, &s->dentropy};
  uint32_t **const words[] = {&s->ids, &s->position, &s->target};
  s->sums = sl_cut(c, n, 1, sizeof *s->sums);
  s->coefficient = sl_cut(c, n, 1, sizeof *s->coefficient);
  s->seq = sl_cut(c, n + 1, 1, sizeof *s->seq), s->local_seq = sl_cut(c, n + 1, 1, sizeof *s->local_seq);
  s->tokens = sl_cut(c, n, 1, sizeof *s->tokens);
  s->advantage = sl_cut(c, n, 1, sizeof *s->advantage);
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) *floats[i] = sl_cut(c, t, 1, sizeof(float));
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) *words[i] = sl_cut(c, t, 1, sizeof(uint32_t));
  s->mask = sl_cut(c, t, 1, sizeof *s->mask);
}

size_t sl_step_bytes(size_t max_sequences, size_t max_tokens) {
  sl_step s = {.max_sequences = max_sequences, .max_tokens = max_tokens};
  sl_cutter c = {0};
  cut_step(&c, &s);
  return sl_cutter_bytes(&c);
}

sl_status sl_step_create(sl_step *out, size_t max_sequences, size_t max_tokens, sl_error *err) {
  sl_step s = {.max_sequences = max_sequences, .max_tokens = max_tokens};
  if (max_tokens > UINT32_MAX) return sl_fail(err, SL_ERR_MEMORY, "a step of %zu tokens is too large", max_tokens);
  const sl_status status = sl_block_create(&s.block, sl_step_bytes(max_sequences, max_tokens), "the tokens of a step", err);
  if (status) return status;
  cut_step(&(sl_cutter){.base = s.block}, &s);
  *out = s;
  return SL_OK;
}

void sl_step_free(sl_step *step) {
  sl_block_free(step->block);
  memset(step, 0, sizeof *step);
}

void sl_step_clear(sl_step *step) {
  step->n_seq = 0;
  step->seq[0] = 0;
}

void sl_step_add(sl_step *s, const uint32_t *ids, size_t length, size_t prompt_length, const float *logp_old, float advantage) {
  const size_t at = s->seq[s->n_seq];
  uint32_t tokens = 0;
  for (size_t i = 0; i < length; i++) {
    const int learnt = i + 1 >= prompt_length && i + 1 < length;
    s->ids[at + i] = ids[i];
    s->position[at + i] = (uint32_t)i;
    s->target[at + i] = learnt ? ids[i + 1] : 0;
    s->mask[at + i] = (uint8_t)learnt;
    s->logp_old[at + i] = logp_old ? logp_old[i] : 0.0f;
    s->logp_ref[at + i] = 0.0f;
    tokens += (uint32_t)learnt;
  }
  s->tokens[s->n_seq] = tokens;
  s->advantage[s->n_seq] = advantage;
  s->n_seq++;
  s->seq[s->n_seq] = (uint32_t)(at + length);
}

size_t sl_micro_batch_tokens(size_t n_seq, size_t shards, size_t micro_batch, size_t max_length) {
  const size_t shard = (n_seq + shards - 1) / shards;
  return (micro_batch && micro_batch < shard ? micro_batch : shard) * max_length;
}

/* The sequences [begin, end) as a batch of their own. */
static sl_batch micro_batch(const sl_step *s, size_t begin, size_t end) {
  const uint32_t first = s->seq[begin];
  for (size_t i = begin; i <= end; i++) s->local_seq[i - begin] = s->seq[i] - first;
  return (sl_batch){end - begin, s->local_seq, s->ids + first, s->position + first, s->target + first, s->mask + first};
}

static sl_status gated(sl_step *s, sl_model *m, const sl_batch *b, const sl_step_options *o, size_t begin) {
  const size_t at = s->seq[begin];
  const sl_gated_loss_batch loss = {s->logp + at,
                                    s->logp_old + at,
                                    o->objective->beta > 0 ? s->logp_ref + at : NULL,
                                    s->entropy + at,
                                    b->mask,
                                    b->seq,
                                    s->advantage + begin,
                                    s->coefficient + begin,
                                    b->n_seq};
  return sl_gated_loss(m->ctx, s->dlogp + at, o->objective->gamma > 0 ? s->dentropy + at : NULL, s->sums + begin, o->objective, &loss);
}

/* spec O4.5 and O4.6 */
static void supervised(sl_step *s, const sl_batch *b, size_t begin) {
  for (size_t q = 0; q < b->n_seq; q++) {
    const float d = (float)-s->coefficient[begin + q];
    double sum = 0.0;
    for (size_t i = s->seq[begin + q]; i < s->seq[begin + q + 1]; i++) {
      s->dlogp[i] = s->mask[i] ? d : 0.0f;
      if (s->mask[i]) sum += s->coefficient[begin + q] * (double)s->logp[i];
    }
    s->sums[begin + q] = (sl_loss_sums){.objective = sum, .tokens = s->tokens[begin + q]};
  }
}

static sl_status one_micro_batch(sl_step *s, sl_model *m, sl_gradients *g, const sl_step_options *o, size_t begin, size_t end) {
  const sl_batch b = micro_batch(s, begin, end);
  const size_t at = s->seq[begin];
  if (b.seq[b.n_seq] == 0) return SL_OK;
  SL_TRY(sl_model_forward(m, &b, o->inv_temperature, s->logp + at, s->entropy + at));
  if (o->objective)
    SL_TRY(gated(s, m, &b, o, begin));
  else
    supervised(s, &b, begin);
  const float *dentropy = o->objective && o->objective->gamma > 0 ? s->dentropy + at : NULL;
  return sl_model_backward(m, &b, o->inv_temperature, s->dlogp + at, dentropy, g->total, g->head_total);
}

sl_status sl_step_gradient(sl_step *s, sl_model *m, sl_gradients *g, const sl_step_options *o) {
  SL_TRY(sl_model_pack(m));
  for (size_t k = 0; k < g->shards; k++) {
    const size_t end = sl_shard_begin(k + 1, s->n_seq, g->shards);
    sl_gradients_begin_shard(g);
    for (size_t begin = sl_shard_begin(k, s->n_seq, g->shards); begin < end;) {
      const size_t stop = o->micro_batch && o->micro_batch < end - begin ? begin + o->micro_batch : end;
      SL_TRY(one_micro_batch(s, m, g, o, begin, stop));
      begin = stop;
    }
    SL_TRY(sl_gradients_end_shard(g));
  }
  return SL_OK;
}

sl_status sl_step_rehearse(sl_step *s, sl_model *m, sl_gradients *g, const sl_step_options *o) {
  for (size_t i = 0; i < s->n_seq; i++) s->coefficient[i] = 0.0;
  SL_TRY(sl_model_pack(m));
  sl_gradients_begin_shard(g);
  return one_micro_batch(s, m, g, o, 0, s->n_seq);
}

sl_status sl_step_logprobs(sl_step *s, sl_model *m, const sl_step_options *o, size_t shards, float *logp, float *entropy) {
  SL_TRY(sl_model_pack(m));
  const size_t shard = (s->n_seq + shards - 1) / shards, most = o->micro_batch && o->micro_batch < shard ? o->micro_batch : shard;
  for (size_t begin = 0; begin < s->n_seq; begin += most) {
    const size_t end = s->n_seq - begin < most ? s->n_seq : begin + most;
    const sl_batch b = micro_batch(s, begin, end);
    SL_TRY(sl_model_forward(m, &b, o->inv_temperature, logp + s->seq[begin], entropy + s->seq[begin]));
  }
  return SL_OK;
}
