/* Two steps of RL as a model from elsewhere has them, on the simulated device with tiny chunks: a
 * folder with a tokenizer.json, word problems in a chat template, rewards from a program. State,
 * digests and report are those of the CPU, whatever order the simulator's threads take (spec N1.4).
 */
#include "kernels/simt/simulation.h"
#include "tests/trainer/scratch.h"
#include "tests/trainer/tiny.h"

#include <criterion/criterion.h>
#include <sluice/kernels.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Ids beyond the tokenizer's 605 can be drawn (spec F7.7). */
enum { TOKENS = 605, VOCABULARY = 720, STEPS = 2 };

typedef struct {
  sl_step_report report[STEPS];
  char tokens[STEPS][SL_DIGEST_TEXT], rewards[STEPS][SL_DIGEST_TEXT],
      logprobs[STEPS][SL_DIGEST_TEXT], state[STEPS][SL_DIGEST_TEXT];
  size_t beyond; /* ids drawn that no token has */
} outcome;

/* A random model in scratch_path("model"). */
static void make_model(void) {
  const sl_model_shape shape = {.hidden = 16,
                                .intermediate = 24,
                                .layers = 1,
                                .heads = 2,
                                .kv_heads = 1,
                                .head_dim = 8,
                                .vocab = VOCABULARY,
                                .max_positions = 64,
                                .rope_theta = 1e4,
                                .rms_eps = 1e-6f,
                                .tied = 1};
  static char json[1 << 16];
  const size_t size = scratch_read(SLUICE_TOKENIZERS "/qwen.json", json, sizeof json);
  sl_error err;
  sl_parameters model;
  sl_tokenizer *tokenizer;
  cr_assert_lt(size, sizeof json);
  cr_assert_eq(mkdir(scratch_path("own"), 0777), 0);
  scratch_write("own/tokenizer.json", json, size);
  scratch_text("own/generation_config.json", "{\"eos_token_id\": 602}");
  cr_assert_eq(sl_tokenizer_of_folder(&tokenizer, scratch_path("own"), &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_tokenizer_vocab(tokenizer), TOKENS);
  cr_assert_eq(sl_parameters_create(&model, &shape, &err), SL_OK, "%s", err.message);
  sl_parameters_init(&model, 7, 0.0);
  cr_assert_eq(sl_model_folder_write(&model, tokenizer, scratch_path("model"), &err), SL_OK, "%s",
               err.message);
  sl_parameters_free(&model);
  sl_tokenizer_destroy(tokenizer);
}

static void make_problems(void) {
  char text[2000];
  size_t used = 0;
  for (int n = 1; n <= 6; n++)
    used += (size_t)snprintf(text + used, sizeof text - used,
                             "{\"question\":\"How many are %d and %d?\",\"answer\":\"#### %d\"}\n",
                             n, n, 2 * n);
  scratch_text("train.jsonl", text);
}

static void set_up(void) {
  scratch_make();
  make_model();
  make_problems();
}
TestSuite(simt_words, .init = set_up, .fini = scratch_remove);

static sl_run_state *begin(const char *backend) {
  static const char command[] = "reward.command=exec python3 " SLUICE_EVEN_IDS;
  static char folder[600], train[600];
  snprintf(folder, sizeof folder, "model.folder=%s", scratch_path("model"));
  snprintf(train, sizeof train, "task.train=%s", scratch_path("train.jsonl"));
  const char *const extra[] = {backend,
                               folder,
                               train,
                               "task.name=gsm8k",
                               "task.system=",
                               "task.held_out_fraction=0.2",
                               "template.name=chatml",
                               "sft.steps=0",
                               "rl.prompts=2",
                               "rl.epochs=1",
                               "rl.beta=0",
                               "rl.max_new_tokens=6",
                               "reward.answer_in=completion",
                               "reward.weights.command=1",
                               command,
                               NULL};
  sl_run_state *run = tiny_trainer(extra);
  cr_assert_not_null(run);
  tiny_begin_rl(run);
  return run;
}

static void run_steps(outcome *out, const char *backend, int steps) {
  sl_run_state *run = begin(backend);
  sl_step_digests digests;
  sl_error err;
  memset(out, 0, sizeof *out);
  for (int i = 0; i < steps; i++) {
    cr_assert_eq(sl_policy_step(run, &out->report[i], &digests, &err), SL_OK, "%s", err.message);
    memcpy(out->tokens[i], digests.tokens, SL_DIGEST_TEXT);
    memcpy(out->rewards[i], digests.rewards, SL_DIGEST_TEXT);
    memcpy(out->logprobs[i], digests.logprobs, SL_DIGEST_TEXT);
    memcpy(out->state[i], tiny_hash(run), SL_DIGEST_TEXT);
    for (size_t k = 0; k < run->rollout.seq[run->rollout.n]; k++)
      out->beyond += run->rollout.ids[k] >= TOKENS;
  }
  sl_run_state_destroy(run);
}

static void add_simt(uint64_t seed) {
  sl_backend_add(sl_simt_backend());
  sl_simulation_begin(seed);
}

/* Every group has unequal rewards, and the second update of a step ratios other than 1. */
static void expect_taught(const outcome *o) {
  for (int i = 0; i < STEPS; i++) {
    const sl_step_report *r = &o->report[i];
    cr_expect_eq(r->zero_variance, 0.0, "step %d: %g of the groups without variance", i + 1,
                 r->zero_variance);
    cr_expect_gt(r->gradient_norm, 0.0);
    cr_expect_gt(r->ratio_variance, 0.0);
    cr_expect_eq(r->updates, 2);
  }
  cr_expect_gt(o->beyond, 0);
}

Test(simt_words, two_steps_from_a_folder_have_the_bits_of_the_cpu) {
  static outcome cpu, simt;
  run_steps(&cpu, "run.backend=cpu", STEPS);
  expect_taught(&cpu);
  add_simt(tiny_seed("simt_words"));
  run_steps(&simt, "run.backend=simt", STEPS);
  for (int i = 0; i < STEPS; i++) {
    cr_expect_str_eq(simt.tokens[i], cpu.tokens[i]);
    cr_expect_str_eq(simt.rewards[i], cpu.rewards[i]);
    cr_expect_str_eq(simt.logprobs[i], cpu.logprobs[i]);
    cr_expect_str_eq(simt.state[i], cpu.state[i]);
    cr_expect_eq(memcmp(&simt.report[i], &cpu.report[i], sizeof cpu.report[i]), 0);
  }
  cr_expect_eq(sl_simulation_findings(), 0);
  printf("%d rollouts of %llu slots, %llu accesses, state %s\n", STEPS,
         (unsigned long long)cpu.report[0].sampled_tokens,
         (unsigned long long)sl_simulation_accesses(), simt.state[STEPS - 1]);
}

Test(simt_words, a_kernel_that_adds_in_another_order_shows_in_the_state) {
  static outcome cpu, simt;
  const sl_simulation_plant *list;
  const size_t n = sl_simulation_plants(&list);
  size_t which = 0;
  while (which < n && strcmp(list[which].name, "gemm_swapped_order") != 0) which++;
  cr_assert_lt(which, n);
  run_steps(&cpu, "run.backend=cpu", 1);
  add_simt(1);
  sl_simulation_set_plant((int)which);
  run_steps(&simt, "run.backend=simt", 1);
  cr_expect_str_neq(simt.state[0], cpu.state[0]);
}
