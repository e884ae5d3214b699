/* Rollouts (spec T3.2, T3.3, N5.5): decoding has training's bits, and a sequence's bits are its
 * own. */
#include "trainer/model/generator.h"
#include "trainer/model/model_activations.h"
#include "tests/trainer/tiny.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define PROMPTS 6
#define GROUP 3
#define NEW_MAX 6

static const char *const more_tokens[] = {"rl.max_new_tokens=6", NULL};

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static sl_rollout generate_from(sl_run_state *run, const sl_prompts *prompts, size_t group,
                                uint32_t first, const sl_sampling *sampling) {
  sl_rollout r;
  sl_error err;
  cr_assert_eq(sl_generate(run->generator, prompts, group, NEW_MAX, first, sampling, &r, &err),
               SL_OK, "%s", err.message);
  return r;
}
static sl_rollout generate(sl_run_state *run, const sl_prompts *prompts, size_t group,
                           const sl_sampling *sampling) {
  return generate_from(run, prompts, group, 0, sampling);
}

/* Encodes the first n training problems, after a few steps of warm start. */
static sl_run_state *ready(size_t n) {
  sl_run_state *run = tiny_trainer(more_tokens);
  sl_error err;
  tiny_sft(run, 4);
  for (uint32_t i = 0; i < n; i++) run->chosen[i] = i * 1237 % (uint32_t)run->task.train.n;
  cr_assert_eq(sl_run_state_encode(run, &run->task.train, run->chosen, n, &err), SL_OK, "%s",
               err.message);
  return run;
}

/* Log-probs or entropies of the rollout that are not those of the training forward pass. */
static size_t differ_from_training(sl_run_state *run, const sl_rollout *r, float temperature) {
  sl_update_batch s;
  sl_error err;
  cr_assert_eq(sl_update_batch_create(&s, run->ctx, r->n, r->seq[r->n], &err), SL_OK);
  for (size_t q = 0; q < r->n; q++)
    sl_update_batch_add(&s, r->ids + r->seq[q], r->seq[q + 1] - r->seq[q], r->prompt_length[q],
                        r->logp + r->seq[q], 0.0f);
  const sl_gradient_options options = {.inv_temperature = 1.0f / temperature, .micro_batch = 1};
  cr_assert_eq(sl_update_batch_logprobs(&s, run->model, &options, s.logp, s.entropy), SL_OK);
  size_t wrong = 0;
  for (size_t i = 0; i < r->seq[r->n]; i++)
    wrong += memcmp(&s.logp[i], &r->logp[i], sizeof(float)) != 0 ||
             memcmp(&s.entropy[i], &r->entropy[i], sizeof(float)) != 0;
  sl_update_batch_free(&s);
  return wrong;
}

/* Sequence a of one rollout has the tokens and log-probs of sequence b of another. */
static int same_sequence(const sl_rollout *x, size_t a, const sl_rollout *y, size_t b) {
  const size_t n = x->seq[a + 1] - x->seq[a];
  return n == y->seq[b + 1] - y->seq[b] && x->prompt_length[a] == y->prompt_length[b] &&
         x->ended[a] == y->ended[b] &&
         memcmp(x->ids + x->seq[a], y->ids + y->seq[b], n * sizeof(uint32_t)) == 0 &&
         memcmp(x->logp + x->seq[a], y->logp + y->seq[b], n * sizeof(float)) == 0 &&
         memcmp(x->entropy + x->seq[a], y->entropy + y->seq[b], n * sizeof(float)) == 0;
}

/* A rollout's arrays are the generator's: what must outlive the next one is copied. */
static sl_rollout copy(const sl_rollout *r) {
  const size_t t = r->seq[r->n];
  sl_rollout c = {.n = r->n};
  const struct {
    void **to;
    const void *from;
    size_t size;
  } all[] = {{(void **)&c.seq, r->seq, (r->n + 1) * 4},
             {(void **)&c.prompt_length, r->prompt_length, r->n * 4},
             {(void **)&c.ended, r->ended, r->n},
             {(void **)&c.ids, r->ids, t * 4},
             {(void **)&c.position, r->position, t * 4},
             {(void **)&c.logp, r->logp, t * 4},
             {(void **)&c.entropy, r->entropy, t * 4}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    cr_assert_not_null(*all[i].to = malloc(all[i].size));
    memcpy(*all[i].to, all[i].from, all[i].size);
  }
  return c;
}

