/* Loads a task: its problems, its alphabet, and the check that every text can be written in the
 * alphabet (spec F3). */
#include "lists.h"

#include "trainer/files/tokenizer.h"
#include "kernels/support/utf8.h"

#include <stdlib.h>
#include <string.h>

#define ARITHMETIC_ALPHABET "0123456789+-*/="

void sl_task_free(sl_task *task) {
  free(task->warm.items);
  free(task->train.items);
  free(task->held_out.items);
  free(task->alphabet);
  sl_text_pool_destroy(task->pool);
  memset(task, 0, sizeof *task);
}

static sl_status fill_lists(sl_task_lists *lists, sl_text_pool *pool,
                            const sl_task_options *options, sl_error *err) {
  switch (options->kind) {
    case SL_TASK_ARITHMETIC:
      return sl_task_arithmetic(lists, pool, options, err);
    case SL_TASK_GSM8K_CALC:
      return sl_task_gsm8k_calc(lists, pool, options, err);
    case SL_TASK_JSONL:
    case SL_TASK_GSM8K:
    case SL_TASK_MATH:
      return sl_task_jsonl(lists, pool, options, err);
    case SL_TASK_MIXTURE:
      return sl_task_mixture(lists, pool, options, err);
  }
  return sl_fail(err, SL_ERR_USAGE, "task kind %d does not exist", (int)options->kind);
}

