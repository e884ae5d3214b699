/* rewards.jsonl (spec F4.10), read and written. */
#include "reward_answers.h"

#include "kernels/support/run_folder.h"
#include "trainer/files/file.h"
#include "trainer/files/json.h"
#include "trainer/files/log.h"

#include <stdlib.h>
#include <string.h>

struct sl_reward_answers {
  const sl_run_files *files; /* of the run that the log belongs to */
  sl_log *log;               /* NULL: only read */
  uint64_t finished;
  sl_reward_answer *item;
  size_t n, capacity;
};

static int compare(const void *left, const void *right) {
  const sl_reward_answer *a = left, *b = right;
  if (a->step != b->step) return a->step < b->step ? -1 : 1;
  if (a->sequence != b->sequence) return a->sequence < b->sequence ? -1 : 1;
  return strcmp(a->request, b->request);
}

static sl_status push(sl_reward_answers *a, const sl_reward_answer *answer, sl_error *err) {
  if (a->n == a->capacity) {
    const size_t wanted = a->capacity ? 2 * a->capacity : 256;
    sl_reward_answer *fresh = realloc(a->item, wanted * sizeof *fresh);
    if (!fresh) return sl_fail(err, SL_ERR_MEMORY, "no memory for the answers of reward.command");
    a->item = fresh, a->capacity = wanted;
  }
  a->item[a->n++] = *answer;
  return SL_OK;
}

static sl_status read_line(const sl_json *line, void *user, sl_error *err) {
  sl_reward_answers *a = user;
  sl_reward_answer answer = {0};
  size_t step, sequence;
  const char *request;
  sl_status status = sl_json_size(line, "step", 1, (size_t)1 << 53, &step, err);
  if (!status) status = sl_json_size(line, "sequence", 0, UINT32_MAX, &sequence, err);
  if (!status) status = sl_json_text(line, "request", &request, err);
  if (!status && strlen(request) != SL_DIGEST_TEXT - 1)
    status = sl_json_fail(line, "request", err, "expected 32 hexadecimal digits");
  if (!status) status = sl_json_real(line, "reward", &answer.reward, err);
  if (!status) status = sl_json_bool(line, "timed_out", &answer.timed_out, err);
  if (status || step <= a->finished) return status;
  answer.step = step, answer.sequence = sequence;
  memcpy(answer.request, request, SL_DIGEST_TEXT);
  return push(a, &answer, err);
}

static sl_status fill(sl_reward_answers *a, const char *path, sl_error *err) {
  size_t unfinished;
  const sl_status status = sl_json_log_lines(path, read_line, a, &unfinished, NULL, err);
  if (!status && a->n) qsort(a->item, a->n, sizeof *a->item, compare);
  return status;
}

sl_status sl_reward_answers_open(sl_reward_answers **out, const sl_run_files *files,
                                 uint64_t finished, sl_error *err) {
  sl_reward_answers *a = calloc(1, sizeof *a);
  if (!a) return sl_fail(err, SL_ERR_MEMORY, "no memory for the answers of reward.command");
  a->files = files, a->finished = finished;
  sl_status status = sl_log_open(&a->log, files->path, SL_RUN_REWARDS, 0, err);
  if (!status) status = sl_log_cut(a->log, UINT64_MAX, err);
  if (!status) status = fill(a, a->log->path, err);
  if (status)
    sl_reward_answers_close(a);
  else
    *out = a;
  return status;
}

sl_status sl_reward_answers_read(sl_reward_answers **out, const char *path, sl_error *err) {
  sl_reward_answers *a = calloc(1, sizeof *a);
  if (!a) return sl_fail(err, SL_ERR_MEMORY, "no memory for the answers of reward.command");
  sl_status status = fill(a, path, err);
  if (!status && a->n == 0) status = sl_fail(err, SL_ERR_INPUT, "%s: holds no answer", path);
  if (status)
    sl_reward_answers_close(a);
  else
    *out = a;
  return status;
}

void sl_reward_answers_close(sl_reward_answers *a) {
  if (!a) return;
  sl_log_close(a->log);
  free(a->item);
  free(a);
}

int sl_reward_answers_find(const sl_reward_answers *a, sl_reward_answer *wanted) {
  const sl_reward_answer *found =
      a->n ? bsearch(wanted, a->item, a->n, sizeof *a->item, compare) : NULL;
  if (!found) return 0;
  wanted->reward = found->reward, wanted->timed_out = found->timed_out;
  return 1;
}

sl_status sl_reward_answers_add(sl_reward_answers *a, const sl_reward_answer *answer,
                                sl_error *err) {
  if (!a->log) return SL_OK;
  const sl_status status = sl_run_check_held(a->files, err);
  if (status) return status;
  fprintf(a->log->line,
          "{\"step\":%llu,\"sequence\":%llu,\"request\":\"%s\",\"reward\":%.17g,"
          "\"timed_out\":%s}",
          (unsigned long long)answer->step, (unsigned long long)answer->sequence, answer->request,
          answer->reward, answer->timed_out ? "true" : "false");
  return sl_log_append(a->log, err);
}

sl_status sl_reward_answers_sync(const sl_reward_answers *a, sl_error *err) {
  return a->log ? sl_log_sync(a->log, err) : SL_OK;
}
