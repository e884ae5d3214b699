/* Owner of a task's strings, and growing lists of problems. */
#include "lists.h"

#include <sluice/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)1 << 16)

typedef struct block {
  struct block *next;
  size_t used, size;
  char bytes[];
} block;

struct sl_text_pool {
  block *blocks; /* the first one is filled */
};

sl_text_pool *sl_text_pool_create(void) { return calloc(1, sizeof(sl_text_pool)); }

void sl_text_pool_destroy(sl_text_pool *pool) {
  if (!pool) return;
  for (block *b = pool->blocks, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(pool);
}

const char *sl_text_pool_copy(sl_text_pool *pool, const char *text) {
  const size_t n = strlen(text) + 1;
  block *b = pool->blocks;
  if (!b || b->size - b->used < n) {
    const size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES;
    b = malloc(sizeof *b + size);
    if (!b) return NULL;
    *b = (block){.next = pool->blocks, .size = size};
    pool->blocks = b;
  }
  char *copy = b->bytes + b->used;
  memcpy(copy, text, n);
  b->used += n;
  return copy;
}

sl_status sl_problem_push(sl_problem_list *list, sl_problem problem, sl_error *err) {
  if (list->n == list->capacity) {
    const size_t capacity = list->capacity ? 2 * list->capacity : 256;
    sl_problem *items = capacity > SIZE_MAX / 2 / sizeof *items
                            ? NULL
                            : realloc(list->items, capacity * sizeof *items);
    if (!items) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu problems", capacity);
    list->items = items;
    list->capacity = capacity;
  }
  list->items[list->n++] = problem;
  return SL_OK;
}

sl_status sl_problem_copy(sl_problem_list *list, sl_text_pool *pool, const char *prompt,
                          const char *answer, const char *category, sl_error *err) {
  const sl_problem problem = {.prompt = sl_text_pool_copy(pool, prompt),
                              .answer = sl_text_pool_copy(pool, answer),
                              .category = category};
  if (!problem.prompt || !problem.answer)
    return sl_fail(err, SL_ERR_MEMORY, "no memory for the texts of problems");
  return sl_problem_push(list, problem, err);
}

const char *sl_problem_prompt(sl_text_pool *pool, const char *system, const char *question) {
  if (!system || !*system) return sl_text_pool_copy(pool, question);
  const size_t size = strlen(system) + strlen(question) + 4;
  char *joined = malloc(size);
  if (!joined) return NULL;
  snprintf(joined, size, "%s\n\n%s\n", system, question);
  const char *prompt = sl_text_pool_copy(pool, joined);
  free(joined);
  return prompt;
}

sl_status sl_problems_set_gold(sl_problem *items, size_t n, sl_text_pool *pool,
                               const sl_task_options *options, sl_error *err) {
  const sl_tags tags = {.answer_open = options->answer_open, .answer_close = options->answer_close};
  for (size_t i = 0; i < n; i++) {
    sl_problem *p = &items[i];
    const char *begin;
    size_t length;
    if (p->gold) continue;
    p->gold = p->answer;
    if (!tags.answer_open || !sl_template_answer(&tags, p->answer, &begin, &length)) continue;
    char *text = strndup(begin, length);
    p->gold = text ? sl_text_pool_copy(pool, text) : NULL;
    free(text);
    if (!p->gold) return sl_fail(err, SL_ERR_MEMORY, "no memory for the texts of problems");
  }
  return SL_OK;
}

int sl_problem_compare(const void *left, const void *right) {
  const sl_problem *a = left, *b = right;
  const int prompts = strcmp(a->prompt, b->prompt);
  return prompts ? prompts : strcmp(a->answer, b->answer);
}

void sl_problem_unique(sl_problem_list *list) {
  if (list->n == 0) return;
  qsort(list->items, list->n, sizeof *list->items, sl_problem_compare);
  size_t kept = 1;
  for (size_t i = 1; i < list->n; i++)
    if (sl_problem_compare(&list->items[i], &list->items[kept - 1]) != 0)
      list->items[kept++] = list->items[i];
  list->n = kept;
}

int sl_problem_in(const sl_problem *problem, const sl_problem_list *sorted) {
  return sorted->n && bsearch(problem, sorted->items, sorted->n, sizeof *sorted->items,
                              sl_problem_compare) != NULL;
}

sl_status sl_problem_shuffle(sl_problem_list *list, uint64_t seed, uint32_t sequence,
                             sl_error *err) {
  if (list->n == 0) return SL_OK;
  if (list->n >= UINT32_MAX)
    return sl_fail(err, SL_ERR_INPUT, "%zu problems; at most 2^32 - 2 can be shuffled", list->n);
  uint32_t *order = malloc(list->n * sizeof *order);
  sl_problem *items = malloc(list->n * sizeof *items);
  if (!order || !items) {
    free(order);
    free(items);
    return sl_fail(err, SL_ERR_MEMORY, "no memory to shuffle %zu problems", list->n);
  }
  for (size_t i = 0; i < list->n; i++) order[i] = (uint32_t)i;
  sl_random_shuffle(order, list->n, seed, sequence, 0, SL_RANDOM_DATA);
  for (size_t i = 0; i < list->n; i++) items[i] = list->items[order[i]];
  free(order);
  free(list->items);
  list->items = items;
  list->capacity = list->n;
  return SL_OK;
}
