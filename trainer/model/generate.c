/* Rollouts: each prompt is prefilled once, then all open sequences go on together (spec T3.2,
 * T3.3). Sequences of a group with the same tokens so far share a slot of the cache and a row of
 * each decoding step; where they part, the cache is forked. */
#include "generator.h"

#include "model_activations.h"

#include <string.h>

static sl_status check_sizes(const sl_generator *g, const sl_prompts *prompts, size_t group,
                             size_t max_new, sl_error *err) {
  if (prompts->n * group > g->max_sequences)
    return sl_fail(err, SL_ERR_INPUT, "rollout of %zu sequences, but the generator holds %zu",
                   prompts->n * group, g->max_sequences);
  if (group > g->lane_sequences)
    return sl_fail(err, SL_ERR_INPUT, "groups of %zu, but the generator was made for %zu", group,
                   g->lane_sequences);
  for (size_t p = 0; p < prompts->n; p++) {
    const size_t n = prompts->offset[p + 1] - prompts->offset[p];
    if (n == 0) return sl_fail(err, SL_ERR_INPUT, "prompt[%zu] is empty", p);
    if (n + max_new > g->max_length)
      return sl_fail(err, SL_ERR_INPUT,
                     "prompt[%zu] has %zu tokens: with %zu new ones it exceeds %zu", p, n, max_new,
                     g->max_length);
  }
  return SL_OK;
}

/* Where the kernels find an array of the mirror; what the host has put there. */
static void *on(const sl_generator *g, const void *host) {
  return sl_mirror_device(&g->mirror, host);
}
static sl_status push(const sl_generator *g, const uint32_t *words, size_t n) {
  return sl_mirror_push(&g->mirror, words, n * sizeof *words);
}
/* What was drawn for n sequences, in one copy: each is a wait, which costs more than the bytes
 * between the arrays. */
static sl_status pull_drawn(const sl_generator *g, size_t n) {
  const size_t bytes =
      (size_t)((const unsigned char *)(g->drawn_entropy + n) - (const unsigned char *)g->drawn);
  return sl_mirror_pull(&g->mirror, g->drawn, bytes);
}

/* Each prompt begins the sequences of its group. */
static void place_prompts(sl_generator *g, const sl_prompts *prompts, size_t group) {
  for (size_t q = 0; q < prompts->n * group; q++) {
    const uint32_t first = prompts->offset[q / group], n = prompts->offset[q / group + 1] - first;
    memcpy(g->grid + q * g->max_length, prompts->ids + first, n * sizeof *g->grid);
    g->length[q] = g->rollout.prompt_length[q] = n;
    g->slot[q] = (uint32_t)(q - q % group);
  }
}

/* Hidden rows of n open sequences from those that they share. */
static sl_status share_hidden(sl_generator *g, float *to, const float *rows, size_t n,
                              size_t n_rows) {
  SL_TRY(push(g, g->open_row, n));
  return sl_embedding_forward(g->ctx, to, rows, on(g, g->open_row), n, g->layout->shape.hidden,
                              n_rows);
}

/* Prompts [first, end) through the model: keys and values to the first sequence of each group, the
 * last hidden row to all of it. No sequence is open yet: its arrays say where prompts end. */
static sl_status prefill_piece(sl_generator *g, const sl_prompts *prompts, size_t group,
                               size_t first, size_t end) {
  const size_t d = g->layout->shape.hidden;
  const uint32_t base = prompts->offset[first];
  g->piece_seq[0] = 0;
  for (size_t p = first; p < end; p++) {
    const uint32_t at = prompts->offset[p] - base, n = prompts->offset[p + 1] - prompts->offset[p];
    g->piece_seq[p - first + 1] = at + n;
    for (uint32_t i = 0; i < n; i++)
      g->piece_slot[at + i] = (uint32_t)(p * group), g->piece_position[at + i] = i;
    g->open[p - first] = at + n - 1, g->open_slot[p - first] = (uint32_t)(p * group),
                g->open_position[p - first] = n - 1;
  }
  const size_t t = g->piece_seq[end - first];
  memcpy(g->piece_ids, prompts->ids + base, t * sizeof *g->piece_ids);
  SL_TRY(push(g, g->piece_ids, t));
  SL_TRY(push(g, g->piece_slot, t));
  SL_TRY(push(g, g->piece_position, t));
  SL_TRY(push(g, g->open, end - first));
  SL_TRY(push(g, g->open_slot, end - first));
  SL_TRY(push(g, g->open_position, end - first));
  const sl_prefill_ends ends = {on(g, g->open), on(g, g->open_slot), on(g, g->open_position)};
  const sl_batch batch = {
      end - first, g->piece_seq, on(g, g->piece_ids), on(g, g->piece_position), NULL, NULL, 0, NULL,
      NULL,        NULL};
  SL_TRY(sl_model_prefill(g->model, &batch, g->caches, on(g, g->piece_slot), &ends, g->hidden));
  const size_t n = (end - first) * group;
  for (size_t i = 0; i < n; i++) g->open_row[i] = (uint32_t)(i / group);
  return share_hidden(g, g->last_hidden + first * group * d, g->hidden, n, end - first);
}

