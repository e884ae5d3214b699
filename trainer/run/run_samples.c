/* samples.jsonl (spec F4.9), written. */
#include "run_samples.h"

#include "kernels/support/cli.h"

#include <string.h>

int sl_samples_due(uint64_t step) {
  uint64_t stride = 1;
  for (uint64_t end = SL_SAMPLES_DENSE; step > end && end < UINT64_MAX / 2; end *= 2) stride *= 2;
  return step > 0 && step % stride == 0;
}

/* At most SL_SAMPLE_BYTES of a text, whole characters, with dots where more follows. */
static void put_text(FILE *out, const char *text) {
  char cut[SL_SAMPLE_BYTES + 8];
  size_t n = strlen(text);
  if (n > SL_SAMPLE_BYTES) {
    n = SL_SAMPLE_BYTES;
    while (n > 0 && (text[n] & 0xc0) == 0x80) n--;
  }
  snprintf(cut, sizeof cut, "%.*s%s", (int)n, text, text[n] ? "\u2026" : "");
  sl_cli_json_text(out, cut);
}

static sl_status write_one(sl_run_files *files, const sl_run_state *run, size_t q, sl_error *err) {
  const sl_rollout *r = &run->rollout;
  const sl_problem *problem = &run->task.train.items[run->chosen[q / (size_t)run->config.rl.group]];
  const size_t first = r->seq[q] + r->prompt_length[q];
  FILE *f = files->samples->line;
  sl_tokenizer_decode_into(run->tokenizer, r->ids + first, r->seq[q + 1] - first, run->text);
  fprintf(f, "{\"step\":%llu,\"prompt\":", (unsigned long long)run->rl_step);
  put_text(f, problem->prompt);
  fputs(",\"completion\":", f), put_text(f, run->text);
  fputs(",\"answer\":", f), put_text(f, problem->answer);
  fprintf(f, ",\"ended\":%s,\"reward\":%.9g}", r->ended[q] ? "true" : "false", run->reward[q]);
  return sl_log_append(files->samples, err);
}

/* Of as many prompts as there are, one completion each; of fewer prompts, more of each. */
sl_status sl_samples_write(sl_run_files *files, const sl_run_state *run, sl_error *err) {
  const size_t n = run->rollout.n, count = n < SL_SAMPLES_A_ROLLOUT ? n : SL_SAMPLES_A_ROLLOUT;
  const size_t group = (size_t)run->config.rl.group, prompts = n / group;
  if (!sl_samples_due(run->rl_step)) return SL_OK;
  sl_status status = sl_run_check_held(files, err);
  for (size_t k = 0; !status && k < count; k++)
    status = write_one(files, run, k % prompts * group + k / prompts, err);
  return status;
}
