/* Rollouts whose steps of decoding are recorded (spec N1.9): tokens, log-probs and entropies are
 * those of the CPU, however many sequences are open, and a step is one launch in place of hundreds.
 */
#include "kernels/core/repeat.h"
#include "kernels/simt/simulation.h"
#include "tests/trainer/tiny.h"
#include "trainer/model/block.h"
#include "trainer/model/generate.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* As many layers as Qwen2.5-0.5B has, each tiny. */
enum { LAYERS = 24, VOCAB = 19, PROMPTS = 2, GROUP = 3, SLOTS = PROMPTS * GROUP, NEW_MOST = 16 };
enum { PROMPT = 3, LENGTH = PROMPT + NEW_MOST, TOKENS = SLOTS * LENGTH };
static const sl_model_shape shape = {.hidden = 4,
                                     .intermediate = 4,
                                     .layers = LAYERS,
                                     .heads = 2,
                                     .kv_heads = 1,
                                     .head_dim = 2,
                                     .vocab = VOCAB,
                                     .max_positions = LENGTH,
                                     .rope_theta = 1e4,
                                     .rms_eps = 1e-6f,
                                     .tied = 1};

static const uint32_t ends[] = {0, 1}; /* so that sequences end one by one */

typedef struct {
  sl_context *ctx;
  sl_parameters policy;
  sl_generator *generator;
} roller;

typedef struct {
  uint32_t seq[SLOTS + 1], ids[TOKENS];
  float logp[TOKENS], entropy[TOKENS];
} rolled;

static roller begin(const char *backend, uint64_t seed) {
  roller r = {0};
  sl_error err;
  sl_backend_add(sl_simt_backend());
  sl_simulation_begin(seed);
  cr_assert_eq(
      sl_context_create(&r.ctx, &(sl_context_options){.backend = backend, .threads = 1}, &err),
      SL_OK, "%s", err.message);
  cr_assert_eq(sl_parameters_create(&r.policy, &shape, &err), SL_OK);
  sl_parameters_init(&r.policy, 7, 0.0);
  cr_assert_eq(sl_parameters_move(&r.policy, r.ctx, &err), SL_OK);
  cr_assert_eq(sl_generator_create(&r.generator, r.ctx, r.policy.layout, r.policy.data, SLOTS,
                                   LENGTH, GROUP, &err),
               SL_OK, "%s", err.message);
  sl_generator_set_ends(r.generator, ends, 2);
  return r;
}

static void end(roller *r) {
  sl_generator_destroy(r->generator);
  sl_parameters_free(&r->policy);
  sl_context_destroy(r->ctx);
}

static void roll(roller *r, uint32_t step, size_t new_tokens, rolled *out) {
  uint32_t ids[PROMPTS * PROMPT], offset[] = {0, PROMPT, 2 * PROMPT};
  const sl_sampling sampling = {1.0f, 0, 1.0, 3, step};
  sl_rollout got;
  sl_error err;
  for (uint32_t i = 0; i < PROMPTS * PROMPT; i++) ids[i] = (step + 5 * i) % VOCAB;
  cr_assert_eq(sl_generate(r->generator, &(sl_prompts){PROMPTS, offset, ids}, GROUP, new_tokens, 0,
                           &sampling, &got, &err),
               SL_OK, "%s", err.message);
  const size_t n = got.seq[SLOTS];
  memset(out, 0, sizeof *out);
  memcpy(out->seq, got.seq, sizeof out->seq), memcpy(out->ids, got.ids, n * sizeof *got.ids);
  memcpy(out->logp, got.logp, n * sizeof *got.logp);
  memcpy(out->entropy, got.entropy, n * sizeof *got.entropy);
}

/* In between, a generator's memory is freed, and every other time its place is taken by another. */
Test(decode_graphs, rollouts_are_those_of_the_cpu) {
  enum { ROLLOUTS = 3 };
  static rolled want[ROLLOUTS], got;
  const uint64_t seed = tiny_seed("decode_graphs");
  roller cpu = begin("cpu", 1);
  int lengths = 0;
  for (uint32_t i = 0; i < ROLLOUTS; i++) {
    roll(&cpu, i, NEW_MOST, &want[i]);
    for (size_t q = 0; q < SLOTS; q++)
      lengths |= 1 << (want[i].seq[q + 1] - want[i].seq[q] - PROMPT) / 3;
  }
  end(&cpu);
  cr_assert_gt(__builtin_popcount((unsigned)lengths), 3, "sequences end all at once");
  for (int on = 0; on < 2; on++) {
    roller simt = begin("simt", seed);
    sl_generator *other;
    sl_error err;
    sl_context_set_repeat(simt.ctx, on);
    for (uint32_t i = 0; i < ROLLOUTS; i++) {
      roll(&simt, i, NEW_MOST, &got);
      cr_expect_eq(memcmp(&got, &want[i], sizeof got), 0, "rollout %u, recorded: %d", i, on);
      cr_assert_eq(sl_generator_create(&other, simt.ctx, simt.policy.layout, simt.policy.data,
                                       SLOTS + i, LENGTH, GROUP, &err),
                   SL_OK);
      if (i % 2)
        sl_generator_destroy(simt.generator), simt.generator = other;
      else
        sl_generator_destroy(other);
      sl_generator_set_ends(simt.generator, ends, 2);
    }
    cr_expect_eq(sl_simulation_findings(), 0);
    end(&simt);
  }
}

/* Launches of a rollout of that many tokens in which no sequence ends. */
static uint64_t launches(int on, size_t new_tokens, uint64_t seed) {
  static rolled got;
  roller r = begin("simt", seed);
  sl_context_set_repeat(r.ctx, on);
  sl_generator_set_ends(r.generator, NULL, 0);
  const uint64_t before = sl_simulation_launches();
  roll(&r, 1, new_tokens, &got);
  const uint64_t n = sl_simulation_launches() - before;
  end(&r);
  return n;
}

/* Of two rollouts that differ in length, so that the prefill, and the steps before the launches are
 * recorded, count in both. */
Test(decode_graphs, a_step_is_one_launch_and_what_draws) {
  enum { SHORT = 4, MORE = 8 };
  uint64_t a_token[2];
  for (int on = 0; on < 2; on++) {
    const uint64_t more = launches(on, SHORT + MORE, 2) - launches(on, SHORT, 2);
    cr_expect_eq(more % MORE, 0);
    a_token[on] = more / MORE;
  }
  printf("launches a token, %d layers: %" PRIu64 ", with graphs %" PRIu64 "\n", LAYERS, a_token[0],
         a_token[1]);
  cr_expect_gt(a_token[0], 15 * LAYERS);
  cr_expect_lt(a_token[1], 10);
}