static sl_status fork_caches(sl_generator *g, size_t forks) {
  const sl_model_shape *s = &g->layout->shape;
  if (forks == 0) return SL_OK;
  SL_TRY(push(g, g->fork_to, forks));
  SL_TRY(push(g, g->fork_from, forks));
  SL_TRY(push(g, g->fork_length, forks));
  for (size_t l = 0; l < s->layers; l++)
    SL_TRY(sl_kv_fork(g->ctx, g->caches[l].k_cache, g->caches[l].v_cache, on(g, g->fork_to),
                      on(g, g->fork_from), on(g, g->fork_length), forks, s->kv_heads, s->head_dim,
                      g->max_length, g->caches[l].slots));
  return SL_OK;
}

/* As many whole prompts at a time as the model's rows take; a sequence's bits are its own. */
static sl_status prefill(sl_generator *g, const sl_prompts *prompts, size_t group) {
  place_prompts(g, prompts, group);
  for (size_t first = 0; first < prompts->n;) {
    size_t end = first + 1;
    while (end < prompts->n && prompts->offset[end + 1] - prompts->offset[first] <= g->rows) end++;
    SL_TRY(prefill_piece(g, prompts, group, first, end));
    first = end;
  }
  return SL_OK;
}

/* Draws the next token of each open sequence from its hidden row. */
static sl_status draw(sl_generator *g, size_t n_open, const sl_sampling *sampling) {
  const sl_model_shape *s = &g->layout->shape;
  for (size_t i = 0; i < n_open; i++)
    g->open_number[i] = g->rollout.first + g->open[i], g->open_position[i] = g->length[g->open[i]];
  SL_TRY(push(g, g->open_number, n_open));
  SL_TRY(push(g, g->open_position, n_open));
  for (size_t first = 0; first < n_open; first += g->logit_rows) {
    const size_t rows = n_open - first < g->logit_rows ? n_open - first : g->logit_rows;
    SL_TRY(sl_model_logits(g->model, rows, g->last_hidden + first * s->hidden, g->logits));
    SL_TRY(sl_sample(g->ctx, on(g, g->drawn + first), on(g, g->drawn_logp + first),
                     on(g, g->drawn_entropy + first), g->logits, sampling,
                     on(g, g->open_number + first), on(g, g->open_position + first), rows,
                     s->vocab));
  }
  return pull_drawn(g, n_open);
}

void sl_generator_set_ends(sl_generator *g, const uint32_t *ids, size_t n) {
  g->ends = ids, g->n_ends = n;
}

void sl_generator_set_watch(sl_generator *g, sl_token_watch *watch, void *user) {
  g->watch = watch, g->watcher = user;
}

static int is_end(const sl_generator *g, uint32_t id) {
  for (size_t i = 0; i < g->n_ends; i++)
    if (g->ends[i] == id) return 1;
  return 0;
}

/* The next decoding step: its rows, and the forks before it. */
typedef struct {
  size_t rows, forks;
} step;
#define NO_ROW UINT32_MAX

/* The row of sequence q, whose last token has just been drawn: that of another which had its slot
 * and drew the same, or a new one. The first of those that had a slot keeps it, another gets the
 * slot of its own number. That is free: while q is open, a slot of that number is its own. */
