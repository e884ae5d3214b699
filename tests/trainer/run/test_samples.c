/* samples.jsonl (spec F4.9): which rollouts are kept, what a line holds, where a resumed run cuts.
 */
#include "tests/trainer/scratch.h"
#include "tests/trainer/tiny.h"

#include "trainer/files/json.h"
#include "trainer/run/run_samples.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(samples, .init = scratch_make, .fini = scratch_remove);

Test(samples, are_bounded) {
  const uint64_t last = 1000000;
  double kept = 0;
  for (uint64_t step = 1; step <= last; step++) kept += sl_samples_due(step);
  cr_expect_lt(kept, SL_SAMPLES_DENSE * (1 + log2((double)last) / 2));
  cr_expect(sl_samples_due(1) && sl_samples_due(256) && !sl_samples_due(257));
  cr_expect(sl_samples_due(258) && sl_samples_due(512) && !sl_samples_due(514));
  cr_expect(sl_samples_due(516) && !sl_samples_due(0));
}

static sl_status read_line(const sl_json *line, void *user, sl_error *err) {
  size_t *lines = user, step;
  const char *text;
  double reward;
  int ended;
  sl_status status = sl_json_size(line, "step", 1, 2, &step, err);
  if (!status) status = sl_json_text(line, "prompt", &text, err);
  if (!status) status = sl_json_text(line, "completion", &text, err);
  if (!status) status = sl_json_text(line, "answer", &text, err);
  if (!status) status = sl_json_bool(line, "ended", &ended, err);
  if (!status) status = sl_json_real(line, "reward", &reward, err);
  lines[step]++;
  return status;
}

static void count_lines(size_t lines[3]) {
  sl_error err;
  memset(lines, 0, 3 * sizeof *lines);
  cr_assert_eq(sl_json_lines(scratch_path("run/samples.jsonl"), read_line, lines, &err), SL_OK,
               "%s", err.message);
}

Test(samples, are_written_and_cut_back) {
  sl_run_state *run = tiny_trainer(NULL);
  sl_step_digests digests;
  sl_step_report report;
  sl_run_files files;
  sl_error err;
  size_t lines[3];
  tiny_sft(run, 8);
  tiny_begin_rl(run);
  cr_assert_eq(sl_run_create(&files, scratch_path("run"), &run->config, &err), SL_OK, "%s",
               err.message);
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(sl_policy_step(run, &report, &digests, &err), SL_OK, "%s", err.message);
    cr_assert_eq(sl_samples_write(&files, run, &err), SL_OK, "%s", err.message);
  }
  count_lines(lines);
  cr_expect(lines[1] == SL_SAMPLES_A_ROLLOUT && lines[2] == SL_SAMPLES_A_ROLLOUT);
  fputs("{\"step\":1,\"half a line", files.samples->line);
  cr_assert_eq(sl_log_append(files.samples, &err), SL_OK);
  cr_assert_eq(sl_log_cut(files.samples, files.samples->size - 4, &err), SL_OK);
  cr_assert_eq(sl_samples_cut(files.samples, 1, &err), SL_OK, "%s", err.message);
  count_lines(lines);
  cr_expect(lines[1] == SL_SAMPLES_A_ROLLOUT && lines[2] == 0);
  cr_assert_eq(sl_samples_cut(files.samples, 0, &err), SL_OK);
  cr_expect_eq(files.samples->size, 0);
  sl_run_close(&files);
  sl_run_state_destroy(run);
}
