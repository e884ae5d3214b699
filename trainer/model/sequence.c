/* One sequence through a model, for its log-probs (see sequence.h). */
#include "sequence.h"

static void cut(sl_cutter *c, sl_sequence *s, size_t n) {
  uint32_t **const words[] = {&s->ids, &s->position, &s->target};
  float **const floats[] = {&s->logp, &s->entropy};
  for (size_t i = 0; i < 3; i++) *words[i] = sl_cut(c, n, 1, sizeof(uint32_t));
  for (size_t i = 0; i < 2; i++) *floats[i] = sl_cut(c, n, 1, sizeof(float));
  s->mask = sl_cut(c, n, 1, 1);
}

sl_status sl_sequence_create(sl_sequence *out, sl_context *ctx, size_t n, sl_error *err) {
  sl_cutter count = {0};
  *out = (sl_sequence){0};
  cut(&count, out, n);
  const sl_status status =
      sl_mirror_create(&out->mirror, ctx, sl_cutter_bytes(&count), "the tokens of a sequence", err);
  if (!status) cut(&(sl_cutter){.base = out->mirror.host, .bytes = count.used}, out, n);
  return status;
}

void sl_sequence_free(sl_sequence *sequence) {
  sl_mirror_free(&sequence->mirror);
  *sequence = (sl_sequence){0};
}

sl_status sl_sequence_forward(sl_sequence *s, sl_model *model, const uint32_t *ids, size_t n,
                              float inverse_temperature) {
  const sl_mirror *on = &s->mirror;
  const uint32_t seq[2] = {0, (uint32_t)n};
  for (size_t i = 0; i < n; i++)
    s->ids[i] = ids[i], s->position[i] = (uint32_t)i, s->target[i] = i + 1 < n ? ids[i + 1] : 0,
    s->mask[i] = i + 1 < n;
  uint32_t *const words[] = {s->ids, s->position, s->target};
  for (size_t i = 0; i < 3; i++) SL_TRY(sl_mirror_push(on, words[i], n * sizeof(uint32_t)));
  SL_TRY(sl_mirror_push(on, s->mask, n));
  const sl_batch batch = {1,
                          seq,
                          sl_mirror_device(on, s->ids),
                          sl_mirror_device(on, s->position),
                          sl_mirror_device(on, s->target),
                          sl_mirror_device(on, s->mask),
                          0,
                          NULL,
                          NULL,
                          NULL};
  SL_TRY(sl_model_forward(model, &batch, inverse_temperature, sl_mirror_device(on, s->logp),
                          sl_mirror_device(on, s->entropy)));
  SL_TRY(sl_mirror_pull(on, s->entropy, n * sizeof *s->entropy));
  return sl_mirror_pull(on, s->logp, n * sizeof *s->logp);
}
