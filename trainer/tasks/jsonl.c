/* Problems in JSON lines: the user's own, GSM8K's, and problems of mathematics (spec F3.4, F3.11).
 */
#include "lists.h"

#include "answer.h"

#include "trainer/files/tokenizer.h"

#include <sluice/random.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCE_SPLIT = 3 };

typedef struct {
  sl_problem_list *list;
  sl_text_pool *pool;
  const sl_task_options *options;
  const sl_problem_list *forbidden; /* sorted; prompts that may not occur, or NULL */
  const char *forbidden_file;
  const sl_tokenizer *tokenizer; /* of a configured alphabet, or NULL */
  sl_row_reader rows;
  const char *file;
  sl_gold_texts *texts;
  size_t lines, not_numbers; /* of the current file; answers that the numeric reward cannot read */
  sl_error first;            /* of the latter */
} collector;

static int compare_prompt(const void *left, const void *right) {
  return strcmp(((const sl_problem *)left)->prompt, ((const sl_problem *)right)->prompt);
}

static sl_status check_characters(const collector *c, const sl_json *line, const char *key,
                                  const char *text, sl_error *err) {
  size_t n;
  sl_error inner;
  if (!c->tokenizer ||
      sl_tokenizer_encode(c->tokenizer, "text", text, strlen(text), NULL, 0, &n, &inner) == SL_OK)
    return SL_OK;
  return sl_json_fail(line, key, err, "%s", inner.message);
}

/* All lines are read before answers that are not one number are refused, to say how many. */
static void count_no_number(collector *c, const sl_json *line, const char *answer) {
  if (c->not_numbers++ == 0)
    sl_json_fail(line, c->rows.answer_key, &c->first,
                 "expected one number, for the numeric reward, found \"%.80s\"", answer);
}

static int needs_numbers(const collector *c) {
  return c->options->numbers || c->options->reward == SL_REWARD_NUMERIC;
}

/* What the gold answer of the last problem is compared by. */
static sl_status check_gold(collector *c, const sl_json *line, const sl_row *row, sl_error *err) {
  const char *gold = c->list->items[c->list->n - 1].gold;
  if (needs_numbers(c) && !sl_reward_is_number(gold)) count_no_number(c, line, row->answer);
  if (c->options->reward != SL_REWARD_MATH) return SL_OK;
  if (!sl_answer_has_content(gold))
    return sl_json_fail(line, row->gold_key, err, "the answer \"%.80s\" is empty (spec F3.13)",
                        gold);
  c->texts->of++;
  if (!sl_answer_has_value(gold) && c->texts->n++ == 0)
    c->texts->file = c->file, c->texts->line = c->lines;
  return SL_OK;
}

static sl_status add_problem(collector *c, const char *prompt, const sl_row *row, sl_error *err) {
  sl_status status = sl_problem_copy(c->list, c->pool, prompt, row->answer, "", err);
  if (status != SL_OK) return status;
  sl_problem *last = &c->list->items[c->list->n - 1];
  last->gold = row->gold, last->has_turns = row->has_turns;
  last->question =
      prompt == row->question ? last->prompt : sl_text_pool_copy(c->pool, row->question);
  if (!last->question) return sl_fail(err, SL_ERR_MEMORY, "no memory for the texts of problems");
  return sl_problems_set_gold(last, 1, c->pool, c->options, err);
}

static sl_status collect(const sl_json *line, void *user, sl_error *err) {
  collector *c = user;
  sl_row row;
  c->lines++;
  sl_status status = sl_row_read(&row, &c->rows, line, err);
  if (status == SL_OK) status = check_characters(c, line, c->rows.prompt_key, row.question, err);
  if (status == SL_OK) status = check_characters(c, line, row.gold_key, row.answer, err);
  if (status != SL_OK) return status;
  const char *system = c->options->system;
  const char *prompt = system && *system && !row.has_turns
                           ? sl_problem_prompt(c->pool, system, row.question)
                           : row.question;
  if (!prompt) return sl_fail(err, SL_ERR_MEMORY, "no memory for the texts of problems");
  const sl_problem key = {.prompt = prompt};
  if (c->forbidden && c->forbidden->n &&
      bsearch(&key, c->forbidden->items, c->forbidden->n, sizeof key, compare_prompt))
    return sl_json_fail(line, c->rows.prompt_key, err, "is held out: it also occurs in %s",
                        c->forbidden_file);
  status = add_problem(c, prompt, &row, err);
  return status == SL_OK ? check_gold(c, line, &row, err) : status;
}

