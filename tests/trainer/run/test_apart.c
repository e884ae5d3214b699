/* A run whose arrays lie where the host cannot touch them, as a device's do: the same bits, no
 * argument in the wrong memory. */
#include "apart.h"
#include "tests/trainer/scratch.h"
#include "tests/trainer/tiny.h"

#include "trainer/run/logprobs.h"
#include "trainer/run/run_files.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(apart, .init = scratch_make, .fini = scratch_remove);

static sl_run_state *trainer_on(const char *backend) {
  const char *extra[] = {backend, "rl.micro_batch=2", NULL};
  apart_add();
  return tiny_trainer(extra);
}

/* Everything a run does to its memory: both phases, the reference, an evaluation. */
static sl_run_state *run_on(const char *backend) {
  sl_run_state *run = trainer_on(backend);
  sl_error err;
  double success;
  tiny_sft(run, 8);
  run->phase = SL_PHASE_RL;
  cr_assert_eq(sl_optimizer_reset(&run->optimizer), SL_OK);
  cr_assert_eq(sl_run_state_take_reference(run, &err), SL_OK, "%s", err.message);
  cr_assert_gt(tiny_rl(run, 4), 0,
               "every group has equal rewards: these steps show nothing of advantages");
  cr_assert_eq(sl_evaluate(run, 0, &success, NULL, NULL, &err), SL_OK, "%s", err.message);
  return run;
}

Test(apart, a_run_has_the_bits_of_any_other) {
  sl_run_state *host = run_on("run.backend=plain");
  char wanted[SL_DIGEST_TEXT];
  memcpy(wanted, tiny_hash(host), sizeof wanted);
  sl_run_state *apart = run_on("run.backend=apart");
  cr_expect_str_eq(tiny_hash(apart), wanted);
  cr_expect_eq(apart_misplaced(), 0);
  cr_expect_eq(sl_context_on_device(apart->ctx), 1);
  cr_expect_gt(sl_memory_plan_bytes(&apart->plan), sl_memory_plan_bytes(&host->plan),
               "what is mirrored counts twice");
  sl_run_state_destroy(host), sl_run_state_destroy(apart);
}

