/* libFuzzer harness of tasks in JSON lines (spec F3.1, F3.3, F3.4, F3.6): a byte that chooses task
 * and reward, the training file, and behind a section end the test file. What is accepted has
 * answers that are right for their own problems. */
#include "input.h"

#include "trainer/tasks/tasks.h"

#include <stdlib.h>
#include <string.h>

static void check_answers(const sl_task *task, const sl_problems *list) {
  for (size_t i = 0; i < list->n; i++) {
    const sl_problem *p = &list->items[i];
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
    if (strcmp(p->answer, "9") == 0) abort();
#endif
    if (!*p->prompt || !*p->answer || sl_reward(task->reward, p->answer, 1, p->answer) != 1 ||
        sl_reward(task->reward, p->answer, 0, p->answer) != 0)
      abort();
  }
}

/* Of most inputs: to collect a task's own costs a walk over all code points. */
static const char alphabet[] =
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
    "abcdefghijklmnopqrstuvwxyz{|}~é€£¥−";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const uint8_t choice = *data++;
  size--;
  const section train = next_section(&data, &size, 0);
  const section test = {data, size};
  const sl_task_options options = {
      .kind = choice & 1 ? SL_TASK_GSM8K_CALC : SL_TASK_JSONL,
      .reward = choice & 2 ? SL_REWARD_NUMERIC : SL_REWARD_EXACT,
      .characters = choice & 4 ? "" : alphabet,
      .prompt_key = choice & 8 ? "q" : NULL,
      .lookalikes = 20,
      .held_out_fraction = 0.5,
      .train = scratch_file("train.jsonl", train),
      .test = size || choice & 1 ? scratch_file("test.jsonl", test) : "",
  };
  sl_task task;
  sl_error err = {SL_OK, ""};
  if (sl_task_load(&task, &options, &err) != SL_OK) {
    if (!err.message[0]) abort();
    return 0;
  }
  check_answers(&task, &task.train);
  check_answers(&task, &task.held_out);
  sl_task_answers_beyond(&task.train, 3);
  sl_task_free(&task);
  return 0;
}
