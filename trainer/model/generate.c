/* Rollouts: each prompt is prefilled once, its cache forked to the group, then all open sequences
 * go on together (spec T3.2, T3.3). */
#include "generate.h"

#include "block.h"
#include "model_activations.h"
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

/* Logits held at a time; rows beyond them are drawn in further pieces. */
#define LOGIT_FLOATS ((size_t)1 << 24)

struct sl_generator {
  sl_context *ctx;
  const sl_model_layout *layout;
  sl_model *model;
  size_t max_sequences, max_length, logit_rows;
  size_t
      rows; /* tokens that the model takes at a time: one of each sequence, or a whole sequence */
  void *block;        /* that holds the next four; NULL: they lie in the caller's memory */
  float *logits;      /* (logit_rows, V) */
  float *hidden;      /* (rows, D) of a piece of the prefill */
  float *last_hidden; /* (max_sequences, D) of the open sequences */
  sl_mirror mirror;   /* of the host and the context: everything below but the caches' own memory,
                         which is beside the logits */
  sl_layer_cache *caches;
  /* By sequence, tokens at stride max_length while they grow: */
  uint32_t *grid, *length;
  float *grid_logp, *grid_entropy;
  /* Of the sequences that are still open: */
  uint32_t *open, *open_number, *open_ids, *open_slot, *open_position;
  uint32_t
      *drawn; /* this and the next two lie one after the other and come to the host in one copy */
  float *drawn_logp, *drawn_entropy;
  /* Of a piece of the prefill: */
  uint32_t *piece_seq, *piece_ids, *piece_slot, *piece_position;
  uint32_t *fork_to, *fork_from, *fork_length;
  sl_rollout rollout;
  const uint32_t *ends; /* the caller's, n_ends of them */
  size_t n_ends;
  sl_token_watch *watch; /* or NULL */
  void *watcher;
  size_t kept; /* tokens of sequence 0 whose keys and values the cache has; 0: the model is not
                  packed */
};

static const uint32_t character_end = SL_TOKEN_EOS;

static void cut_caches(sl_cutter *c, sl_generator *g) {
  const sl_model_shape *s = &g->layout->shape;
  const size_t n = g->max_sequences * g->max_length, width = s->kv_heads * s->head_dim;
  for (size_t l = 0; l < s->layers; l++) {
    float *k = sl_cut(c, n, width, sizeof *k), *v = sl_cut(c, n, width, sizeof *v);
    if (g->caches) g->caches[l] = (sl_layer_cache){k, v, g->max_length, g->max_sequences};
  }
}

/* What kernels alone touch. */
static void cut_block(sl_cutter *c, sl_generator *g) {
  const size_t d = g->layout->shape.hidden;
  g->logits = sl_cut(c, g->logit_rows, g->layout->shape.vocab, sizeof(float));
  g->hidden = sl_cut(c, g->rows, d, sizeof(float)),
  g->last_hidden = sl_cut(c, g->max_sequences, d, sizeof(float));
  cut_caches(c, g);
}

static void cut_mirror(sl_cutter *c, sl_generator *g) {
  const size_t n = g->max_sequences, t = n * g->max_length;
  uint32_t **const by_sequence[] = {
      &g->length,        &g->open,    &g->open_number, &g->open_ids,    &g->open_slot,
      &g->open_position, &g->fork_to, &g->fork_from,   &g->fork_length, &g->rollout.prompt_length};
  float **const by_token[] = {&g->grid_logp, &g->grid_entropy, &g->rollout.logp,
                              &g->rollout.entropy};
  uint32_t **const words_by_token[] = {&g->grid, &g->rollout.ids, &g->rollout.position};
  uint32_t **const by_row[] = {&g->piece_ids, &g->piece_slot, &g->piece_position};
  g->caches = sl_cut(c, g->layout->shape.layers, 1, sizeof *g->caches);
  for (size_t i = 0; i < sizeof by_sequence / sizeof *by_sequence; i++)
    *by_sequence[i] = sl_cut(c, n, 1, sizeof(uint32_t));
  for (size_t i = 0; i < sizeof by_token / sizeof *by_token; i++)
    *by_token[i] = sl_cut(c, t, 1, sizeof(float));
  for (size_t i = 0; i < sizeof words_by_token / sizeof *words_by_token; i++)
    *words_by_token[i] = sl_cut(c, t, 1, sizeof(uint32_t));
  for (size_t i = 0; i < sizeof by_row / sizeof *by_row; i++)
    *by_row[i] = sl_cut(c, g->rows, 1, sizeof(uint32_t));
  g->drawn = sl_cut(c, n, 1, sizeof(uint32_t));
  g->drawn_logp = sl_cut(c, n, 1, sizeof(float)), g->drawn_entropy = sl_cut(c, n, 1, sizeof(float));
  g->rollout.seq = sl_cut(c, n + 1, 1, sizeof(uint32_t)), g->rollout.ended = sl_cut(c, n, 1, 1);
  g->piece_seq = sl_cut(c, n + 1, 1, sizeof(uint32_t));
}

