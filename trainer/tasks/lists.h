/* Owner of a task's strings, and growing lists of problems. Internal to trainer/tasks. */
#ifndef SLUICE_TASKS_LISTS_H
#define SLUICE_TASKS_LISTS_H

#include "tasks.h"

#include "components.h"
#include "trainer/files/json.h"

typedef struct sl_text_pool sl_text_pool;

sl_text_pool *sl_text_pool_create(void); /* NULL if memory is short */
void sl_text_pool_destroy(sl_text_pool *pool);
/* A copy that lives as long as the pool; NULL if memory is short. */
const char *sl_text_pool_copy(sl_text_pool *pool, const char *text);

/* A list that grows. */
typedef struct {
  sl_problem *items;
  size_t n, capacity;
} sl_problem_list;

/* Appends a problem whose strings the caller owns. */
sl_status sl_problem_push(sl_problem_list *list, sl_problem problem, sl_error *err);
/* Appends a problem, copying prompt and answer into the pool; category must be static. */
sl_status sl_problem_copy(sl_problem_list *list, sl_text_pool *pool, const char *prompt,
                          const char *answer, const char *category, sl_error *err);

/* Gives every problem that has none its gold answer (spec F3.8): what stands between the tags, if
 * there are tags and the answer has them, else the answer. */
sl_status sl_problems_set_gold(sl_problem *items, size_t n, sl_text_pool *pool,
                               const sl_task_options *options, sl_error *err);

/* Ordered by the bytes of prompt, then of answer (for qsort and bsearch). */
int sl_problem_compare(const void *left, const void *right);
/* Sorts and drops repeated problems. */
void sl_problem_unique(sl_problem_list *list);
/* Is the problem in a sorted list? */
int sl_problem_in(const sl_problem *problem, const sl_problem_list *sorted);

/* Shuffles the list (spec N5.4) with purpose 4 and step 0. */
sl_status sl_problem_shuffle(sl_problem_list *list, uint64_t seed, uint32_t sequence,
                             sl_error *err);

/* A prompt: system text, blank line, question, newline; the question alone without a system text.
 * NULL if memory is short. */
const char *sl_problem_prompt(sl_text_pool *pool, const char *system, const char *question);

/* A line of a file of the tasks jsonl, gsm8k and math (spec F3.4, F3.11), with the keys in the
 * configuration's names. Texts are the line's or the pool's. */
typedef struct {
  const char *question, *answer;
  const char *gold;     /* NULL: F3.8 says it */
  const char *gold_key; /* where the gold answer stands in the line */
  int has_turns;        /* the question is a conversation as JSON */
} sl_row;
typedef struct {
  const sl_task_options *options;
  const char *prompt_key, *answer_key, *solution_key;
  sl_text_pool *pool;
} sl_row_reader;
sl_status sl_row_read(sl_row *out, const sl_row_reader *reader, const sl_json *line, sl_error *err);

/* The tasks: each fills warm, train and held_out of out, whose pool exists; warm may stay empty,
 * which means train. */
typedef struct {
  sl_problem_list warm, train, held_out;
  sl_contradictions contradictions;
  sl_gold_texts texts;
  sl_task_part part[SL_MIXTURE_PARTS];
  size_t n_parts;
} sl_task_lists;
sl_status sl_task_arithmetic(sl_task_lists *out, sl_text_pool *pool, const sl_task_options *options,
                             sl_error *err);
sl_status sl_task_gsm8k_calc(sl_task_lists *out, sl_text_pool *pool, const sl_task_options *options,
                             sl_error *err);
/* jsonl, gsm8k and math, by options->kind. */
sl_status sl_task_jsonl(sl_task_lists *out, sl_text_pool *pool, const sl_task_options *options,
                        sl_error *err);
sl_status sl_task_mixture(sl_task_lists *out, sl_text_pool *pool, const sl_task_options *options,
                          sl_error *err);

/* Is there one number in the text, and no other (spec F3.6)? */
int sl_reward_is_number(const char *text);
/* Can no completion satisfy both answers? */
int sl_reward_contradicts(sl_reward_kind kind, const char *left, const char *right);

#endif
