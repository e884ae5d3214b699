/* One gradient: forward, loss and backward of the sequences of an optimiser step, whole shards at
 * once (spec N4.3, O4). */
#include "batch_gradient.h"

#include "model_activations.h"
#include "read_rows.h"

#include <string.h>

static void cut_step(sl_cutter *c, sl_update_batch *s) {
  const size_t n = s->max_sequences, t = s->max_tokens;
  sl_read_rows *r = &s->read;
  float **const floats[] = {&s->logp_old, &s->logp_ref, &s->logp,    &s->entropy, &r->logp_old,
                            &r->logp_ref, &r->logp,     &r->entropy, &r->dlogp,   &r->dentropy};
  uint32_t **const words[] = {&s->ids, &r->ids, &r->position, &r->target, &r->last, &r->place};
  s->sums = sl_cut(c, n, 1, sizeof *s->sums);
  s->coefficient = sl_cut(c, n, 1, sizeof *s->coefficient);
  s->seq = sl_cut(c, n + 1, 1, sizeof *s->seq), r->seq = sl_cut(c, n + 1, 1, sizeof *r->seq),
  s->local_seq = sl_cut(c, n + 1, 1, sizeof *s->local_seq);
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

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

size_t sl_shards_at_once(size_t n_seq, size_t shards, size_t micro_batch) {
  const size_t shard = (n_seq + shards - 1) / shards;
  size_t n = 1;
  while (n < shards && (!micro_batch || 2 * n * shard <= micro_batch)) n *= 2;
  return n;
}

size_t sl_micro_batch_tokens(size_t n_seq, size_t shards, size_t micro_batch, size_t max_length) {
  const size_t groups = shards / sl_shards_at_once(n_seq, shards, micro_batch),
               group = (n_seq + groups - 1) / groups;
  return (micro_batch ? smaller(micro_batch, group) : group) * max_length;
}

/* Where the kernels find an array of the step. */
static void *on(const sl_update_batch *s, const void *host) {
  return sl_mirror_device(&s->mirror, host);
}

/* Hands the kernels what the host has filled in. */
static sl_status push(const sl_update_batch *s) {
  sl_read_rows_fill(s);
  const sl_read_rows *r = &s->read;
  const size_t n = s->n_seq, t = r->seq[n];
  const struct {
    const void *array;
    size_t bytes;
  } arrays[] = {{r->ids, t * sizeof *r->ids},
                {r->position, t * sizeof *r->position},
                {r->target, t * sizeof *r->target},
                {r->mask, t * sizeof *r->mask},
                {r->logp_old, t * sizeof *r->logp_old},
                {r->logp_ref, t * sizeof *r->logp_ref},
                {s->advantage, n * sizeof *s->advantage},
                {s->coefficient, n * sizeof *s->coefficient}};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
    SL_TRY(sl_mirror_push(&s->mirror, arrays[i].array, arrays[i].bytes));
  return SL_OK;
}

/* The sequences [begin, end) as a batch of their own. */
static sl_batch micro_batch(const sl_update_batch *s, size_t begin, size_t end) {
  const sl_read_rows *r = &s->read;
  const uint32_t first = r->seq[begin];
  for (size_t i = begin; i <= end; i++) s->local_seq[i - begin] = r->seq[i] - first;
  return (sl_batch){end - begin,
                    s->local_seq,
                    on(s, r->ids + first),
                    on(s, r->position + first),
                    on(s, r->target + first),
                    on(s, r->mask + first),
                    0,
                    NULL,
                    NULL};
}

static sl_status gated(const sl_update_batch *s, sl_model *m, const sl_batch *b,
                       const sl_gradient_options *o, size_t begin) {
  const sl_read_rows *r = &s->read;
  const size_t at = r->seq[begin];
  const sl_gated_loss_batch loss = {on(s, r->logp + at),
                                    on(s, r->logp_old + at),
                                    o->objective->beta > 0 ? on(s, r->logp_ref + at) : NULL,
                                    on(s, r->entropy + at),
                                    b->mask,
                                    b->seq,
                                    on(s, s->advantage + begin),
                                    on(s, s->coefficient + begin),
                                    b->n_seq,
                                    NULL};
  float *dentropy = o->objective->gamma > 0 ? on(s, r->dentropy + at) : NULL;
  return sl_gated_loss(m->ctx, on(s, r->dlogp + at), dentropy, on(s, s->sums + begin), o->objective,
                       &loss);
}

/* The gradient of spec O4.5 and O4.6, which no log-prob enters. */
static sl_status supervised_gradient(const sl_update_batch *s) {
  const sl_read_rows *r = &s->read;
  for (size_t q = 0; q < s->n_seq; q++) {
    const float d = (float)-s->coefficient[q];
    for (size_t i = r->seq[q]; i < r->seq[q + 1]; i++) r->dlogp[i] = r->mask[i] ? d : 0.0f;
  }
  return sl_mirror_push(&s->mirror, r->dlogp, r->seq[s->n_seq] * sizeof *r->dlogp);
}

/* The entropy bonus as a mean over the tokens of the step (spec O4.4). */
static sl_status mean_entropy_gradient(const sl_update_batch *s, double bonus) {
  uint64_t tokens = 0;
  for (size_t q = 0; q < s->n_seq; q++) tokens += s->tokens[q];
  const float e = (float)-(bonus * (1.0 / (double)tokens));
  const sl_read_rows *r = &s->read;
  for (size_t i = 0; i < r->seq[s->n_seq]; i++) r->dentropy[i] = r->mask[i] ? e : 0.0f;
  return sl_mirror_push(&s->mirror, r->dentropy, r->seq[s->n_seq] * sizeof *r->dentropy);
}

static int has_dentropy(const sl_gradient_options *o) {
  return o->objective && (o->objective->gamma > 0 || o->entropy_bonus > 0);
}

static void supervised_sums(const sl_update_batch *s) {
  for (size_t q = 0; q < s->n_seq; q++) {
    double sum = 0.0;
    for (size_t i = s->seq[q]; i < s->seq[q + 1]; i++)
      if (s->mask[i]) sum += s->coefficient[q] * (double)s->logp[i];
    s->sums[q] = (sl_loss_sums){.objective = sum, .tokens = s->tokens[q]};
  }
}

/* The shards of the group from shard k on that have tokens in the sequences [begin, end). */
static size_t cut_shards(const sl_update_batch *s, const sl_gradients *g, size_t k, size_t begin,
                         size_t end) {
  const uint32_t *all = s->read.seq;
  uint32_t *seq = s->shard_seq;
  size_t n = 0;
  for (size_t i = 0; i < g->at_once; i++) {
    const size_t first = larger(begin, sl_shard_begin(k + i, s->n_seq, g->shards));
    const size_t stop = smaller(end, sl_shard_begin(k + i + 1, s->n_seq, g->shards));
    if (first >= stop || all[first] == all[stop]) continue;
    for (size_t q = first; q <= stop; q++) seq[q - first] = all[q] - all[first];
    s->shards[n++] = (sl_shard){stop - first,
                                all[first] - all[begin],
                                seq,
                                sl_gradients_total(g, i),
                                sl_gradients_head_total(g, i),
                                0,
                                0,
                                NULL};
    seq += stop - first + 1;
  }
  return n;
}

/* The read rows of the last layer, where leaving out the others saves more than moving rows costs
 * (spec T5.6). */
static sl_status find_last_rows(const sl_update_batch *s, sl_batch *b, size_t at) {
  const sl_read_rows *r = &s->read;
  const size_t t = b->seq[b->n_seq], n = sl_read_rows_last(s, at, t);
  if (n == 0 || n * 8 > t * 7) return SL_OK;
  SL_TRY(sl_mirror_push(&s->mirror, r->last + at, n * sizeof *r->last));
  SL_TRY(sl_mirror_push(&s->mirror, r->place + at, t * sizeof *r->place));
  b->n_read = n, b->read = on(s, r->last + at), b->place = on(s, r->place + at);
  return SL_OK;
}

static sl_status one_micro_batch(const sl_update_batch *s, sl_model *m, sl_gradients *g,
                                 const sl_gradient_options *o, size_t k, size_t begin, size_t end) {
  sl_batch b = micro_batch(s, begin, end);
  const sl_read_rows *r = &s->read;
  const size_t at = r->seq[begin];
  if (b.seq[b.n_seq] == 0) return SL_OK;
  SL_TRY(find_last_rows(s, &b, at));
  SL_TRY(sl_model_forward(m, &b, o->inv_temperature, on(s, r->logp + at), on(s, r->entropy + at)));
  if (o->objective) SL_TRY(gated(s, m, &b, o, begin));
  const float *dentropy = has_dentropy(o) ? on(s, r->dentropy + at) : NULL;
  const size_t n_shards = cut_shards(s, g, k, begin, end);
  if (b.read) sl_read_rows_cut(s, n_shards, at);
  return sl_model_backward(m, &b, s->shards, n_shards, o->inv_temperature, on(s, r->dlogp + at),
                           dentropy);
}

/* Where the micro-batch ends that begins there: after `micro_batch` sequences, but no later than
 * `end`. */
static size_t stop_of(const sl_gradient_options *o, size_t begin, size_t end) {
  return o->micro_batch ? smaller(begin + o->micro_batch, end) : end;
}

/* An array of the read rows back to the host, and to all tokens. */
static sl_status pull_rows(const sl_update_batch *s, float *to, float *from) {
  SL_TRY(sl_mirror_pull(&s->mirror, from, s->read.seq[s->n_seq] * sizeof *from));
  sl_read_rows_spread(s, to, from);
  return SL_OK;
}

/* Copies log-probs, entropies and sums back to the host. */
static sl_status pull(const sl_update_batch *s, const sl_gradient_options *o) {
  SL_TRY(pull_rows(s, s->logp, s->read.logp));
  if (!o->objective) {
    supervised_sums(s);
    return SL_OK;
  }
  SL_TRY(pull_rows(s, s->entropy, s->read.entropy));
  return sl_mirror_pull(&s->mirror, s->sums, s->n_seq * sizeof *s->sums);
}

sl_status sl_update_batch_gradient(sl_update_batch *s, sl_model *m, sl_gradients *g,
                                   const sl_gradient_options *o) {
  SL_TRY(sl_model_pack(m));
  SL_TRY(push(s));
  if (!o->objective) SL_TRY(supervised_gradient(s));
  if (o->entropy_bonus > 0) SL_TRY(mean_entropy_gradient(s, o->entropy_bonus));
  for (size_t k = 0; k < g->shards; k += g->at_once) {
    const size_t end = sl_shard_begin(k + g->at_once, s->n_seq, g->shards);
    SL_TRY(sl_gradients_begin_group(g, s->n_seq));
    for (size_t begin = sl_shard_begin(k, s->n_seq, g->shards); begin < end;) {
      const size_t stop = stop_of(o, begin, end);
      SL_TRY(one_micro_batch(s, m, g, o, k, begin, stop));
      begin = stop;
    }
    SL_TRY(sl_gradients_end_group(g));
  }
  return pull(s, o);
}

/* No group is larger than the last, and no shard than its last. */
sl_status sl_update_batch_rehearse(sl_update_batch *s, sl_model *m, sl_gradients *g,
                                   const sl_gradient_options *o) {
  const size_t k = g->shards - g->at_once, begin = sl_shard_begin(k, s->n_seq, g->shards);
  for (size_t i = 0; i < s->n_seq; i++) s->coefficient[i] = 0.0;
  SL_TRY(sl_model_pack(m));
  SL_TRY(push(s));
  if (o->entropy_bonus > 0) SL_TRY(mean_entropy_gradient(s, o->entropy_bonus));
  g->done = k;
  SL_TRY(sl_gradients_begin_group(g, s->n_seq));
  SL_TRY(one_micro_batch(s, m, g, o, k, begin, stop_of(o, begin, s->n_seq)));
  g->done = 0;
  return pull(s, o);
}

sl_status sl_update_batch_logprobs(sl_update_batch *s, sl_model *m, const sl_gradient_options *o,
                                   float *logp, float *entropy) {
  const sl_read_rows *r = &s->read;
  SL_TRY(sl_model_pack(m));
  SL_TRY(push(s));
  for (size_t begin = 0; begin < s->n_seq;) {
    const size_t end = stop_of(o, begin, s->n_seq), at = r->seq[begin];
    const sl_batch b = micro_batch(s, begin, end);
    SL_TRY(
        sl_model_forward(m, &b, o->inv_temperature, on(s, r->logp + at), on(s, r->entropy + at)));
    begin = end;
  }
  SL_TRY(pull_rows(s, logp, r->logp));
  return pull_rows(s, entropy, r->entropy);
}