/* The shell of a generator: sizes alone. SL_ERR_MEMORY if its tokens cannot be counted in 32 bits.
 */
static sl_status prepare(sl_generator *g, sl_context *ctx, const sl_model_layout *layout,
                         size_t max_sequences, size_t max_length, sl_error *err) {
  if (max_length == 0 || max_sequences > UINT32_MAX / max_length)
    return sl_fail(err, SL_ERR_MEMORY, "a rollout of %zu sequences of %zu tokens is too large",
                   max_sequences, max_length);
  const size_t logit_rows = LOGIT_FLOATS / layout->shape.vocab + 1;
  *g = (sl_generator){.ctx = ctx,
                      .layout = layout,
                      .ends = &character_end,
                      .n_ends = 1,
                      .max_sequences = max_sequences,
                      .max_length = max_length,
                      .logit_rows = logit_rows < max_sequences ? logit_rows : max_sequences,
                      .rows = max_sequences > max_length ? max_sequences : max_length};
  return SL_OK;
}

static size_t count_bytes(sl_generator *g, void (*cut)(sl_cutter *, sl_generator *)) {
  sl_cutter c = {0};
  cut(&c, g);
  return sl_cutter_bytes(&c);
}

sl_status sl_generator_bytes(sl_generator_memory *out, sl_context *ctx,
                             const sl_model_layout *layout, size_t max_sequences, size_t max_length,
                             sl_error *err) {
  sl_generator g;
  sl_status status = prepare(&g, ctx, layout, max_sequences, max_length, err);
  sl_model_memory model;
  if (!status) status = sl_model_bytes(&model, ctx, layout, g.rows, SL_MODEL_FORWARD, err);
  if (status) return status;
  out->model = model;
  out->cache = count_bytes(&g, cut_caches);
  out->work = count_bytes(&g, cut_block);
  out->tokens = sl_mirror_bytes(ctx, count_bytes(&g, cut_mirror));
  return SL_OK;
}

/* The model, and what kernels alone touch, behind the model's part of the caller's memory or in a
 * block. */
static sl_status place_work(sl_generator *g, const float *parameters, void *memory, sl_error *err) {
  const size_t bytes = count_bytes(g, cut_block);
  unsigned char *at = memory;
  sl_model_memory model;
  sl_status status = sl_model_bytes(&model, g->ctx, g->layout, g->rows, SL_MODEL_FORWARD, err);
  if (!status)
    status = sl_model_create_in(&g->model, g->ctx, g->layout, parameters, g->rows, SL_MODEL_FORWARD,
                                memory, err);
  if (!status && !memory)
    status = sl_block_create(&g->block, g->ctx, bytes, "a rollout's cache", err);
  if (status) return status;
  at = memory ? at + model.packs + model.activations : g->block;
  cut_block(&(sl_cutter){.base = at, .bytes = bytes}, g);
  return SL_OK;
}

sl_status sl_generator_create(sl_generator **out, sl_context *ctx, const sl_model_layout *layout,
                              const float *parameters, size_t max_sequences, size_t max_length,
                              sl_error *err) {
  return sl_generator_create_in(out, ctx, layout, parameters, max_sequences, max_length, NULL, err);
}

sl_status sl_generator_create_in(sl_generator **out, sl_context *ctx, const sl_model_layout *layout,
                                 const float *parameters, size_t max_sequences, size_t max_length,
                                 void *memory, sl_error *err) {
  sl_generator *g = calloc(1, sizeof *g);
  if (!g) return sl_fail(err, SL_ERR_MEMORY, "no memory for a generator");
  sl_status status = prepare(g, ctx, layout, max_sequences, max_length, err);
  const size_t mirror = status ? 0 : count_bytes(g, cut_mirror);
  if (!status) status = sl_mirror_create(&g->mirror, ctx, mirror, "a rollout's tokens", err);
  if (!status) {
    cut_mirror(&(sl_cutter){.base = g->mirror.host, .bytes = mirror}, g);
    status = place_work(g, parameters, memory, err);
  }
  if (status) {
    sl_generator_destroy(g);
    return status;
  }
  *out = g;
  return SL_OK;
}

void sl_generator_destroy(sl_generator *g) {
  if (!g) return;
  sl_model_destroy(g->model);
  sl_block_free(g->ctx, g->block);
  sl_mirror_free(&g->mirror);
  free(g);
}

static sl_status check_sizes(const sl_generator *g, const sl_prompts *prompts, size_t group,
                             size_t max_new, sl_error *err) {
  if (prompts->n * group > g->max_sequences)
    return sl_fail(err, SL_ERR_INPUT, "rollout of %zu sequences, but the generator holds %zu",
                   prompts->n * group, g->max_sequences);
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
  }
}