/* warm defaults to train. */
static sl_status complete_warm(sl_task_lists *lists, sl_error *err) {
  sl_status status = SL_OK;
  if (lists->warm.n == 0)
    for (size_t i = 0; i < lists->train.n && status == SL_OK; i++)
      status = sl_problem_push(&lists->warm, lists->train.items[i], err);
  return status;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

int sl_task_has_turns(const sl_task *task) {
  const sl_problems *lists[] = {&task->warm, &task->train, &task->held_out};
  for (size_t l = 0; l < 3; l++)
    for (size_t i = 0; i < lists[l]->n; i++)
      if (lists[l]->items[i].has_turns) return 1;
  return 0;
}

/* What is trained of a conversation may have more tokens than its prompt and answer. */
static sl_status measure_problem(const sl_tokenizer *tokenizer, const sl_problem *p,
                                 size_t *prompt_max, size_t *answer_max, sl_error *err) {
  size_t prompt, answer, all, size;
  if (p->has_turns && !sl_tokenizer_json(tokenizer, &size)) return SL_OK; /* refused elsewhere */
  SL_TRY(sl_problem_encode_prompt(p, tokenizer, NULL, 0, &prompt, err));
  SL_TRY(sl_tokenizer_encode(tokenizer, "answer", p->answer, strlen(p->answer), NULL, 0, &answer,
                             err));
  if (p->has_turns) {
    SL_TRY(sl_problem_encode_training(p, tokenizer, NULL, NULL, 0, &all, err));
    prompt = larger(prompt, all > answer + 1 ? all - answer - 1 : 0);
  }
  *prompt_max = larger(*prompt_max, prompt), *answer_max = larger(*answer_max, answer);
  return SL_OK;
}

static sl_status measure_all(const sl_task *task, const sl_tokenizer *tokenizer, size_t *prompt_max,
                             size_t *answer_max, sl_error *err) {
  const sl_problems *lists[] = {&task->warm, &task->train, &task->held_out};
  static const char *const names[] = {"warm-start", "training", "held-out"};
  sl_error inner;
  for (size_t l = 0; l < 3; l++)
    for (size_t i = 0; i < lists[l]->n; i++) {
      const sl_problem *p = &lists[l]->items[i];
      const sl_status status = measure_problem(tokenizer, p, prompt_max, answer_max, &inner);
      if (status != SL_OK)
        return sl_fail(err, status, "task: %s problem %zu ('%.80s'): %s", names[l], i, p->prompt,
                       inner.message);
    }
  return SL_OK;
}

sl_status sl_task_check(const sl_task *task, const sl_tokenizer *tokenizer, int held_out_only,
                        sl_error *err) {
  size_t prompt_max = 0, answer_max = 0;
  const sl_task checked = {.held_out = task->held_out};
  return measure_all(held_out_only ? &checked : task, tokenizer, &prompt_max, &answer_max, err);
}

sl_status sl_task_measure(sl_task *task, const sl_tokenizer *tokenizer, sl_error *err) {
  size_t prompt_max = 0, answer_max = 0;
  SL_TRY(measure_all(task, tokenizer, &prompt_max, &answer_max, err));
  task->prompt_max = prompt_max, task->answer_max = answer_max;
  return SL_OK;
}

/* Every text can be encoded; finds the longest. */
static sl_status measure(sl_task *task, sl_error *err) {
  sl_tokenizer *tokenizer;
  sl_error inner;
  sl_status status = sl_tokenizer_create(&tokenizer, task->alphabet, &inner);
  if (status != SL_OK) return sl_fail(err, status, "task: %s", inner.message);
  status = measure_all(task, tokenizer, &task->prompt_max, &task->answer_max, err);
  sl_tokenizer_destroy(tokenizer);
  return status;
}

static void mark_points(unsigned char *seen, const char *text) {
  uint32_t point;
  for (size_t size = strlen(text), n; size > 0 && (n = sl_utf8_decode(text, size, &point)) > 0;
       text += n, size -= n)
    seen[point] = 1;
}

/* The code points of all texts, ascending. */
static sl_status collect_alphabet(sl_task *task, sl_error *err) {
  unsigned char *seen = calloc(SL_UTF8_POINTS, 1);
  const sl_problems *lists[] = {&task->train, &task->held_out};
  size_t size = 1;
  for (size_t l = 0; l < 2 && seen; l++)
    for (size_t i = 0; i < lists[l]->n; i++)
      mark_points(seen, lists[l]->items[i].prompt), mark_points(seen, lists[l]->items[i].answer);
  for (size_t c = 0; c < SL_UTF8_POINTS && seen; c++) size += 4u * seen[c];
  task->alphabet = seen ? malloc(size) : NULL;
  size_t used = 0;
  for (uint32_t c = 0; c < SL_UTF8_POINTS && task->alphabet; c++)
    if (seen[c]) used += sl_utf8_encode(task->alphabet + used, c);
  free(seen);
  if (!task->alphabet) return sl_fail(err, SL_ERR_MEMORY, "no memory for an alphabet");
  task->alphabet[used] = 0;
  return SL_OK;
}

static sl_status choose_alphabet(sl_task *task, const sl_task_options *options, sl_error *err) {
  const int given = options->characters && *options->characters;
  if (!given && options->kind >= SL_TASK_JSONL) return collect_alphabet(task, err);
  task->alphabet = strdup(given ? options->characters : ARITHMETIC_ALPHABET);
  return task->alphabet ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for an alphabet");
}

void sl_task_separate_system(sl_task *task) {
  sl_problems *lists[] = {&task->warm, &task->train, &task->held_out};
  for (size_t l = 0; l < 3; l++)
    for (size_t i = 0; i < lists[l]->n; i++)
      if (lists[l]->items[i].question) lists[l]->items[i].prompt = lists[l]->items[i].question;
  task->system = "";
}

size_t sl_task_answers_beyond(const sl_problems *problems, size_t tokens) {
  size_t beyond = 0;
  for (size_t i = 0; i < problems->n; i++) {
    const char *text = problems->items[i].answer;
    size_t points = 0;
    uint32_t point;
    for (size_t size = strlen(text), n; size > 0 && (n = sl_utf8_decode(text, size, &point)) > 0;
         text += n, size -= n)
      points++;
    beyond += points + 1 > tokens;
  }
  return beyond;
}

static sl_status set_gold(const sl_task *task, const sl_task_options *options, sl_error *err) {
  const sl_problems *lists[] = {&task->warm, &task->train, &task->held_out};
  sl_status status = SL_OK;
  for (size_t l = 0; l < 3 && status == SL_OK; l++)
    status = sl_problems_set_gold(lists[l]->items, lists[l]->n, task->pool, options, err);
  return status;
}

static sl_status keep_system(sl_task *task, const sl_task_options *options, sl_error *err) {
  task->system = sl_text_pool_copy(task->pool, options->system ? options->system : "");
  return task->system ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a task");
}

sl_status sl_task_load(sl_task *out, const sl_task_options *options, sl_error *err) {
  sl_task_lists lists = {.warm = {NULL, 0, 0}};
  sl_task task = {.reward = options->kind >= SL_TASK_JSONL ? options->reward : SL_REWARD_EXACT,
                  .pool = sl_text_pool_create()};
  sl_status status = task.pool ? fill_lists(&lists, task.pool, options, err)
                               : sl_fail(err, SL_ERR_MEMORY, "no memory for a task");
  if (status == SL_OK) status = complete_warm(&lists, err);
  task.warm = (sl_problems){lists.warm.items, lists.warm.n};
  task.train = (sl_problems){lists.train.items, lists.train.n};
  task.held_out = (sl_problems){lists.held_out.items, lists.held_out.n};
  task.contradictions = lists.contradictions;
  task.texts = lists.texts;
  task.n_parts = lists.n_parts;
  memcpy(task.part, lists.part, sizeof task.part);
  if (status == SL_OK) status = keep_system(&task, options, err);
  if (status == SL_OK) status = set_gold(&task, options, err);
  if (status == SL_OK) status = choose_alphabet(&task, options, err);
  if (status == SL_OK) status = measure(&task, err);
  if (status != SL_OK) {
    sl_task_free(&task);
    return status;
  }
  *out = task;
  return SL_OK;
}
