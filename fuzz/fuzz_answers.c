/* libFuzzer harness of rewards.jsonl, the recorded answers of a reward program (spec F4.10): as
 * reward.replay reads it, and as a run opens its own. The first byte is how many rollouts the run
 * has finished, whose answers it need not know; the file follows. */
#include "input.h"

#include "trainer/run/reward_answers.h"
#include "trainer/run/run_lock.h"

#include "kernels/support/run_folder.h"
#include "trainer/files/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST "00000000000000000000000000000000"

static sl_reward_answer of_step(uint64_t step) {
  return (sl_reward_answer){.step = step, .request = REQUEST};
}

/* NULL where it is refused, with a message. */
static sl_reward_answers *read_all(const char *path) {
  sl_reward_answers *answers;
  sl_error err = {SL_OK, ""};
  if (sl_reward_answers_read(&answers, path, &err) == SL_OK) return answers;
  if (!err.message[0]) abort();
  return NULL;
}

/* The file is its own whole lines, and then what follows. */
static void check_text(const char *path, section was, const char *follows) {
  char *text;
  size_t n, complete = was.size;
  sl_error err;
  const size_t more = strlen(follows);
  while (complete > 0 && was.data[complete - 1] != '\n') complete--;
  if (sl_file_read(&text, &n, path, 1 << 20, &err) != SL_OK || n != complete + more) abort();
  if (memcmp(text, was.data, complete) != 0 || memcmp(text + complete, follows, more) != 0) abort();
  free(text);
}

/* Those of the run that the scratch folder is. */
static const sl_run_files *own_files(void) {
  static sl_run_files files = {.lock = -1};
  sl_error err;
  if (files.path) return &files;
  files.path = strdup(scratch_folder());
  if (!files.path || sl_run_lock(&files.lock, &files.unlocked, files.path, &err) != SL_OK) abort();
  return &files;
}

/* A run that goes on after `finished` rollouts knows the answers of later ones alone, and appends
 * one where none was, which the next reader finds. */
static void check_run(const char *path, section bytes, uint64_t finished) {
  sl_reward_answers *own;
  sl_error err;
  if (sl_reward_answers_open(&own, own_files(), finished, &err) != SL_OK) abort();
  sl_reward_answer known = of_step(finished), fresh = of_step(finished + 1);
  if (sl_reward_answers_find(own, &known)) abort();
  const int is_present = sl_reward_answers_find(own, &fresh);
  fresh.reward = 0.1;
  if (!is_present && sl_reward_answers_add(own, &fresh, &err) != SL_OK) abort();
  if (sl_reward_answers_sync(own, &err) != SL_OK) abort();
  sl_reward_answers_close(own);
  char line[200] = "";
  if (!is_present)
    snprintf(line, sizeof line,
             "{\"step\":%llu,\"sequence\":0,\"request\":\"" REQUEST
             "\",\"reward\":0.10000000000000001,\"timed_out\":false}\n",
             (unsigned long long)fresh.step);
  check_text(path, bytes, line);
  sl_reward_answers *again = read_all(path);
  sl_reward_answer found = of_step(finished + 1);
  if (!again || !sl_reward_answers_find(again, &found)) abort();
  if (!is_present && !(found.reward == 0.1 && !found.timed_out)) abort();
  if (sl_reward_answers_add(again, &found, &err) != SL_OK) abort(); /* which writes nothing */
  if (sl_reward_answers_sync(again, &err) != SL_OK) abort();
  check_text(path, bytes, line);
  sl_reward_answers_close(again);
}

/* A file that is refused is refused to its run too, and keeps its whole lines. One without an
 * answer is none to replay, but the beginning of a run's own. */
static void check_refused(const char *path, section bytes, uint64_t finished) {
  sl_reward_answers *own;
  sl_error err = {SL_OK, ""}, why = {SL_OK, ""};
  if (sl_reward_answers_read(&own, path, &why) == SL_OK) abort();
  const int is_empty = strstr(why.message, "holds no answer") != NULL;
  const sl_status status = sl_reward_answers_open(&own, own_files(), finished, &err);
  if ((status == SL_OK) != is_empty) abort();
  if (status && !err.message[0]) abort();
  if (!status) sl_reward_answers_close(own);
  check_text(path, bytes, "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  const section bytes = {data + 1, size - 1};
  const char *path = scratch_file(SL_RUN_REWARDS, bytes);
  sl_reward_answers *all = read_all(path);
  if (!all) {
    check_refused(path, bytes, data[0]);
    return 0;
  }
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
  sl_reward_answer planted = of_step(1);
  if (sl_reward_answers_find(all, &planted) && planted.reward > 2) abort();
#endif
  sl_reward_answers_close(all);
  check_run(path, bytes, data[0]);
  sl_reward_answers *none = read_all("/dev/null/rewards.jsonl");
  if (none) abort();
  return 0;
}