static sl_status read_file(collector *c, const char *path, sl_error *err) {
  c->lines = c->not_numbers = 0;
  c->file = path;
  const sl_status status = sl_json_lines(path, collect, c, err);
  if (status == SL_OK && c->not_numbers)
    return sl_fail(err, SL_ERR_INPUT, "%.700s; %zu of %zu answers cannot be read", c->first.message,
                   c->not_numbers, c->lines);
  if (status == SL_OK && c->list->n == 0)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: no problems; expected lines of {\"%s\": ..., \"%s\": ...}", path,
                   c->rows.prompt_key, c->rows.answer_key);
  return status;
}

/* A problem's prompt and place, ordered by both. */
typedef struct {
  const char *prompt;
  size_t place;
} occurrence;

static int compare_occurrence(const void *left, const void *right) {
  const occurrence *a = left, *b = right;
  const int prompts = strcmp(a->prompt, b->prompt);
  return prompts ? prompts : a->place < b->place ? -1 : a->place > b->place;
}

/* The problems of a list, which is in the order of its file, by prompt; freed by the caller. */
static occurrence *sort_prompts(const sl_problem_list *all) {
  occurrence *sorted = malloc(all->n * sizeof *sorted);
  if (!sorted) return NULL;
  for (size_t i = 0; i < all->n; i++) sorted[i] = (occurrence){all->items[i].prompt, i};
  qsort(sorted, all->n, sizeof *sorted, compare_occurrence);
  return sorted;
}

static int same_prompt(const occurrence *a, const occurrence *b) {
  return strcmp(a->prompt, b->prompt) == 0;
}

/* Adds the prompts of a file whose answers contradict each other: a line is one problem. */
static sl_status find_contradictions(sl_contradictions *out, const sl_problem_list *all,
                                     const collector *c, const char *path, sl_error *err) {
  occurrence *sorted = sort_prompts(all);
  if (!sorted) return sl_fail(err, SL_ERR_MEMORY, "no memory to compare %zu problems", all->n);
  for (size_t first = 0, end; first < all->n; first = end) {
    const size_t place = sorted[first].place;
    size_t other = 0; /* the first problem of this prompt that contradicts the first of all */
    for (end = first + 1; end < all->n && same_prompt(&sorted[end], &sorted[first]); end++)
      if (!other && sl_reward_contradicts(c->options->reward, all->items[place].gold,
                                          all->items[sorted[end].place].gold))
        other = sorted[end].place;
    if (!other) continue;
    if (out->prompts++ == 0 || (out->file == path && place + 1 < out->line))
      out->file = path, out->line = place + 1, out->other_line = other + 1;
  }
  free(sorted);
  return SL_OK;
}

/* Numbers the distinct prompts by first occurrence: group[place] for each problem of all; *groups
 * is their number. */
static sl_status number_prompts(size_t *group, size_t *groups, const sl_problem_list *all,
                                sl_error *err) {
  occurrence *sorted = sort_prompts(all);
  size_t *first =
      malloc(all->n * sizeof *first); /* place of the first problem with the prompt of this one */
  if (!sorted || !first) {
    free(sorted);
    free(first);
    return sl_fail(err, SL_ERR_MEMORY, "no memory to split %zu problems", all->n);
  }
  for (size_t i = 0; i < all->n; i++) {
    const int repeated = i > 0 && same_prompt(&sorted[i], &sorted[i - 1]);
    first[sorted[i].place] = repeated ? first[sorted[i - 1].place] : sorted[i].place;
  }
  *groups = 0;
  for (size_t i = 0; i < all->n; i++) group[i] = first[i] == i ? (*groups)++ : group[first[i]];
  free(sorted);
  free(first);
  return SL_OK;
}

/* held[group] = 1 for floor(fraction * groups) of them. */
static sl_status choose_groups(unsigned char **held, size_t groups, const sl_task_options *options,
                               sl_error *err) {
  const size_t count = (size_t)floor(options->held_out_fraction * (double)groups);
  if (count == 0 || count >= groups)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: a held-out fraction of %g leaves %zu of %zu prompts held out; some are "
                   "needed on both sides",
                   options->train, options->held_out_fraction, count, groups);
  uint32_t *order = groups < UINT32_MAX ? malloc(groups * sizeof *order) : NULL;
  unsigned char *flags = calloc(groups, 1);
  if (!order || !flags) {
    free(order);
    free(flags);
    return sl_fail(err, SL_ERR_MEMORY, "no memory to split %zu prompts", groups);
  }
  for (size_t i = 0; i < groups; i++) order[i] = (uint32_t)i;
  sl_random_shuffle(order, groups, options->seed, SEQUENCE_SPLIT, 0, SL_RANDOM_DATA);
  for (size_t i = 0; i < count; i++) flags[order[i]] = 1;
  free(order);
  *held = flags;
  return SL_OK;
}

