/* libFuzzer harness of tasks in JSON lines (spec F3.1, F3.3, F3.4, F3.6, F3.11, F3.14, F3.15): a
 * byte that chooses task and reward, the training file, and behind a section end the test file,
 * which is also what a mixture's parts can name. What is accepted has gold answers that are right
 * for their own problems, and prompts within the limit. */
#include "input.h"

#include "trainer/files/tokenizer.h"
#include "trainer/tasks/components.h"
#include "trainer/tasks/tasks.h"

#include <stdlib.h>
#include <string.h>

static const sl_tags tags = {"<think>", "</think>", "<answer>", "</answer>"};

static void check_answers(const sl_task *task, const sl_problems *list) {
  for (size_t i = 0; i < list->n; i++) {
    const sl_problem *p = &list->items[i];
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
    if (strcmp(p->gold, "9") == 0) abort();
#endif
    const double format = sl_template_reward(&tags, p->answer);
    if (format < 0 || format > 1) abort();
    if (!*p->prompt || !*p->answer || sl_reward(task->reward, p->gold, 1, p->gold) != 1 ||
        sl_reward(task->reward, p->gold, 0, p->gold) != 0)
      abort();
  }
}

/* Of most inputs: to collect a task's own costs a walk over all code points. */
static const char alphabet[] =
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
    "abcdefghijklmnopqrstuvwxyz{|}~é€£¥−";

#define LIMIT 6

/* Of a task that has its own alphabet: a character is a token. */
static void check_limit(sl_task *task, sl_prompt_over over) {
  sl_tokenizer *tokenizer;
  sl_error err = {SL_OK, ""};
  size_t n;
  if (sl_tokenizer_create(&tokenizer, task->alphabet, &err) != SL_OK) abort();
  const sl_status status = sl_task_limit(task, tokenizer, LIMIT, over, &err);
  if (status && !err.message[0]) abort();
  for (size_t i = 0; !status && i < task->train.n; i++) {
    const char *prompt = task->train.items[i].prompt;
    if (sl_tokenizer_encode(tokenizer, "", prompt, strlen(prompt), NULL, 0, &n, &err) || n > LIMIT)
      abort();
  }
  sl_tokenizer_destroy(tokenizer);
}

/* Ids of what a supervised start trains on. These tokenizers know no conversations. */
static void check_training(const sl_task *task) {
  sl_tokenizer *tokenizer;
  sl_error err = {SL_OK, ""};
  if (sl_tokenizer_create(&tokenizer, task->alphabet, &err) != SL_OK) abort();
  for (size_t i = 0; i < task->train.n; i++) {
    const sl_problem *p = &task->train.items[i];
    uint32_t ids[256];
    uint8_t counted[256];
    size_t needed, n;
    const sl_status status = sl_problem_encode_training(p, tokenizer, NULL, NULL, 0, &needed, &err);
    if (status ? !err.message[0] : p->has_turns || needed < 2) abort();
    if (status || needed > 256) continue;
    if (sl_problem_encode_training(p, tokenizer, ids, counted, 256, &n, &err) || n != needed ||
        counted[0] || !counted[n - 1])
      abort();
    if (!sl_problem_encode_training(p, tokenizer, ids, counted, n - 1, &n, &err)) abort();
  }
  sl_tokenizer_destroy(tokenizer);
}

static sl_task_kind kind_of(uint8_t choice) {
  static const sl_task_kind kinds[] = {SL_TASK_JSONL, SL_TASK_GSM8K, SL_TASK_MATH, SL_TASK_MIXTURE};
  const sl_task_kind kind = kinds[choice >> 4 & 3];
  return kind == SL_TASK_JSONL && choice & 1 ? SL_TASK_GSM8K_CALC : kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const uint8_t choice = *data++;
  size--;
  const section train = next_section(&data, &size, 0);
  const section test = {data, size};
  const sl_task_kind kind = kind_of(choice);
  const int paper = kind >= SL_TASK_GSM8K;
  const sl_task_options options = {
      .kind = kind,
      .reward = paper        ? SL_REWARD_MATH
                : choice & 2 ? SL_REWARD_NUMERIC
                             : SL_REWARD_EXACT,
      .answer_open = choice & (paper ? 1 : 64) ? tags.answer_open : NULL,
      .answer_close = tags.answer_close,
      .think_open = tags.think_open,
      .think_close = tags.think_close,
      .system = paper && choice & 2 ? "s" : "",
      .characters = choice & 4 ? "" : alphabet,
      .prompt_key = choice & 8 ? "q" : NULL,
      .lookalikes = 20,
      .held_out_fraction = 0.5,
      .train = scratch_file("train.jsonl", train),
      .test =
          (size || choice & 1) && kind != SL_TASK_MIXTURE ? scratch_file("test.jsonl", test) : "",
  };
  if (kind == SL_TASK_MIXTURE) scratch_file("test.jsonl", test); /* beside it, for its parts */
  sl_task task;
  sl_error err = {SL_OK, ""};
  if (sl_task_load(&task, &options, &err) != SL_OK) {
    if (!err.message[0]) abort();
    return 0;
  }
  check_answers(&task, &task.train);
  check_answers(&task, &task.held_out);
  sl_task_answers_beyond(&task.train, 3);
  check_training(&task);
  if (choice & 128) check_limit(&task, choice & 64 ? SL_PROMPT_CUT : SL_PROMPT_DROP);
  sl_task_free(&task);
  return 0;
}
