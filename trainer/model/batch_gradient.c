/* One gradient: forward, loss and backward of the sequences of an optimiser step, whole shards at
 * once (spec N4.3, O4). */
#include "batch_gradient.h"

#include "model_activations.h"
#include "read_rows.h"
#include "shared_rows.h"

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
  uint32_t *seq = s->local_seq + 2 * begin;
  for (size_t i = begin; i <= end; i++) seq[i - begin] = r->seq[i] - first;
  return (sl_batch){end - begin,
                    seq,
                    on(s, r->ids + first),
                    on(s, r->position + first),
                    on(s, r->target + first),
                    on(s, r->mask + first),
                    0,
                    NULL,
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
  uint32_t *seq = s->shard_seq + 2 * begin;
  sl_shard *shards = s->shards + begin;
  size_t n = 0;
  for (size_t i = 0; i < g->at_once; i++) {
    const size_t first = larger(begin, sl_shard_begin(k + i, s->n_seq, g->shards));
    const size_t stop = smaller(end, sl_shard_begin(k + i + 1, s->n_seq, g->shards));
    if (first >= stop || all[first] == all[stop]) continue;
    for (size_t q = first; q <= stop; q++) seq[q - first] = all[q] - all[first];
    shards[n++] = (sl_shard){stop - first,
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

/* Log-probs and entropies of a micro-batch that begins at row `at` of the step's read rows. shared
 * has to live as long as b. */
static sl_status forward(const sl_update_batch *s, sl_model *m, sl_batch *b, sl_shared_rows *shared,
                         const sl_gradient_options *o, size_t at) {
  SL_TRY(find_last_rows(s, b, at));
  sl_shared_rows_find(s, shared, b, at);
  return sl_model_forward(m, b, o->inv_temperature, on(s, s->read.logp + at),
                          on(s, s->read.entropy + at));
}

static sl_status one_micro_batch(const sl_update_batch *s, sl_model *m, sl_gradients *g,
                                 const sl_gradient_options *o, size_t k, size_t begin, size_t end) {
  sl_batch b = micro_batch(s, begin, end);
  const sl_read_rows *r = &s->read;
  const size_t at = r->seq[begin];
  if (b.seq[b.n_seq] == 0) return SL_OK;
  sl_shared_rows shared;
  SL_TRY(forward(s, m, &b, &shared, o, at));
  if (o->objective) SL_TRY(gated(s, m, &b, o, begin));
  const float *dentropy = has_dentropy(o) ? on(s, r->dentropy + at) : NULL;
  const size_t n_shards = cut_shards(s, g, k, begin, end);
  sl_shard *shards = s->shards + begin;
  if (b.read) sl_read_rows_cut(s, shards, n_shards, begin, at);
  return sl_model_backward(m, &b, shards, n_shards, o->inv_temperature, on(s, r->dlogp + at),
                           dentropy);
}

/* Where the micro-batch ends that begins there: after `micro_batch` sequences, but no later than
 * `end`, and before the model's room for tokens does: a lane is sized for a shard of the largest
 * step, and may take several of a smaller one. */
static size_t stop_of(const sl_update_batch *s, const sl_model *m, const sl_gradient_options *o,
                      size_t begin, size_t end) {
  size_t stop = o->micro_batch ? smaller(begin + o->micro_batch, end) : end;
  while (stop > begin + 1 && s->seq[stop] - s->seq[begin] > m->max_tokens) stop--;
  return stop;
}

size_t sl_lane_micro_batch(size_t micro_batch, size_t lanes) {
  return micro_batch && micro_batch < lanes ? 1 : micro_batch / lanes;
}

/* The sequences [begin, end) of the group from shard k on, a micro-batch at a time. */
static sl_status all_micro_batches(const sl_update_batch *s, sl_model *m, sl_gradients *g,
                                   const sl_gradient_options *o, size_t k, size_t begin,
                                   size_t end) {
  while (begin < end) {
    const size_t stop = stop_of(s, m, o, begin, end);
    SL_TRY(one_micro_batch(s, m, g, o, k, begin, stop));
    begin = stop;
  }
  return SL_OK;
}

/* What lanes share out: the group from shard k on, or, where there are no totals, all sequences. */
typedef struct {
  sl_update_batch *s;
  sl_model *m;
  sl_gradients *g;
  sl_gradient_options o; /* micro_batch: of a lane */
  size_t k, unit;        /* unit: its shards, or sequences */
} lane_work;

static lane_work share_out(sl_update_batch *s, sl_model *m, sl_gradients *g,
                           const sl_gradient_options *o) {
  lane_work w = {.s = s, .m = m, .g = g, .o = *o};
  w.o.micro_batch = sl_lane_micro_batch(o->micro_batch, m->lanes->n);
  return w;
}

/* Shards of a unit: as many as a lane takes at a time, but few enough for each lane to have one. */
static size_t unit_shards(const lane_work *w) {
  const size_t shard = (w->s->n_seq + w->g->shards - 1) / w->g->shards;
  size_t n = 1;
  while (2 * n * w->m->lanes->n <= w->g->at_once && 2 * n * shard <= w->o.micro_batch) n *= 2;
  return n;
}

/* A unit of a step with fewer sequences may have more of them than any of the largest step. */
static sl_status lane_gradient(void *arg, size_t unit, size_t lane) {
  const lane_work *w = arg;
  const sl_update_batch *s = w->s;
  const size_t first = w->k + unit * w->unit, last = first + w->unit, n = w->g->shards;
  return all_micro_batches(s, &w->m->lane[lane], w->g, &w->o, w->k,
                           sl_shard_begin(first, s->n_seq, n), sl_shard_begin(last, s->n_seq, n));
}

/* The gradient of the group from shard k on. */
static sl_status one_group(sl_update_batch *s, sl_model *m, sl_gradients *g,
                           const sl_gradient_options *o, size_t k) {
  if (!m->lanes)
    return all_micro_batches(s, m, g, o, k, sl_shard_begin(k, s->n_seq, g->shards),
                             sl_shard_begin(k + g->at_once, s->n_seq, g->shards));
  lane_work w = share_out(s, m, g, o);
  w.k = k, w.unit = unit_shards(&w);
  return sl_lanes_run(m->lanes, g->at_once / w.unit, lane_gradient, &w);
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
    SL_TRY(sl_gradients_begin_group(g, s->n_seq));
    SL_TRY(one_group(s, m, g, o, k));
    SL_TRY(sl_gradients_end_group(g));
  }
  return pull(s, o);
}

/* No group is larger than the last, no shard than its last, and no lane takes more tokens at a time
 * than it is sized for. */
static sl_status rehearse_lane(const lane_work *w, size_t lane, size_t first) {
  const sl_update_batch *s = w->s;
  const size_t n = s->n_seq;
  sl_model *m = &w->m->lane[lane];
  size_t begin = n - 1;
  while (begin > first && s->seq[n] - s->seq[begin - 1] <= m->max_tokens &&
         n - begin < w->o.micro_batch)
    begin--;
  return one_micro_batch(s, m, w->g, &w->o, w->k, begin, n);
}

static sl_status rehearse_group(sl_update_batch *s, sl_model *m, sl_gradients *g,
                                const sl_gradient_options *o, size_t k) {
  const size_t begin = sl_shard_begin(k, s->n_seq, g->shards);
  if (!m->lanes) return one_micro_batch(s, m, g, o, k, begin, stop_of(s, m, o, begin, s->n_seq));
  lane_work w = share_out(s, m, g, o);
  w.k = k;
  for (size_t i = 0; i < m->lanes->n; i++) {
    const sl_status status = rehearse_lane(&w, i, begin);
    if (status) return sl_lanes_fail(m->lanes, i);
  }
  return SL_OK;
}

static sl_status rehearse(sl_update_batch *s, sl_model *m, sl_gradients *g,
                          const sl_gradient_options *o) {
  const size_t k = g->shards - g->at_once;
  for (size_t i = 0; i < s->n_seq; i++) s->coefficient[i] = 0.0;
  SL_TRY(sl_model_pack(m));
  SL_TRY(push(s));
  if (o->entropy_bonus > 0) SL_TRY(mean_entropy_gradient(s, o->entropy_bonus));
  g->done = k;
  SL_TRY(sl_gradients_begin_group(g, s->n_seq));
  SL_TRY(rehearse_group(s, m, g, o, k));
  g->done = 0;
  return pull(s, o);
}

sl_status sl_update_batch_rehearse(sl_update_batch *s, sl_model *m, sl_gradients *g,
                                   const sl_gradient_options *o) {
  s->rehearses = 1;
  const sl_status status = rehearse(s, m, g, o);
  s->rehearses = 0;
  return status;
}

static sl_status logprobs_of(const sl_update_batch *s, sl_model *m, const sl_gradient_options *o,
                             size_t begin, size_t end) {
  const size_t at = s->read.seq[begin];
  sl_batch b = micro_batch(s, begin, end);
  sl_shared_rows shared;
  return forward(s, m, &b, &shared, o, at);
}

static sl_status lane_logprobs(void *arg, size_t unit, size_t lane) {
  const lane_work *w = arg;
  const size_t begin = unit * w->unit;
  return logprobs_of(w->s, &w->m->lane[lane], &w->o, begin, smaller(begin + w->unit, w->s->n_seq));
}

size_t sl_lane_sequences(size_t n_seq, size_t micro_batch, size_t lanes) {
  const size_t share = (n_seq + lanes - 1) / lanes, most = sl_lane_micro_batch(micro_batch, lanes);
  return most && most < share ? most : larger(share, 1);
}

static lane_work share_sequences(sl_update_batch *s, sl_model *m, const sl_gradient_options *o) {
  lane_work w = share_out(s, m, NULL, o);
  w.unit = sl_lane_sequences(s->n_seq, o->micro_batch, m->lanes->n);
  return w;
}

/* Of every sequence, a micro-batch at a time. */
static sl_status all_logprobs(sl_update_batch *s, sl_model *m, const sl_gradient_options *o) {
  if (m->lanes) {
    lane_work w = share_sequences(s, m, o);
    return sl_lanes_run(m->lanes, (s->n_seq + w.unit - 1) / w.unit, lane_logprobs, &w);
  }
  for (size_t begin = 0; begin < s->n_seq;) {
    const size_t end = stop_of(s, m, o, begin, s->n_seq);
    SL_TRY(logprobs_of(s, m, o, begin, end));
    begin = end;
  }
  return SL_OK;
}

sl_status sl_update_batch_logprobs(sl_update_batch *s, sl_model *m, const sl_gradient_options *o,
                                   float *logp, float *entropy) {
  SL_TRY(sl_model_pack(m));
  SL_TRY(push(s));
  SL_TRY(all_logprobs(s, m, o));
  SL_TRY(pull_rows(s, logp, s->read.logp));
  return pull_rows(s, entropy, s->read.entropy);
}

static sl_status rehearse_logprobs(sl_update_batch *s, sl_model *m, const sl_gradient_options *o) {
  SL_TRY(sl_model_pack(m));
  SL_TRY(push(s));
  if (!m->lanes) return all_logprobs(s, m, o);
  lane_work w = share_sequences(s, m, o);
  for (size_t i = 0; i < m->lanes->n; i++)
    if (lane_logprobs(&w, 0, i)) return sl_lanes_fail(m->lanes, i);
  return SL_OK;
}

sl_status sl_update_batch_rehearse_logprobs(sl_update_batch *s, sl_model *m,
                                            const sl_gradient_options *o) {
  s->rehearses = 1;
  const sl_status status = rehearse_logprobs(s, m, o);
  s->rehearses = 0;
  return status;
}
