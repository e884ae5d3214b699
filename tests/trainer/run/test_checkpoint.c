/* A checkpoint holds all that the rest of a run depends on (spec F4.5); planted: one that forgets a
 * part of it is noticed. */
#include "tests/trainer/scratch.h"
#include "tests/trainer/tiny.h"

#include "trainer/run/run_files.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* The parts that a reader might forget. */
typedef enum {
  NOTHING,
  DATA_POSITION,
  RL_STEP,
  CORRECTION,
  FIRST_MOMENTS,
  SECOND_MOMENTS,
  PARTS
} part;

static sl_run_state *in_rl(void) {
  sl_run_state *run = tiny_trainer(NULL);
  tiny_sft(run, 8);
  tiny_begin_rl(run);
  tiny_rl(run, 2);
  return run;
}

static void forget(sl_run_state *run, part what) {
  const size_t bytes = run->policy.layout->n_floats * sizeof(float);
  sl_error err;
  if (what == DATA_POSITION)
    cr_assert_eq(sl_data_order_seek(&run->rl_order, (sl_data_position){0, 0}, &err), SL_OK);
  if (what == RL_STEP) run->rl_step = 0;
  if (what == CORRECTION) run->optimizer.state = (sl_adamw_state){1.0, 1.0};
  if (what == FIRST_MOMENTS) memset(run->optimizer.m, 0, bytes);
  if (what == SECOND_MOMENTS) memset(run->optimizer.v, 0, bytes);
}

/* The parameters after two more steps of a fresh run that read the checkpoint, but for `what`;
 * counters do not help to tell. */
static int goes_on_alike(const sl_run_state *uncut, const char *checkpoint,
                         const sl_parameters *reference, part what) {
  sl_run_state *run = tiny_trainer(NULL);
  sl_checkpoint_state state;
  sl_error err;
  cr_assert_eq(sl_checkpoint_read(run, checkpoint, &state, &err), SL_OK, "%s", err.message);
  sl_checkpoint_state_free(&state);
  const size_t bytes = run->policy.layout->n_floats * sizeof(float);
  memcpy(run->reference.data, reference->data, bytes);
  forget(run, what);
  tiny_rl(run, 2);
  const int alike = memcmp(run->policy.data, uncut->policy.data, bytes) == 0;
  sl_run_state_destroy(run);
  return alike;
}

Test(trainer_checkpoint, holds_all_that_the_run_goes_on_with, .init = scratch_make,
     .fini = scratch_remove) {
  static const char *const names[PARTS] = {"nothing",           "the data position",
                                           "the step",          "the bias corrections",
                                           "the first moments", "the second moments"};
  sl_run_files files;
  sl_error err;
  char *checkpoint;
  sl_run_state *uncut = in_rl();
  cr_assert_eq(sl_run_create(&files, scratch_path("run"), &uncut->config, &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_checkpoint_write(&files, uncut, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_checkpoint_newest(&checkpoint, files.path, &err), SL_OK, "%s", err.message);
  tiny_rl(uncut, 2);
  for (part what = NOTHING; what < PARTS; what++)
    cr_expect_eq(goes_on_alike(uncut, checkpoint, &uncut->reference, what), what == NOTHING,
                 "forgotten: %s", names[what]);
  free(checkpoint);
  sl_run_close(&files);
  sl_run_state_destroy(uncut);
}

/* A failed write leaves the older checkpoint, and no half of a new one. */
Test(trainer_checkpoint, a_write_that_fails_leaves_the_old_one, .init = scratch_make,
     .fini = scratch_remove) {
  sl_run_files files;
  sl_error err;
  char *before, *after;
  sl_run_state *run = in_rl();
  cr_assert_eq(sl_run_create(&files, scratch_path("run"), &run->config, &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_checkpoint_write(&files, run, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_checkpoint_newest(&before, files.path, &err), SL_OK, "%s", err.message);
  tiny_rl(run, 1);
  const float kept = run->policy.data[3];
  memset(&run->policy.data[3], 0xff, sizeof(float)); /* a NaN, which no model folder takes */
  expect_error(sl_checkpoint_write(&files, run, &err), SL_ERR_NONFINITE, &err,
               "model.embed_tokens.weight[3]");
  cr_assert_eq(sl_checkpoint_newest(&after, files.path, &err), SL_OK, "%s", err.message);
  cr_expect_str_eq(before, after);
  run->policy.data[3] = kept;
  cr_expect_eq(sl_checkpoint_write(&files, run, &err), SL_OK, "%s", err.message);
  free(before), free(after);
  sl_run_close(&files);
  sl_run_state_destroy(run);
}

/* Version 2 had another state hash (spec F4.2): the message names both. */
Test(trainer_checkpoint, an_older_version_is_refused, .init = scratch_make,
     .fini = scratch_remove) {
  sl_run_files files;
  sl_checkpoint_state state;
  sl_error err;
  char *checkpoint, path[4096];
  static char text[1 << 16];
  sl_run_state *run = in_rl();
  cr_assert_eq(sl_run_create(&files, scratch_path("run"), &run->config, &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_checkpoint_write(&files, run, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_checkpoint_newest(&checkpoint, files.path, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_checkpoint_read(run, checkpoint, &state, &err), SL_OK, "%s", err.message);
  sl_checkpoint_state_free(&state);
  snprintf(path, sizeof path, "%s/state.json", checkpoint);
  text[scratch_read(path, text, sizeof text - 1)] = 0;
  char *version = strstr(text, "\"version\":5");
  cr_assert_not_null(version);
  version[strlen("\"version\":")] = '2';
  FILE *f = fopen(path, "wb");
  cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
  expect_error(sl_checkpoint_read(run, checkpoint, &state, &err), SL_ERR_INPUT, &err,
               "version: this program reads versions 3 to 5, found 2");
  free(checkpoint);
  sl_run_close(&files);
  sl_run_state_destroy(run);
}
