/* The tree of shards (spec N4.3, N4.4): against a recursive one, and against shards computed alone.
 */
#include "tests/trainer/tiny.h"

#include <sluice/random.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Gradients of `shards` shards, one arena each. */
typedef struct {
  size_t n, shards;
  float **arena;
} leaves;

typedef enum { ALIGNED, LEFT_TO_RIGHT, INTERLEAVED } tree_kind;

/* The sum over shards [from, from + count * step) of one element. INTERLEAVED pairs even with odd
 * shards at the top. */
static float tree(const leaves *l, size_t i, size_t from, size_t count, size_t step,
                  tree_kind kind) {
  if (count == 1) return l->arena[from][i];
  if (kind == LEFT_TO_RIGHT) {
    float sum = l->arena[from][i];
    for (size_t k = 1; k < count; k++) sum += l->arena[from + k][i];
    return sum;
  }
  if (kind == INTERLEAVED)
    return tree(l, i, from, count / 2, 2 * step, kind) +
           tree(l, i, from + step, count / 2, 2 * step, kind);
  return tree(l, i, from, count / 2, step, kind) +
         tree(l, i, from + count / 2 * step, count / 2, step, kind);
}

/* Elements of `total` that are not those of the tree. */
static size_t differences(const leaves *l, const float *total, tree_kind kind) {
  size_t wrong = 0;
  for (size_t i = 0; i < l->n; i++) {
    const float wanted = tree(l, i, 0, l->shards, 1, kind);
    wrong += memcmp(&wanted, &total[i], sizeof wanted) != 0;
  }
  return wrong;
}

static leaves new_leaves(size_t n, size_t shards) {
  leaves l = {n, shards, calloc(shards, sizeof *l.arena)};
  for (size_t k = 0; k < shards; k++) cr_assert_not_null(l.arena[k] = calloc(n, sizeof(float)));
  return l;
}

static void free_leaves(leaves *l) {
  for (size_t k = 0; k < l->shards; k++) free(l->arena[k]);
  free(l->arena);
}

/* Some value of many magnitudes, so that the order of additions shows. */
static float value(uint64_t seed, size_t shard, size_t i, uint32_t which) {
  const int64_t draw = (int64_t)sl_random_u64(seed, (uint32_t)i, (uint32_t)shard, which, 6);
  return (float)((double)draw * 0x1p-63 * (double)(1u << (i * 7 % 13)));
}

/* Runs shards whose sums are random through the tree; leaves hold what each shard's gradient must
 * be: zeros where n_seq sequences leave it none. */
static void fill(sl_gradients *g, leaves *l, size_t n_seq, uint64_t seed) {
  const sl_model_layout *layout = g->layout;
  const size_t head = layout->shape.vocab * layout->shape.hidden;
  for (size_t k = 0; k < g->shards; k++) {
    if (k % g->at_once == 0) cr_assert_eq(sl_gradients_begin_group(g, n_seq), SL_OK);
    const int held = sl_shard_begin(k, n_seq, g->shards) < sl_shard_begin(k + 1, n_seq, g->shards);
    float *total = sl_gradients_total(g, k % g->at_once),
          *head_total = sl_gradients_head_total(g, k % g->at_once);
    for (size_t i = 0; i < layout->n_floats; i++) {
      l->arena[k][i] = 0.0f;
      if (!held) continue;
      cr_assert_eq(total[i], 0.0f);
      l->arena[k][i] = total[i] = value(seed, k, i, 0);
    }
    for (size_t i = 0; head_total && held && i < head; i++) {
      cr_assert_eq(head_total[i], 0.0f);
      head_total[i] = value(seed, k, i, 1);
      l->arena[k][layout->embed + i] = head_total[i] + total[layout->embed + i];
    }
    if ((k + 1) % g->at_once == 0) cr_assert_eq(sl_gradients_end_group(g), SL_OK);
  }
}