static sl_status split(sl_task_lists *out, const sl_problem_list *all,
                       const sl_task_options *options, sl_error *err) {
  size_t *group = malloc(all->n * sizeof *group), groups = 0;
  unsigned char *held = NULL;
  sl_status status = group ? number_prompts(group, &groups, all, err)
                           : sl_fail(err, SL_ERR_MEMORY, "no memory to split %zu problems", all->n);
  if (status == SL_OK) status = choose_groups(&held, groups, options, err);
  for (size_t i = 0; i < all->n && status == SL_OK; i++)
    status = sl_problem_push(held[group[i]] ? &out->held_out : &out->train, all->items[i], err);
  free(group);
  free(held);
  return status;
}

static sl_status copy_sorted(sl_problem_list *out, const sl_problem_list *from, sl_error *err) {
  for (size_t i = 0; i < from->n; i++) {
    const sl_status status = sl_problem_push(out, from->items[i], err);
    if (status != SL_OK) return status;
  }
  if (out->n) qsort(out->items, out->n, sizeof *out->items, compare_prompt);
  return SL_OK;
}

static sl_status read_two_files(sl_task_lists *out, collector *c, const sl_task_options *options,
                                sl_error *err) {
  sl_problem_list sorted = {NULL, 0, 0};
  c->list = &out->held_out;
  sl_status status = read_file(c, options->test, err);
  if (status == SL_OK)
    status = find_contradictions(&out->contradictions, &out->held_out, c, options->test, err);
  if (status == SL_OK) status = copy_sorted(&sorted, &out->held_out, err);
  c->list = &out->train;
  c->forbidden = &sorted;
  c->forbidden_file = options->test;
  if (status == SL_OK) status = read_file(c, options->train, err);
  if (status == SL_OK)
    status = find_contradictions(&out->contradictions, &out->train, c, options->train, err);
  c->forbidden = NULL;
  free(sorted.items);
  return status;
}

static sl_status read_one_file(sl_task_lists *out, collector *c, const sl_task_options *options,
                               sl_error *err) {
  sl_problem_list all = {NULL, 0, 0};
  c->list = &all;
  sl_status status = read_file(c, options->train, err);
  if (status == SL_OK)
    status = find_contradictions(&out->contradictions, &all, c, options->train, err);
  if (status == SL_OK) status = split(out, &all, options, err);
  free(all.items);
  return status;
}

static const char *key_or(const char *given, const char *otherwise) {
  return given && *given ? given : otherwise;
}

/* The keys that a line has where the configuration names none. */
static sl_row_reader choose_keys(const sl_task_options *o, sl_text_pool *pool) {
  static const char *const prompts[] = {"prompt", "question", "problem"};
  const int which = o->kind == SL_TASK_GSM8K ? 1 : o->kind == SL_TASK_MATH ? 2 : 0;
  return (sl_row_reader){.options = o,
                         .prompt_key = key_or(o->prompt_key, prompts[which]),
                         .answer_key = key_or(o->answer_key, "answer"),
                         .solution_key = key_or(o->solution_key, "solution"),
                         .pool = pool};
}

/* The held-out problems alone, for an evaluation. */
static sl_status read_test(sl_task_lists *out, collector *c, const sl_task_options *options,
                           sl_error *err) {
  c->list = &out->held_out;
  return read_file(c, options->test, err);
}

sl_status sl_task_jsonl(sl_task_lists *out, sl_text_pool *pool, const sl_task_options *options,
                        sl_error *err) {
  static const char *const names[] = {
      [SL_TASK_JSONL] = "jsonl", [SL_TASK_GSM8K] = "gsm8k", [SL_TASK_MATH] = "math"};
  const int has_train = options->train && *options->train,
            has_test = options->test && *options->test;
  const int test_alone = has_test && options->held_out_only;
  if (!has_train && !test_alone)
    return sl_fail(err, SL_ERR_USAGE, "task %s: needs a file of problems (task.train)",
                   names[options->kind]);
  sl_tokenizer *tokenizer = NULL;
  sl_status status = options->characters && *options->characters
                         ? sl_tokenizer_create(&tokenizer, options->characters, err)
                         : SL_OK;
  if (status != SL_OK) return status;
  collector c = {.pool = pool,
                 .options = options,
                 .tokenizer = tokenizer,
                 .rows = choose_keys(options, pool),
                 .texts = &out->texts};
  status = test_alone ? read_test(out, &c, options, err)
           : has_test ? read_two_files(out, &c, options, err)
                      : read_one_file(out, &c, options, err);
  sl_tokenizer_destroy(tokenizer);
  return status;
}
