/* The user's own problems: JSON lines of prompt and answer (spec F3.4). */
#include "lists.h"

#include "trainer/files/tokenizer.h"

#include <sluice/random.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCE_SPLIT = 3 };

typedef struct {
  sl_problem_list *list;
  sl_text_pool *pool;
  sl_reward_kind reward;
  const sl_problem_list *forbidden; /* sorted; prompts that may not occur, or NULL */
  const char *forbidden_file;
  const sl_tokenizer *tokenizer; /* of a configured alphabet, or NULL */
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

static sl_status collect(const sl_json *line, void *user, sl_error *err) {
  static const char *const allowed[] = {"prompt", "answer", NULL};
  const collector *c = user;
  const char *prompt, *answer;
  sl_status status = sl_json_only(line, allowed, err);
  if (status == SL_OK) status = sl_json_text(line, "prompt", &prompt, err);
  if (status == SL_OK) status = sl_json_text(line, "answer", &answer, err);
  if (status != SL_OK) return status;
  if (!*prompt) return sl_json_fail(line, "prompt", err, "expected a text that is not empty");
  if (!*answer) return sl_json_fail(line, "answer", err, "expected a text that is not empty");
  if (c->reward == SL_REWARD_NUMERIC && !sl_reward_has_number(answer))
    return sl_json_fail(line, "answer", err,
                        "expected a text with a number, for the numeric reward");
  status = check_characters(c, line, "prompt", prompt, err);
  if (status == SL_OK) status = check_characters(c, line, "answer", answer, err);
  if (status != SL_OK) return status;
  const sl_problem key = {prompt, answer, ""};
  if (c->forbidden && c->forbidden->n &&
      bsearch(&key, c->forbidden->items, c->forbidden->n, sizeof key, compare_prompt))
    return sl_json_fail(line, "prompt", err, "is held out: it also occurs in %s",
                        c->forbidden_file);
  return sl_problem_copy(c->list, c->pool, prompt, answer, "", err);
}

static sl_status read_file(collector *c, const char *path, sl_error *err) {
  const sl_status status = sl_json_lines(path, collect, c, err);
  if (status == SL_OK && c->list->n == 0)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: no problems; expected lines of {\"prompt\": ..., \"answer\": ...}", path);
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

/* Numbers the distinct prompts by first occurrence: group[place] for each problem of all; *groups
 * is their number. */
static sl_status number_prompts(size_t *group, size_t *groups, const sl_problem_list *all,
                                sl_error *err) {
  occurrence *sorted = malloc(all->n * sizeof *sorted);
  size_t *first =
      malloc(all->n * sizeof *first); /* place of the first problem with the prompt of this one */
  if (!sorted || !first) {
    free(sorted);
    free(first);
    return sl_fail(err, SL_ERR_MEMORY, "no memory to split %zu problems", all->n);
  }
  for (size_t i = 0; i < all->n; i++) sorted[i] = (occurrence){all->items[i].prompt, i};
  qsort(sorted, all->n, sizeof *sorted, compare_occurrence);
  for (size_t i = 0; i < all->n; i++) {
    const int repeated = i > 0 && strcmp(sorted[i].prompt, sorted[i - 1].prompt) == 0;
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
  if (status == SL_OK) status = copy_sorted(&sorted, &out->held_out, err);
  c->list = &out->train;
  c->forbidden = &sorted;
  c->forbidden_file = options->test;
  if (status == SL_OK) status = read_file(c, options->train, err);
  c->forbidden = NULL;
  free(sorted.items);
  return status;
}

static sl_status read_one_file(sl_task_lists *out, collector *c, const sl_task_options *options,
                               sl_error *err) {
  sl_problem_list all = {NULL, 0, 0};
  c->list = &all;
  sl_status status = read_file(c, options->train, err);
  if (status == SL_OK) status = split(out, &all, options, err);
  free(all.items);
  return status;
}

sl_status sl_task_jsonl(sl_task_lists *out, sl_text_pool *pool, const sl_task_options *options,
                        sl_error *err) {
  if (!options->train || !*options->train)
    return sl_fail(err, SL_ERR_USAGE, "task jsonl: needs a file of problems (task.train)");
  sl_tokenizer *tokenizer = NULL;
  sl_status status = options->characters && *options->characters
                         ? sl_tokenizer_create(&tokenizer, options->characters, err)
                         : SL_OK;
  if (status != SL_OK) return status;
  collector c = {.pool = pool, .reward = options->reward, .tokenizer = tokenizer};
  status = options->test && *options->test ? read_two_files(out, &c, options, err)
                                           : read_one_file(out, &c, options, err);
  sl_tokenizer_destroy(tokenizer);
  return status;
}