static uint32_t find_row(sl_generator *g, step *next, uint32_t q, uint32_t id) {
  const uint32_t slot = g->slot[q], position = g->length[q] - 1;
  uint32_t row = g->slot_row[slot];
  while (row != NO_ROW && g->open_ids[row] != id) row = g->next_row[row];
  if (row == NO_ROW) {
    row = (uint32_t)next->rows++;
    g->open_ids[row] = id, g->open_position[row] = position;
    g->open_slot[row] = g->slot_row[slot] == NO_ROW ? slot : q;
    g->next_row[row] = g->slot_row[slot], g->slot_row[slot] = row;
    if (g->open_slot[row] != slot) {
      g->fork_to[next->forks] = q, g->fork_from[next->forks] = slot;
      g->fork_length[next->forks++] = position;
    }
  }
  g->slot[q] = g->open_slot[row];
  return row;
}

/* Appends what was drawn; keeps the sequences that go on, in order, and returns their number. */
static size_t append(sl_generator *g, step *next, size_t n_open, size_t max_new) {
  size_t left = 0;
  *next = (step){0, 0};
  for (size_t i = 0; i < n_open; i++) g->slot_row[g->slot[g->open[i]]] = NO_ROW;
  for (size_t i = 0; i < n_open; i++) {
    const uint32_t q = g->open[i];
    const size_t at = q * g->max_length + g->length[q];
    g->grid[at] = g->drawn[i];
    g->grid_logp[at - 1] = g->drawn_logp[i];
    g->grid_entropy[at - 1] = g->drawn_entropy[i];
    g->length[q]++;
    g->rollout.ended[q] = (uint8_t)is_end(g, g->drawn[i]);
    const int stops = g->watch && g->watch(g->watcher, g->place + q, g->drawn[i]);
    if (g->rollout.ended[q] || stops || g->length[q] - g->rollout.prompt_length[q] == max_new)
      continue;
    g->open_row[left] = find_row(g, next, q, g->drawn[i]);
    g->open[left++] = q;
  }
  return left;
}

/* Hidden rows one token further. */
static sl_status decode(sl_generator *g, size_t n, float *hidden) {
  SL_TRY(push(g, g->open_ids, n));
  SL_TRY(push(g, g->open_slot, n));
  SL_TRY(push(g, g->open_position, n));
  return sl_model_decode(g->model, n, on(g, g->open_ids), on(g, g->open_slot),
                         on(g, g->open_position), g->caches, hidden);
}

/* The last hidden rows of the open sequences, one token further. */
static sl_status go_on(sl_generator *g, const step *next, size_t n_open) {
  SL_TRY(fork_caches(g, next->forks));
  if (next->rows == n_open) return decode(g, n_open, g->last_hidden);
  SL_TRY(decode(g, next->rows, g->hidden));
  return share_hidden(g, g->last_hidden, g->hidden, n_open, next->rows);
}

static void pack_rollout(sl_generator *g, size_t n) {
  sl_rollout *r = &g->rollout;
  r->n = n;
  r->seq[0] = 0;
  for (size_t q = 0; q < n; q++) {
    const size_t at = r->seq[q], from = q * g->max_length, len = g->length[q];
    memcpy(r->ids + at, g->grid + from, len * sizeof *r->ids);
    for (size_t i = 0; i < len; i++) {
      const int drawn = i + 1 >= r->prompt_length[q] && i + 1 < len;
      r->position[at + i] = (uint32_t)i;
      r->logp[at + i] = drawn ? g->grid_logp[from + i] : 0.0f;
      r->entropy[at + i] = drawn ? g->grid_entropy[from + i] : 0.0f;
    }
    r->seq[q + 1] = (uint32_t)(at + len);
  }
}

/* Draws until every sequence has ended. */
static sl_status complete(sl_generator *g, size_t n, size_t max_new, const sl_sampling *sampling) {
  for (size_t q = 0; q < n; q++) g->open[q] = (uint32_t)q;
  size_t n_open = max_new ? n : 0;
  step next;
  while (n_open) {
    SL_TRY(draw(g, n_open, sampling));
    n_open = append(g, &next, n_open, max_new);
    if (n_open) SL_TRY(go_on(g, &next, n_open));
  }
  return SL_OK;
}