/* Prompts [first, end) through the model: keys and values to the first sequence of each group, the
 * last hidden row to all of it. */
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
  }
  const size_t t = g->piece_seq[end - first];
  memcpy(g->piece_ids, prompts->ids + base, t * sizeof *g->piece_ids);
  SL_TRY(push(g, g->piece_ids, t));
  SL_TRY(push(g, g->piece_slot, t));
  SL_TRY(push(g, g->piece_position, t));
  const sl_batch batch = {end - first, g->piece_seq, on(g, g->piece_ids), on(g, g->piece_position),
                          NULL,        NULL};
  SL_TRY(sl_model_prefill(g->model, &batch, g->caches, on(g, g->piece_slot), g->hidden));
  for (size_t q = first * group; q < end * group; q++) {
    const float *last = g->hidden + (g->piece_seq[q / group - first + 1] - (size_t)1) * d;
    SL_TRY(sl_memory_copy(g->ctx, g->last_hidden + q * d, last, d * sizeof *last));
  }
  return SL_OK;
}

/* The cache of each prompt is copied to the other sequences of its group. */
static sl_status fork_caches(sl_generator *g, size_t n_prompts, size_t group) {
  const sl_model_shape *s = &g->layout->shape;
  size_t forks = 0;
  for (size_t q = 0; q < n_prompts * group; q++) {
    if (q % group == 0) continue;
    g->fork_to[forks] = (uint32_t)q, g->fork_from[forks] = (uint32_t)(q - q % group),
    g->fork_length[forks] = g->length[q];
    forks++;
  }
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
  return fork_caches(g, prompts->n, group);
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

/* Appends what was drawn; keeps the sequences that go on, in order. */
static size_t append(sl_generator *g, size_t n_open, size_t max_new) {
  size_t left = 0;
  for (size_t i = 0; i < n_open; i++) {
    const uint32_t q = g->open[i];
    const size_t at = q * g->max_length + g->length[q];
    g->grid[at] = g->drawn[i];
    g->grid_logp[at - 1] = g->drawn_logp[i];
    g->grid_entropy[at - 1] = g->drawn_entropy[i];
    g->length[q]++;
    g->rollout.ended[q] = (uint8_t)is_end(g, g->drawn[i]);
    const int stops = g->watch && g->watch(g->watcher, q, g->drawn[i]);
    if (g->rollout.ended[q] || stops || g->length[q] - g->rollout.prompt_length[q] == max_new)
      continue;
    g->open[left] = q, g->open_ids[left] = g->drawn[i], g->open_slot[left] = q,
    g->open_position[left] = g->length[q] - 1;
    left++;
  }
  return left;
}

/* The last hidden rows of the open sequences, one token further. */
static sl_status decode(sl_generator *g, size_t n_open) {
  SL_TRY(push(g, g->open_ids, n_open));
  SL_TRY(push(g, g->open_slot, n_open));
  SL_TRY(push(g, g->open_position, n_open));
  return sl_model_decode(g->model, n_open, on(g, g->open_ids), on(g, g->open_slot),
                         on(g, g->open_position), g->caches, g->last_hidden);
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
  while (n_open) {
    SL_TRY(draw(g, n_open, sampling));
    n_open = append(g, n_open, max_new);
    if (n_open) SL_TRY(decode(g, n_open));
  }
  return SL_OK;
}

static sl_status generate(sl_generator *g, const sl_prompts *prompts, size_t group, size_t max_new,
                          const sl_sampling *sampling) {
  g->kept = 0;
  SL_TRY(sl_model_pack(g->model));
  SL_TRY(prefill(g, prompts, group));
  return complete(g, prompts->n * group, max_new, sampling);
}

/* Tokens [kept, n) of sequence 0 behind those that the cache has: rows of one step of decoding, of
 * which each sees the ones before it, as keys and values are stored first. */
static sl_status prefill_further(sl_generator *g, const uint32_t *ids, size_t n) {
  const size_t d = g->layout->shape.hidden;
  memcpy(g->grid, ids, n * sizeof *ids);
  g->length[0] = g->rollout.prompt_length[0] = (uint32_t)n;
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

sl_status sl_generator_rehearse(sl_generator *g, sl_error *err) {
  const sl_sampling sampling = {.temperature = 1.0f, .top_k = 1, .top_p = 0.5};
  const size_t n = g->max_sequences, full_prompts = g->rows / g->max_length,
               rest = g->rows % g->max_length, most = full_prompts + (rest > 0);
  for (size_t i = 0; i < n; i++) g->open[i] = g->open_slot[i] = (uint32_t)i, g->open_ids[i] = 0;
  for (size_t i = 0; i < n; i++)
    g->open_position[i] = (uint32_t)(g->max_length - 1),
    g->length[i] = (uint32_t)(g->max_length - 1);
  sl_prompts prompts = {most, g->rollout.seq, g->rollout.ids};
  for (size_t p = 0; p <= most; p++)
    prompts.offset[p] = (uint32_t)(p <= full_prompts ? p * g->max_length : g->rows);
  memset(prompts.ids, 0, g->rows * sizeof *prompts.ids);
  sl_status status = sl_model_pack(g->model);
  if (!status) status = prefill_piece(g, &prompts, 1, 0, most);
  if (!status) status = decode(g, n);
  if (!status) status = draw(g, n, &sampling);
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
