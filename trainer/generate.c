/* Rollouts: each prompt is prefilled once, its cache forked to the group, then all open sequences go on together (spec T3.2, T3.3). */
#include "generate.h"

#include "model_activations.h"

#include <stdlib.h>
#include <string.h>

/* Logits of so many floats are held at a time; rows beyond are drawn in further pieces. */
#define LOGIT_FLOATS ((size_t)1 << 24)

struct sl_generator {
  sl_context *ctx;
  const sl_model_layout *layout;
  sl_model *model;
  size_t max_sequences, max_length, logit_rows;
  sl_layer_cache *caches;
  float *cache_memory, *hidden, *logits;
  /* By sequence, tokens at stride max_length while they grow: */
  uint32_t *grid, *length;
  float *grid_logp, *grid_entropy;
  /* Of the sequences that are still open: */
  uint32_t *open, *open_ids, *open_slot, *open_position, *drawn;
  float *drawn_logp, *drawn_entropy;
  /* Prefill: */
  uint32_t *prefill_slot, *prefill_position, *fork_to, *fork_from, *fork_length;
  float *last_hidden;
  sl_rollout rollout;
  void *blocks[32];
  size_t n_blocks;
};

static void *own(sl_generator *g, size_t n, size_t size) {
  void *p = calloc(n ? n : 1, size);
  if (p) g->blocks[g->n_blocks++] = p;
  return p;
}

static int allocate_rows(sl_generator *g) {
  const size_t n = g->max_sequences, t = n * g->max_length, d = g->layout->shape.hidden;
  g->grid = own(g, t, 4), g->grid_logp = own(g, t, 4), g->grid_entropy = own(g, t, 4);
  g->length = own(g, n, 4);
  g->open = own(g, n, 4), g->open_ids = own(g, n, 4), g->open_slot = own(g, n, 4), g->open_position = own(g, n, 4);
  g->drawn = own(g, n, 4), g->drawn_logp = own(g, n, 4), g->drawn_entropy = own(g, n, 4);
  g->prefill_slot = own(g, t, 4), g->prefill_position = own(g, t, 4);
  g->fork_to = own(g, n, 4), g->fork_from = own(g, n, 4), g->fork_length = own(g, n, 4);
  g->hidden = own(g, t * d, 4), g->last_hidden = own(g, n * d, 4), g->logits = own(g, g->logit_rows * g->layout->shape.vocab, 4);
  g->rollout.seq = own(g, n + 1, 4), g->rollout.prompt_length = own(g, n, 4), g->rollout.ended = own(g, n, 1);
  g->rollout.ids = own(g, t, 4), g->rollout.position = own(g, t, 4), g->rollout.logp = own(g, t, 4), g->rollout.entropy = own(g, t, 4);
  return g->n_blocks == 26;
}

static int allocate_caches(sl_generator *g) {
  const sl_model_shape *s = &g->layout->shape;
  const size_t one = g->max_sequences * s->kv_heads * s->head_dim * g->max_length;
  g->cache_memory = own(g, 2 * s->layers * one, sizeof(float));
  g->caches = own(g, s->layers, sizeof *g->caches);
  if (!g->cache_memory || !g->caches) return 0;
  for (size_t l = 0; l < s->layers; l++)
    g->caches[l] = (sl_layer_cache){g->cache_memory + 2 * l * one, g->cache_memory + (2 * l + 1) * one, g->max_length};
  return 1;
}

sl_status sl_generator_create(sl_generator **out, sl_context *ctx, const sl_model_layout *layout, const float *parameters,
                              size_t max_sequences, size_t max_length, sl_error *err) {
  sl_generator *g = calloc(1, sizeof *g);
  if (!g) return sl_fail(err, SL_ERR_MEMORY, "no memory for a generator");
  g->ctx = ctx, g->layout = layout, g->max_sequences = max_sequences, g->max_length = max_length;
  g->logit_rows = LOGIT_FLOATS / layout->shape.vocab + 1;
  if (g->logit_rows > max_sequences) g->logit_rows = max_sequences;
  sl_status status = sl_model_create(&g->model, ctx, layout, parameters, max_sequences * max_length, 0, err);
  if (!status && (!allocate_rows(g) || !allocate_caches(g)))
    status = sl_fail(err, SL_ERR_MEMORY, "no memory for a rollout of %zu sequences of %zu tokens", max_sequences, max_length);
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
  for (size_t i = 0; i < g->n_blocks; i++) free(g->blocks[i]);
  free(g);
}

static sl_status check_sizes(const sl_generator *g, const sl_prompts *prompts, size_t group, size_t max_new, sl_error *err) {
  if (prompts->n * group > g->max_sequences)
    return sl_fail(err, SL_ERR_INPUT, "rollout of %zu sequences, but the generator holds %zu", prompts->n * group, g->max_sequences);
  for (size_t p = 0; p < prompts->n; p++) {
    const size_t n = prompts->offset[p + 1] - prompts->offset[p];
    if (n == 0) return sl_fail(err, SL_ERR_INPUT, "prompt[%zu] is empty", p);
    if (n + max_new > g->max_length)
      return sl_fail(err, SL_ERR_INPUT, "prompt[%zu] has %zu tokens: with %zu new ones it exceeds %zu", p, n, max_new, g->max_length);
  }
  return SL_OK;
}