/* Packed already. */
static sl_status generate_all(sl_generator *g, const sl_prompts *prompts, size_t group,
                              size_t max_new, const sl_sampling *sampling) {
  SL_TRY(prefill(g, prompts, group));
  return complete(g, prompts->n * group, max_new, sampling);
}

/* What a lane sees of a unit: a generator whose first sequence is the first of prompt p. */
static sl_generator of_lane(const sl_generator *g, size_t lane, size_t p, size_t group) {
  const size_t layers = g->layout->shape.layers, d = g->layout->shape.hidden, q = p * group,
               width = g->layout->shape.kv_heads * g->layout->shape.head_dim,
               at = q * g->max_length, row = lane * g->rows,
               slots = lane * g->lane_sequences * g->max_length * width;
  sl_generator l = *g;
  uint32_t **const by_sequence[] = {
      &l.length,   &l.open,        &l.open_row,      &l.slot,        &l.slot_row,
      &l.next_row, &l.open_number, &l.open_ids,      &l.open_slot,   &l.drawn,
      &l.fork_to,  &l.fork_from,   &l.open_position, &l.fork_length, &l.rollout.prompt_length};
  if (g->lanes) l.ctx = g->lanes->lane[lane], l.model = &g->model->lane[lane];
  l.caches = g->caches + (lane + 1) * layers, l.place = q;
  for (size_t i = 0; i < layers; i++)
    l.caches[i] = (sl_layer_cache){g->caches[i].k_cache + slots, g->caches[i].v_cache + slots,
                                   g->max_length, g->lane_sequences};
  for (size_t i = 0; i < sizeof by_sequence / sizeof *by_sequence; i++) *by_sequence[i] += q;
  l.grid += at, l.grid_logp += at, l.grid_entropy += at;
  l.drawn_logp += q, l.drawn_entropy += q, l.rollout.ended += q, l.rollout.first += (uint32_t)q;
  l.logits += lane * g->logit_rows * g->layout->shape.vocab, l.hidden += row * d;
  l.last_hidden += lane * g->lane_sequences * d;
  l.piece_seq += 2 * p, l.piece_ids += row, l.piece_slot += row, l.piece_position += row;
  return l;
}

typedef struct {
  const sl_generator *g;
  const sl_prompts *prompts;
  size_t group, max_new, unit; /* unit: its prompts */
  const sl_sampling *sampling;
} lane_rollout;

static sl_status generate_unit(void *arg, size_t unit, size_t lane) {
  const lane_rollout *w = arg;
  const size_t first = unit * w->unit, left = w->prompts->n - first;
  const sl_prompts own = {left < w->unit ? left : w->unit, w->prompts->offset + first,
                          w->prompts->ids};
  sl_generator l = of_lane(w->g, lane, first, w->group);
  return generate_all(&l, &own, w->group, w->max_new, w->sampling);
}

static sl_status generate(sl_generator *g, const sl_prompts *prompts, size_t group, size_t max_new,
                          const sl_sampling *sampling) {
  g->kept = 0;
  SL_TRY(sl_model_pack(g->model));
  const size_t share = (prompts->n + g->n_lanes - 1) / g->n_lanes, most = g->lane_sequences / group;
  lane_rollout w = {g, prompts, group, max_new, share < most ? share : most, sampling};
  const size_t units = w.unit ? (prompts->n + w.unit - 1) / w.unit : 0;
  if (g->lanes) return sl_lanes_run(g->lanes, units, generate_unit, &w);
  for (size_t unit = 0; unit < units; unit++) SL_TRY(generate_unit(&w, unit, 0));
  return SL_OK;
}

/* Tokens [kept, n) of sequence 0 behind those that the cache has: rows of one step of decoding, of
 * which each sees the ones before it, as keys and values are stored first. */