static void check_tree(size_t shards, size_t at_once, const char *tie, size_t n_seq,
                       uint64_t seed) {
  const char *extra[] = {tie, NULL};
  sl_run_state *run = tiny_trainer(extra);
  sl_gradients g;
  sl_error err;
  cr_assert_eq(sl_gradients_create(&g, run->ctx, run->policy.layout, shards, at_once, &err), SL_OK,
               "%s", err.message);
  cr_assert_eq(g.head_total != NULL, run->policy.layout->shape.tied);
  leaves l = new_leaves(run->policy.layout->n_floats, shards);
  for (uint64_t step = 0; step < 2; step++) { /* the second step must not see the first */
    fill(&g, &l, n_seq, seed + step);
    cr_expect_eq(differences(&l, g.total, ALIGNED), 0, "%zu shards, %zu at once, %s, %zu sequences",
                 shards, at_once, tie, n_seq);
  }
  if (shards >= 4 && n_seq >= shards) { /* planted: other orders of the same shards are noticed */
    cr_expect_gt(differences(&l, g.total, LEFT_TO_RIGHT), l.n / 10);
    cr_expect_gt(differences(&l, g.total, INTERLEAVED), l.n / 10);
  }
  free_leaves(&l);
  sl_gradients_free(&g);
  sl_run_state_destroy(run);
}

Test(trainer_gradients, tree_of_shards_is_the_aligned_binary_one) {
  const uint64_t seed = tiny_seed("tree");
  for (size_t shards = 1; shards <= 16; shards *= 2)
    for (size_t at_once = 1; at_once <= shards; at_once *= 2)
      check_tree(shards, at_once, "model.tie=true", shards, seed),
          check_tree(shards, at_once, "model.tie=false", shards, seed);
}

/* As is that of fewer sequences than shards, down to none. */
Test(trainer_gradients, empty_shards_are_zeros) {
  const uint64_t seed = tiny_seed("empty shards");
  for (size_t n_seq = 0; n_seq < 8; n_seq++)
    for (size_t at_once = 1; at_once <= 8; at_once *= 2)
      check_tree(8, at_once, n_seq % 2 ? "model.tie=true" : "model.tie=false", n_seq, seed);
}

Test(trainer_gradients, shards_cut_the_sequences_in_order) {
  for (size_t shards = 1; shards <= 16; shards *= 2)
    for (size_t n = 0; n < 40; n++) {
      cr_assert_eq(sl_shard_begin(0, n, shards), 0);
      cr_assert_eq(sl_shard_begin(shards, n, shards), n);
      for (size_t k = 0; k < shards; k++) {
        const size_t size = sl_shard_begin(k + 1, n, shards) - sl_shard_begin(k, n, shards);
        cr_assert(size == n / shards || size == n / shards + 1);
      }
    }
}

static void add_random(sl_update_batch *s, size_t n, size_t vocab, uint64_t seed) {
  sl_update_batch_clear(s);
  for (uint32_t q = 0; q < n; q++) {
    uint32_t ids[9];
    const size_t length = 3 + q * 5 % 7;
    for (uint32_t i = 0; i < length; i++)
      ids[i] = (uint32_t)(sl_random_u64(seed, i, q, 0, 6) % vocab);
    sl_update_batch_add(s, ids, length, 1 + q % 3, NULL, 0.0f);
  }
}

/* Only the sequences [from, to) of a step, with the coefficients that they have in the whole. */
static void cut(sl_update_batch *out, const sl_update_batch *s, size_t from, size_t to) {
  sl_update_batch_clear(out);
  for (size_t q = from; q < to; q++) {
    size_t prompt = 1;
    while (!s->mask[s->seq[q] + prompt - 1]) prompt++;
    sl_update_batch_add(out, s->ids + s->seq[q], s->seq[q + 1] - s->seq[q], prompt, NULL, 0.0f);
    out->coefficient[q - from] = s->coefficient[q];
  }
}

/* The gradient of n sequences in S shards is the tree of the gradients of each shard alone,
 * whatever the micro-batch. Of at most 13 sequences in up to 16 shards, many shards are empty, and
 * a tree of another order shows here too (planted). */