/* Writes a checkpoint and the ledger's line of one step into a run of that name. */
static void write_run(sl_run_state *run, const char *name) {
  sl_run_files files;
  sl_error err;
  sl_step_report report;
  sl_step_digests digests;
  char state[SL_DIGEST_TEXT];
  cr_assert_eq(sl_run_create(&files, scratch_path(name), &run->config, &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_policy_step(run, &report, &digests, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_run_state_hash(run, digests.updates, state, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_ledger_step(&files, run, &digests, state, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_reference_save(run, files.path, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_checkpoint_write(&files, run, &err), SL_OK, "%s", err.message);
  sl_run_close(&files);
}

static void read_run(sl_run_state *run, const char *name, const char *hash) {
  char *checkpoint, reference[SL_DIGEST_TEXT];
  sl_checkpoint_state state;
  sl_error err;
  cr_assert_eq(sl_checkpoint_newest(&checkpoint, scratch_path(name), &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_checkpoint_read(run, checkpoint, &state, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_reference_restore(run, scratch_path(name), state.reference, 0, reference, &err),
               SL_OK, "%s", err.message);
  sl_checkpoint_state_free(&state);
  cr_expect_str_eq(tiny_hash(run), hash);
  free(checkpoint);
}

Test(apart, checkpoints_and_ledgers_are_those_of_any_other) {
  sl_run_state *host = run_on("run.backend=plain"), *apart = run_on("run.backend=apart");
  static char a[1 << 18], b[1 << 18];
  char hash[SL_DIGEST_TEXT];
  write_run(host, "host"), write_run(apart, "apart");
  const size_t n = scratch_read(scratch_path("host/ledger.jsonl"), a, sizeof a);
  cr_expect(n > 1000 && n == scratch_read(scratch_path("apart/ledger.jsonl"), b, sizeof b) &&
            memcmp(a, b, n) == 0);
  memcpy(hash, tiny_hash(host), sizeof hash);
  sl_run_state_destroy(host), sl_run_state_destroy(apart);
  host = trainer_on("run.backend=plain");
  read_run(host, "apart", hash);
  apart = trainer_on("run.backend=apart");
  read_run(apart, "host", hash);
  cr_expect_eq(apart_misplaced(), 0);
  sl_run_state_destroy(host), sl_run_state_destroy(apart);
}

static char *logprobs_on(const char *backend, const char *model) {
  const sl_backend_options options = {backend, SL_ISA_BEST, 1};
  sl_token_lists lists;
  sl_session s;
  sl_error err;
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  scratch_text("tokens.jsonl", "{\"tokens\":[2,3,4,5]}\n{\"tokens\":[2,3]}\n");
  apart_add();
  cr_assert_eq(sl_session_open(&s, model, &options, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_token_lists_read(&lists, scratch_path("tokens.jsonl"), 8, 16, &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_logprobs_write(&s, &lists, memory, &err), SL_OK, "%s", err.message);
  sl_token_lists_free(&lists);
  sl_session_close(&s);
  cr_assert_eq(fclose(memory), 0);
  return text;
}

Test(apart, log_probs_are_those_of_any_other) {
  sl_run_state *run = trainer_on("run.backend=plain");
  sl_error err;
  tiny_sft(run, 4);
  cr_assert_eq(sl_model_folder_write(&run->policy, run->tokenizer, scratch_path("model"), &err),
               SL_OK, "%s", err.message);
  char *host = logprobs_on("plain", scratch_path("model")),
       *apart = logprobs_on("apart", scratch_path("model"));
  cr_expect_str_eq(host, apart);
  cr_expect_gt(strlen(host), 60);
  cr_expect_eq(apart_misplaced(), 0);
  free(host), free(apart);
  sl_run_state_destroy(run);
}

Test(apart, a_gradient_that_is_refused_is_named) {
  sl_run_state *run = trainer_on("run.backend=apart");
  const size_t which =
      sl_model_layout_find(run->policy.layout, "model.layers.1.mlp.up_proj.weight");
  float *g = run->gradients.total;
  const float large = 1e30f;
  double norm;
  sl_error err;
  const sl_optimizer_options options = {0.9f, 0.95f, 1e-8f, 0.0, 0.0};
  cr_assert_eq(sl_memory_write(run->ctx, g + run->policy.layout->tensors[which].offset + 5, &large,
                               sizeof large),
               SL_OK);
  cr_assert_eq(sl_gradient_norm(&run->optimizer, g, &norm, &err), SL_OK, "%s", err.message);
  expect_error(sl_optimizer_step(&run->optimizer, &options, run->policy.data, g, norm, 0.1f, &err),
               SL_ERR_NONFINITE, &err, "model.layers.1.mlp.up_proj.weight[5]");
  sl_run_state_destroy(run);
}

/* Planted: the host reads a parameter. */
Test(apart, touching_its_memory_ends_the_process, .signal = SIGSEGV) {
  sl_run_state *run = trainer_on("run.backend=apart");
  signal(SIGSEGV, SIG_DFL); /* a sanitizer would make an abort of it */
  volatile float p = run->policy.data[0];
  (void)p;
}

/* Planted: an array of the host is given to a kernel. */
Test(apart, an_array_of_the_host_is_noticed) {
  sl_run_state *run = trainer_on("run.backend=apart");
  float x[4] = {0}, *apart = run->policy.data;
  cr_assert_eq(sl_residual_add(run->ctx, apart, apart, apart, 4), SL_OK);
  cr_assert_eq(apart_misplaced(), 0);
  cr_assert_eq(sl_residual_add(run->ctx, apart, x, apart, 4), SL_OK);
  cr_expect_eq(apart_misplaced(), 1);
  sl_run_state_destroy(run);
}