/* Runs the prompts through the model and leaves each one's last hidden row, for every sequence of its group, in last_hidden. */
static sl_status prefill(sl_generator *g, const sl_prompts *prompts, size_t group) {
  const sl_model_shape *s = &g->layout->shape;
  const size_t d = s->hidden;
  size_t forks = 0;
  for (size_t p = 0; p < prompts->n; p++) {
    const uint32_t first = prompts->offset[p], n = prompts->offset[p + 1] - first;
    for (uint32_t i = 0; i < n; i++) g->prefill_slot[first + i] = (uint32_t)(p * group), g->prefill_position[first + i] = i;
    for (size_t k = 0; k < group; k++) {
      const size_t q = p * group + k;
      memcpy(g->grid + q * g->max_length, prompts->ids + first, n * sizeof *g->grid);
      g->length[q] = n;
      g->rollout.prompt_length[q] = n;
      if (k == 0) continue;
      g->fork_to[forks] = (uint32_t)q, g->fork_from[forks] = (uint32_t)(p * group), g->fork_length[forks] = n;
      forks++;
    }
  }
  const sl_batch batch = {prompts->n, prompts->offset, prompts->ids, g->prefill_position, NULL, NULL};
  SL_TRY(sl_model_prefill(g->model, &batch, g->caches, g->prefill_slot, g->hidden));
  for (size_t l = 0; l < s->layers; l++)
    SL_TRY(sl_kv_fork(g->ctx, g->caches[l].k_cache, g->caches[l].v_cache, g->fork_to, g->fork_from, g->fork_length, forks, s->kv_heads,
                      s->head_dim, g->max_length));
  for (size_t p = 0; p < prompts->n; p++)
    for (size_t k = 0; k < group; k++)
      memcpy(g->last_hidden + (p * group + k) * d, g->hidden + (prompts->offset[p + 1] - (size_t)1) * d, d * sizeof *g->hidden);
  return SL_OK;
}

/* Draws the next token of each open sequence from its hidden row. */
static sl_status draw(sl_generator *g, size_t n_open, const float *hidden, const sl_sampling *how) {
  const sl_model_shape *s = &g->layout->shape;
  for (size_t i = 0; i < n_open; i++) g->open_position[i] = g->length[g->open[i]];
  for (size_t first = 0; first < n_open; first += g->logit_rows) {
    const size_t rows = n_open - first < g->logit_rows ? n_open - first : g->logit_rows;
    SL_TRY(sl_model_logits(g->model, rows, hidden + first * s->hidden, g->logits));
    SL_TRY(sl_sample(g->ctx, g->drawn + first, g->drawn_logp + first, g->drawn_entropy + first, g->logits, how, g->open + first,
                     g->open_position + first, rows, s->vocab));
  }
  return SL_OK;
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
    g->rollout.ended[q] = g->drawn[i] == SL_TOKEN_EOS;
    if (g->rollout.ended[q] || g->length[q] - g->rollout.prompt_length[q] == max_new) continue;
    g->open[left] = q, g->open_ids[left] = g->drawn[i], g->open_slot[left] = q, g->open_position[left] = g->length[q] - 1;
    left++;
  }
  return left;
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

/* Everything from prompts to open sequences that are all closed. */
static sl_status generate(sl_generator *g, const sl_prompts *prompts, size_t group, size_t max_new, const sl_sampling *how) {
  const size_t n = prompts->n * group;
  SL_TRY(sl_model_pack(g->model));
  SL_TRY(prefill(g, prompts, group));
  for (size_t q = 0; q < n; q++) g->open[q] = (uint32_t)q;
  size_t n_open = max_new ? n : 0;
  const float *hidden = g->last_hidden;
  while (n_open) {
    SL_TRY(draw(g, n_open, hidden, how));
    n_open = append(g, n_open, max_new);
    if (n_open) SL_TRY(sl_model_decode(g->model, n_open, g->open_ids, g->open_slot, g->open_position, g->caches, g->hidden));
    hidden = g->hidden;
  }
  return SL_OK;
}

sl_status sl_generate(sl_generator *g, const sl_prompts *prompts, size_t group, size_t max_new, const sl_sampling *how, sl_rollout *out,
                      sl_error *err) {
  sl_status status = check_sizes(g, prompts, group, max_new, err);
  if (status) return status;
  status = generate(g, prompts, group, max_new, how);
  if (status) return sl_fail(err, status, "%s", sl_context_error(g->ctx)->message);
  pack_rollout(g, prompts->n * group);
  *out = g->rollout;
  return SL_OK;
}