static void check_step(sl_run_state *run, size_t n, size_t shards, size_t at_once,
                       size_t micro_batch, uint64_t seed) {
  sl_update_batch all, part;
  sl_gradients g, one;
  sl_error err;
  cr_assert_eq(sl_update_batch_create(&all, run->ctx, n, n * 9, &err) |
                   sl_update_batch_create(&part, run->ctx, n, n * 9, &err),
               SL_OK);
  cr_assert_eq(sl_gradients_create(&g, run->ctx, run->policy.layout, shards, at_once, &err), SL_OK);
  cr_assert_eq(sl_gradients_create(&one, run->ctx, run->policy.layout, 1, 1, &err), SL_OK);
  sl_model *m;
  cr_assert_eq(sl_model_create(&m, run->ctx, run->policy.layout, run->policy.data, n * 9,
                               SL_MODEL_TRAINING, &err),
               SL_OK);
  add_random(&all, n, run->policy.layout->shape.vocab, seed);
  cr_assert_eq(
      sl_objective_coefficients(all.coefficient, all.tokens, n, SL_AGG_TOKEN_MEAN, 0.0, &err),
      SL_OK);
  leaves l = new_leaves(run->policy.layout->n_floats, shards);
  const sl_gradient_options full = {.inv_temperature = 1.0f},
                            options = {.inv_temperature = 1.0f, .micro_batch = micro_batch};
  for (size_t k = 0; k < shards; k++) {
    cut(&part, &all, k * n / shards, (k + 1) * n / shards);
    cr_assert_eq(sl_update_batch_gradient(&part, m, &one, &full), SL_OK);
    memcpy(l.arena[k], one.total, l.n * sizeof(float));
  }
  cr_assert_eq(sl_update_batch_gradient(&all, m, &g, &options), SL_OK);
  cr_expect_eq(differences(&l, g.total, ALIGNED), 0,
               "%zu sequences, %zu shards, %zu at once, micro-batch %zu", n, shards, at_once,
               micro_batch);
  if (n >= shards && shards >= 4) cr_expect_gt(differences(&l, g.total, LEFT_TO_RIGHT), l.n / 10);
  free_leaves(&l);
  sl_model_destroy(m);
  sl_gradients_free(&g), sl_gradients_free(&one);
  sl_update_batch_free(&all), sl_update_batch_free(&part);
}

Test(trainer_gradients, step_is_the_tree_of_its_shards) {
  const uint64_t seed = tiny_seed("step");
  static const size_t sizes[] = {1, 2, 5, 8, 13}, micro_batches[] = {0, 1, 3};
  sl_run_state *run = tiny_trainer(NULL);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (size_t shards = 1; shards <= 16; shards *= shards == 2 ? 4 : 2)
      for (size_t at_once = 1; at_once <= shards; at_once *= 2)
        for (size_t b = 0; b < 3; b++)
          check_step(run, sizes[i], shards, at_once, micro_batches[b], seed);
  sl_run_state_destroy(run);
}

/* Largest number of sequences that a group of shards has, counted. */
static size_t largest_group(size_t n, size_t shards, size_t at_once) {
  size_t most = 0;
  for (size_t k = 0; k < shards; k += at_once) {
    const size_t size = sl_shard_begin(k + at_once, n, shards) - sl_shard_begin(k, n, shards);
    if (size > most) most = size;
  }
  return most;
}

Test(trainer_gradients, a_micro_batch_is_as_many_whole_shards_as_it_may_hold) {
  for (size_t shards = 1; shards <= 16; shards *= 2)
    for (size_t n = 1; n < 40; n++)
      for (size_t m = 0; m < 50; m++) {
        const size_t at_once = sl_shards_at_once(n, shards, m), shard = (n + shards - 1) / shards,
                     all = largest_group(n, shards, at_once);
        cr_assert(at_once && (at_once & (at_once - 1)) == 0 && at_once <= shards);
        cr_assert(m ? at_once == 1 || at_once * shard <= m : at_once == shards);
        cr_assert(!m || at_once == shards || 2 * at_once * shard > m);
        cr_assert_eq(sl_micro_batch_tokens(n, shards, m, 7), 7 * (m && m < all ? m : all),
                     "%zu sequences, %zu shards, %zu", n, shards, m);
        /* a rehearsal takes the last group and, in it, the last shard */
        cr_assert_eq(n - sl_shard_begin(shards - at_once, n, shards), all);
        cr_assert_eq(n - sl_shard_begin(shards - 1, n, shards), shard);
      }
}