static sl_status prefill_further(sl_generator *g, const uint32_t *ids, size_t n) {
  const size_t d = g->layout->shape.hidden;
  memcpy(g->grid, ids, n * sizeof *ids);
  g->length[0] = g->rollout.prompt_length[0] = (uint32_t)n, g->slot[0] = 0;
  while (g->kept < n) {
    const size_t t = n - g->kept < g->rows ? n - g->kept : g->rows;
    for (size_t i = 0; i < t; i++)
      g->piece_ids[i] = ids[g->kept + i], g->piece_slot[i] = 0,
      g->piece_position[i] = (uint32_t)(g->kept + i);
    SL_TRY(push(g, g->piece_ids, t));
    SL_TRY(push(g, g->piece_slot, t));
    SL_TRY(push(g, g->piece_position, t));
    SL_TRY(sl_model_decode(g->model, t, on(g, g->piece_ids), on(g, g->piece_slot),
                           on(g, g->piece_position), g->caches, g->hidden));
    g->kept += t;
    if (g->kept == n)
      SL_TRY(sl_memory_copy(g->ctx, g->last_hidden, g->hidden + (t - 1) * d, d * sizeof(float)));
  }
  return SL_OK;
}

static sl_status generate_further(sl_generator *g, const sl_prompts *one, size_t max_new,
                                  const sl_sampling *sampling) {
  const size_t n = one->offset[1];
  size_t same = 0;
  while (same < g->kept && same + 1 < n && g->grid[same] == one->ids[same]) same++;
  if (same == 0) return generate(g, one, 1, max_new, sampling);
  g->kept = same;
  SL_TRY(prefill_further(g, one->ids, n));
  return complete(g, 1, max_new, sampling);
}

/* The model is packed. */
static sl_status rehearse(sl_generator *g) {
  const sl_sampling sampling = {.temperature = 1.0f, .top_k = 1, .top_p = 0.5};
  const size_t n = g->lane_sequences, full_prompts = g->rows / g->max_length,
               rest = g->rows % g->max_length, most = full_prompts + (rest > 0);
  sl_prompts prompts = {most, g->rollout.seq, g->rollout.ids};
  for (size_t p = 0; p <= most; p++)
    prompts.offset[p] = (uint32_t)(p <= full_prompts ? p * g->max_length : g->rows);
  memset(prompts.ids, 0, g->rows * sizeof *prompts.ids);
  SL_TRY(prefill_piece(g, &prompts, 1, 0, most));
  for (size_t i = 0; i < n; i++) g->open[i] = g->open_slot[i] = (uint32_t)i, g->open_ids[i] = 0;
  for (size_t i = 0; i < n; i++)
    g->open_position[i] = (uint32_t)(g->max_length - 1),
    g->length[i] = (uint32_t)(g->max_length - 1);
  SL_TRY(decode(g, n, g->last_hidden));
  return draw(g, n, &sampling);
}

sl_status sl_generator_rehearse(sl_generator *g, sl_error *err) {
  sl_status status = sl_model_pack(g->model);
  if (!status && !g->lanes) status = rehearse(g);
  for (size_t i = 0; !status && g->lanes && i < g->n_lanes; i++) {
    sl_generator l = of_lane(g, i, 0, 1);
    if (rehearse(&l)) status = sl_lanes_fail(g->lanes, i);
  }
  return status ? sl_fail(err, status, "%s", sl_context_error(g->ctx)->message) : SL_OK;
}

sl_status sl_generate_further(sl_generator *g, const uint32_t *ids, size_t n, size_t max_new,
                              const sl_sampling *sampling, sl_rollout *out, sl_error *err) {
  uint32_t offset[2] = {0, (uint32_t)n};
  const sl_prompts one = {1, offset, (uint32_t *)(uintptr_t)ids};
  SL_TRY(check_sizes(g, &one, 1, max_new, err));
  g->rollout.first = 0;
  const sl_status status = generate_further(g, &one, max_new, sampling);
  if (status) {
    g->kept = 0;
    return sl_fail(err, status, "%s", sl_context_error(g->ctx)->message);
  }
  g->kept = g->length[0] - (max_new > 0); /* the last token that was drawn has not been decoded */
  pack_rollout(g, 1);
  *out = g->rollout;
  return SL_OK;
}

sl_status sl_generate(sl_generator *g, const sl_prompts *prompts, size_t group, size_t max_new,
                      uint32_t first, const sl_sampling *sampling, sl_rollout *out, sl_error *err) {
  sl_status status = check_sizes(g, prompts, group, max_new, err);
  if (status) return status;
  g->rollout.first = first;
  status = generate(g, prompts, group, max_new, sampling);
  if (status) return sl_fail(err, status, "%s", sl_context_error(g->ctx)->message);
  pack_rollout(g, prompts->n * group);
  *out = g->rollout;
  return SL_OK;
}