static void free_copy(sl_rollout *r) {
  free(r->seq), free(r->prompt_length), free(r->ended), free(r->ids), free(r->position),
      free(r->logp), free(r->entropy);
}

/* One prompt of a list as a list of its own, n times over. */
static sl_prompts only(const sl_prompts *p, size_t which, size_t n) {
  const size_t length = p->offset[which + 1] - p->offset[which];
  sl_prompts one = {n, malloc((n + 1) * sizeof *one.offset), malloc(n * length * sizeof *one.ids)};
  for (size_t i = 0; i < n; i++)
    memcpy(one.ids + i * length, p->ids + p->offset[which], length * sizeof *one.ids);
  for (size_t i = 0; i <= n; i++) one.offset[i] = (uint32_t)(i * length);
  return one;
}

static void free_prompts(sl_prompts *p) { free(p->offset), free(p->ids); }

Test(trainer_rollout, decoding_has_the_bits_of_training) {
  sl_run_state *run = ready(PROMPTS);
  cr_assert_not_null(run->generator->token_rows);
  const uint64_t seed = tiny_seed("decoding");
  static const float temperatures[] = {1.0f, 0.7f, 1.9f};
  for (size_t i = 0; i < 3; i++) {
    const sl_sampling sampling = {temperatures[i], i == 2 ? 5 : 0, i == 1 ? 0.8 : 1.0, seed,
                                  (uint32_t)i};
    const sl_rollout r = generate(run, &run->prompts, GROUP, &sampling);
    cr_expect_eq(differ_from_training(run, &r, temperatures[i]), 0, "temperature %g",
                 (double)temperatures[i]);
  }
  sl_run_state_destroy(run);
}

Test(trainer_rollout, neighbours_do_not_show) {
  sl_run_state *run = ready(PROMPTS);
  const sl_sampling sampling = {1.0f, 0, 1.0, tiny_seed("neighbours"), 7},
                    greedy = {0.0f, 0, 1.0, 0, 0};
  sl_rollout r = generate(run, &run->prompts, GROUP, &sampling), all = copy(&r);
  sl_prompts one;
  size_t others = 0;
  for (size_t p = 0; p < PROMPTS; p++) { /* by their numbers in the batch, then by others */
    one = only(&run->prompts, p, 1);
    r = generate_from(run, &one, GROUP, (uint32_t)(p * GROUP), &sampling);
    for (size_t g = 0; g < GROUP; g++)
      cr_expect(same_sequence(&all, p * GROUP + g, &r, g), "prompt %zu, completion %zu", p, g);
    r = generate_from(run, &one, GROUP, (uint32_t)((PROMPTS + p) * GROUP), &sampling);
    for (size_t g = 0; g < GROUP; g++) others += !same_sequence(&all, p * GROUP + g, &r, g);
    free_prompts(&one);
  }
  cr_expect_gt(others, 0, "sequence numbers do not reach the draws");
  free_copy(&all);
  r = generate(run, &run->prompts, 1, &greedy),
  all = copy(&r); /* greedy: sequence numbers do not matter */
  for (size_t p = 0; p < PROMPTS; p++) {
    one = only(&run->prompts, p, 1);
    r = generate(run, &one, 1, &greedy);
    cr_expect(same_sequence(&all, p, &r, 0), "prompt %zu", p);
    free_prompts(&one);
  }
  free_copy(&all);
  sl_run_state_destroy(run);
}

/* A prefill of more tokens than the model takes at a time goes in pieces; those of a generator that
 * is larger do not. */
