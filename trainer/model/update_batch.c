/* The sequences of an optimiser step: their memory, and how they are appended. */
#include "batch_gradient.h"

#include "model_activations.h"

#include <string.h>

static void cut_step(sl_cutter *c, sl_update_batch *s) {
  const size_t n = s->max_sequences, t = s->max_tokens;
  sl_read_rows *r = &s->read;
  float **const floats[] = {&s->logp_old, &s->logp_ref, &s->logp,    &s->entropy, &r->logp_old,
                            &r->logp_ref, &r->logp,     &r->entropy, &r->dlogp,   &r->dentropy};
  uint32_t **const words[] = {
      &s->ids,      &r->ids,        &r->position,   &r->target,          &r->last,
      &r->place,    &r->shared_row, &r->shared_ids, &r->shared_position, &r->shared_place,
      &r->read_row, &r->read_place, &r->read_node};
  s->sums = sl_cut(c, n, 1, sizeof *s->sums);
  s->coefficient = sl_cut(c, n, 1, sizeof *s->coefficient);
  s->seq = sl_cut(c, n + 1, 1, sizeof *s->seq), r->seq = sl_cut(c, n + 1, 1, sizeof *r->seq),
  s->local_seq = sl_cut(c, n, 2, sizeof *s->local_seq);
  s->shard_seq = sl_cut(c, n, 2, sizeof *s->shard_seq),
  s->chunk_seq = sl_cut(c, 2 * n + t / SL_DOT_CHUNK + 1, 1, sizeof *s->chunk_seq);
  s->shards = sl_cut(c, n, 1, sizeof *s->shards);
  s->tokens = sl_cut(c, n, 1, sizeof *s->tokens);
  s->advantage = sl_cut(c, n, 1, sizeof *s->advantage);
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
    *floats[i] = sl_cut(c, t, 1, sizeof(float));
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    *words[i] = sl_cut(c, t, 1, sizeof(uint32_t));
  s->mask = sl_cut(c, t, 1, sizeof *s->mask), r->mask = sl_cut(c, t, 1, sizeof *r->mask);
}

static size_t count_bytes(size_t max_sequences, size_t max_tokens) {
  sl_update_batch s = {.max_sequences = max_sequences, .max_tokens = max_tokens};
  sl_cutter c = {0};
  cut_step(&c, &s);
  return sl_cutter_bytes(&c);
}

size_t sl_update_batch_bytes(const sl_context *ctx, size_t max_sequences, size_t max_tokens) {
  return sl_mirror_bytes(ctx, count_bytes(max_sequences, max_tokens));
}

sl_status sl_update_batch_create(sl_update_batch *out, sl_context *ctx, size_t max_sequences,
                                 size_t max_tokens, sl_error *err) {
  sl_update_batch s = {.max_sequences = max_sequences, .max_tokens = max_tokens};
  if (max_tokens > UINT32_MAX)
    return sl_fail(err, SL_ERR_MEMORY, "a step of %zu tokens is too large", max_tokens);
  const size_t bytes = count_bytes(max_sequences, max_tokens);
  SL_TRY(sl_mirror_create(&s.mirror, ctx, bytes, "the tokens of a step", err));
  cut_step(&(sl_cutter){.base = s.mirror.host, .bytes = bytes}, &s);
  *out = s;
  return SL_OK;
}

void sl_update_batch_free(sl_update_batch *step) {
  sl_mirror_free(&step->mirror);
  memset(step, 0, sizeof *step);
}

void sl_update_batch_clear(sl_update_batch *step) {
  step->n_seq = 0;
  step->seq[0] = 0;
}

/* counted NULL: the ids from prompt_length on. */
static void add(sl_update_batch *s, const uint32_t *ids, size_t length, size_t prompt_length,
                const uint8_t *counted, const float *logp_old, float advantage) {
  const size_t at = s->seq[s->n_seq];
  uint32_t tokens = 0;
  for (size_t i = 0; i < length; i++) {
    const int learnt = i + 1 < length && (counted ? counted[i + 1] != 0 : i + 1 >= prompt_length);
    s->ids[at + i] = ids[i];
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

void sl_update_batch_add(sl_update_batch *s, const uint32_t *ids, size_t length,
                         size_t prompt_length, const float *logp_old, float advantage) {
  add(s, ids, length, prompt_length, NULL, logp_old, advantage);
}

void sl_update_batch_add_counted(sl_update_batch *s, const uint32_t *ids, const uint8_t *counted,
                                 size_t length) {
  add(s, ids, length, 0, counted, NULL, 0.0f);
}