Test(trainer_rollout, prefill_in_pieces_does_not_show) {
  sl_run_state *run = ready(PROMPTS);
  const sl_sampling sampling = {1.1f, 0, 1.0, tiny_seed("pieces"), 2};
  sl_generator *small, *large;
  sl_error err;
  sl_generator_memory few, many;
  const size_t tokens = run->prompts.offset[PROMPTS];
  cr_assert_eq(sl_generator_create(&small, run->ctx, run->policy.layout, run->policy.data, PROMPTS,
                                   run->max_length, 1, &err),
               SL_OK);
  cr_assert_gt(tokens, larger(PROMPTS, run->max_length), "one piece would do");
  cr_assert_eq(
      sl_generator_bytes(&few, run->ctx, run->policy.layout, PROMPTS, run->max_length, NULL, &err),
      SL_OK);
  cr_assert_eq(
      sl_generator_bytes(&many, run->ctx, run->policy.layout, tokens, run->max_length, NULL, &err),
      SL_OK);
  cr_expect_lt(few.model.activations, many.model.activations,
               "activations of all tokens of a prefill are planned");
  cr_assert_eq(sl_generator_create(&large, run->ctx, run->policy.layout, run->policy.data, tokens,
                                   run->max_length, 1, &err),
               SL_OK);
  sl_rollout a, b;
  cr_assert_eq(sl_generate(small, &run->prompts, 1, NEW_MAX, 0, &sampling, &a, &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_generate(large, &run->prompts, 1, NEW_MAX, 0, &sampling, &b, &err), SL_OK, "%s",
               err.message);
  for (size_t p = 0; p < PROMPTS; p++) cr_expect(same_sequence(&a, p, &b, p), "prompt %zu", p);
  sl_generator_destroy(small), sl_generator_destroy(large);
  sl_run_state_destroy(run);
}

/* Counts the tokens of each sequence; those at odd places end with their second. */
static int count_token(void *user, size_t sequence, uint32_t id) {
  (void)id;
  return ++((uint32_t *)user)[sequence] == 2 && sequence % 2;
}

/* A rollout of its own for `threads` threads, in lanes and units (generator.c), has the bits of
 * `at_once`. */
#define MANY 30
static void expect_same_in_lanes(sl_run_state *run, int threads, const sl_sampling *sampling,
                                 const sl_rollout *at_once) {
  const sl_context_options options = {.backend = "cpu", .threads = threads};
  uint32_t seen[PROMPTS * MANY] = {0};
  sl_context *ctx;
  sl_generator *g;
  sl_rollout r;
  sl_error err;
  cr_assert_eq(sl_context_create(&ctx, &options, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_generator_create(&g, ctx, run->policy.layout, run->policy.data, PROMPTS * MANY,
                                   run->max_length, MANY, &err),
               SL_OK, "%s", err.message);
  cr_expect_eq(g->n_lanes, threads <= PROMPTS ? (size_t)threads : 1);
  cr_expect_lt(g->lane_sequences, PROMPTS * MANY);
  cr_assert_eq(sl_generate(g, &run->prompts, MANY, NEW_MAX, 0, sampling, &r, &err), SL_OK, "%s",
               err.message);
  for (size_t q = 0; q < r.n; q++)
    cr_expect(same_sequence(at_once, q, &r, q), "threads: %d, sequence %zu", threads, q);
  sl_generator_set_watch(g, count_token, seen);
  cr_assert_eq(sl_generate(g, &run->prompts, MANY, NEW_MAX, 0, sampling, &r, &err), SL_OK, "%s",
               err.message);
  for (size_t q = 0; q < r.n; q++) {
    const size_t n = r.seq[q + 1] - r.seq[q] - r.prompt_length[q];
    cr_expect_eq(seen[q], n, "threads: %d, sequence %zu", threads, q);
    cr_expect(n <= 2 || q % 2 == 0);
  }
  sl_generator_destroy(g);
  sl_context_destroy(ctx);
}

Test(trainer_rollout, lanes_and_units_do_not_show) {
  sl_run_state *run = ready(PROMPTS);
  const sl_sampling sampling = {1.3f, 0, 1.0, tiny_seed("lanes"), 1};
  sl_generator *g;
  sl_rollout at_once;
  sl_error err;
  cr_assert_eq(sl_generator_create_in(&g, run->ctx, run->policy.layout, run->policy.data,
                                      PROMPTS * MANY, run->max_length, NULL, NULL, &err),
               SL_OK, "%s", err.message);
  cr_assert_eq(sl_generate(g, &run->prompts, MANY, NEW_MAX, 0, &sampling, &at_once, &err), SL_OK,
               "%s", err.message);
  for (int threads = 1; threads <= PROMPTS + 1; threads++)
    expect_same_in_lanes(run, threads, &sampling, &at_once);
  sl_generator_destroy(g);
  sl_run_state_destroy(run);
}

/* An evaluation of more problems than a rollout has sequences goes in pieces. */
Test(trainer_rollout, evaluation_in_pieces_does_not_show) {
  static const char *const few_sequences[] = {"rl.max_new_tokens=6", "rl.prompts=2", "rl.group=2",
                                              NULL};
  sl_run_state *full = tiny_trainer(more_tokens), *pieces = tiny_trainer(few_sequences);
  sl_error err;
  double a, b;
  tiny_sft(full, 8), tiny_sft(pieces, 8);
  const size_t n = full->task.held_out.n;
  cr_assert(pieces->max_sequences < n && n <= full->max_sequences &&
            n % pieces->max_sequences != 0);
  cr_assert_eq(sl_evaluate(full, 0, &a, NULL, NULL, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_evaluate(pieces, 0, &b, NULL, NULL, &err), SL_OK, "%s", err.message);
  cr_expect_eq(a, b);
  cr_expect_eq(memcmp(full->solved, pieces->solved, n * sizeof(double)), 0);
  sl_run_state_destroy(full), sl_run_state_destroy(pieces);
}

/* Completions that share rows until they part, against prompts of their own, which share nothing:
 * at temperature 0 all share all rows, at the others they part at the first token or later. */
Test(trainer_rollout, shared_rows_do_not_show) {
  sl_run_state *run = ready(PROMPTS);
  static const float temperatures[] = {0.0f, 0.2f, 0.5f, 1.3f, 4.0f};
  const size_t n = (size_t)PROMPTS * GROUP;
  size_t slots[5] = {0};
  sl_prompts one = only(&run->prompts, 2, 1), many = only(&run->prompts, 2, n);
  for (size_t t = 0; t < 5; t++) {
    const sl_sampling sampling = {temperatures[t], 0, 1.0, tiny_seed("shared"), (uint32_t)t};
    sl_rollout r = generate(run, &one, n, &sampling), shared = copy(&r);
    for (size_t q = 0; q < n; q++) slots[t] += run->generator->slot[q] == q;
    r = generate(run, &many, 1, &sampling);
    for (size_t q = 0; q < n; q++)
      cr_expect(same_sequence(&shared, q, &r, q), "temperature %g, completion %zu",
                (double)temperatures[t], q);
    free_copy(&shared);
  }
  cr_expect_eq(slots[0], 1, "%zu slots at temperature 0", slots[0]);
  cr_expect_gt(slots[4], 1);
  free_prompts(&one), free_prompts(&many);
  sl_run_state_destroy(run);
}

/* Temperature 0 takes the likeliest token: the one that the best of one candidate leaves at any
 * temperature. */
Test(trainer_rollout, temperature_zero_is_greedy) {
  sl_run_state *run = ready(PROMPTS);
  const sl_sampling greedy = {0.0f, 0, 1.0, 3, 0}, best = {1.0f, 1, 1.0, tiny_seed("greedy"), 5};
  sl_rollout r = generate(run, &run->prompts, 1, &greedy), zero = copy(&r);
  cr_expect_eq(differ_from_training(run, &r, 1.0f), 0);
  r = generate(run, &run->prompts, 1, &best);
  for (size_t p = 0; p < PROMPTS; p++) cr_expect(same_sequence(&zero, p, &r, p), "prompt %zu", p);
  free_copy(&zero);
  sl_run_state_destroy(run);
}

Test(trainer_rollout, flags_say_how_completions_end) {
  sl_run_state *run = ready(PROMPTS);
  size_t ended = 0, cut = 0;
  const uint64_t seed = tiny_seed("flags");
  for (uint32_t step = 0; step < 8; step++) {
    const sl_sampling sampling = {3.0f, 0, 1.0, seed, step}; /* hot: both kinds of end are common */
    const sl_rollout r = generate(run, &run->prompts, GROUP, &sampling);
    for (size_t q = 0; q < r.n; q++) {
      const size_t n = r.seq[q + 1] - r.seq[q] - r.prompt_length[q];
      const uint32_t *ids = r.ids + r.seq[q] + r.prompt_length[q];
      cr_assert(n >= 1 && n <= NEW_MAX);
      for (size_t i = 0; i + 1 < n; i++) cr_assert_neq(ids[i], SL_TOKEN_EOS);
      cr_assert_eq(r.ended[q], ids[n - 1] == SL_TOKEN_EOS);
      if (!r.ended[q]) cr_assert_eq(n, NEW_MAX);
      ended += r.ended[q], cut += !r.ended[q];
    }
  }
  cr_expect(ended > 0 && cut > 0, "%zu ended, %zu cut off: the seed shows one kind only", ended,
            cut);
  sl_run_state_destroy(run);
}

/* Log-probs of a rollout's own tokens, decoded step by step; sequence q keeps its keys in slot[q].
 */
static void decode_by_hand(sl_run_state *run, sl_rollout *r, const uint32_t *slot) {
  const sl_model_shape *s = &run->policy.layout->shape;
  sl_error err;
  sl_model *m;
  const size_t one = r->n * s->kv_heads * s->head_dim * run->max_length;
  float *memory = calloc(2 * s->layers * one, sizeof *memory),
        *hidden = calloc(s->hidden, sizeof *hidden);
  sl_layer_cache caches[2];
  for (size_t l = 0; l < 2; l++)
    caches[l] =
        (sl_layer_cache){memory + 2 * l * one, memory + (2 * l + 1) * one, run->max_length, r->n};
  cr_assert_eq(sl_model_create(&m, run->ctx, run->policy.layout, run->policy.data, r->n,
                               SL_MODEL_FORWARD, &err),
               SL_OK);
  cr_assert_eq(sl_model_pack(m), SL_OK);
  const uint8_t seen = 1;
  for (uint32_t position = 0; position + 1 < run->max_length; position++)
    for (size_t q = 0; q < r->n; q++) {
      const size_t at = r->seq[q] + position;
      if (at + 1 >= r->seq[q + 1]) continue;
      float max, sum;
      cr_assert_eq(sl_model_decode(m, 1, &r->ids[at], &slot[q], &position, caches, hidden), SL_OK);
      if (position + 1 < r->prompt_length[q]) continue;
      cr_assert_eq(sl_logprob_forward(run->ctx, &r->logp[at], &r->entropy[at], &max, &sum, hidden,
                                      run->policy.data + run->policy.layout->head, m->head_pack,
                                      &r->ids[at + 1], &seen, 1.0f, 1, s->hidden, s->vocab),
                   SL_OK);
    }
  sl_model_destroy(m);
  free(memory), free(hidden);
}

/* Planted: a rollout whose second sequence writes into its neighbour's slot fails the check that a
 * right one passes. */
Test(trainer_rollout, a_shared_slot_is_caught) {
  sl_run_state *run = ready(PROMPTS);
  const sl_sampling sampling = {1.0f, 0, 1.0, tiny_seed("slot"), 0};
  sl_rollout r = generate(run, &run->prompts, 1, &sampling);
  static const uint32_t own[PROMPTS] = {0, 1, 2, 3, 4, 5}, shared[PROMPTS] = {0, 0, 2, 3, 4, 5};
  decode_by_hand(run, &r, own);
  cr_expect_eq(differ_from_training(run, &r, 1.0f), 0);
  decode_by_hand(run, &r, shared);
  cr_expect_gt(differ_from_training(run, &r, 1.0f), 0);
  sl_run_state_destroy(run);
}
