/* The calculator annotations of GSM8K's answers as problems (spec F3.3). */
#include "lists.h"

#include <sluice/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANNOTATION_MAX 32 /* longer ones cannot have the wanted form */
#define EXPRESSION_MAX 8
#define ANSWER_MAX 99999

enum { SEQUENCE_HELD_OUT = 2, STEP_LOOKALIKES = 1 };

/* a op b = c in integers. */
typedef struct {
  long a, b, c;
  char op;
} equation;

static const char *category(char op) {
  return op == '+' ? "+" : op == '-' ? "-" : op == '*' ? "*" : "/";
}

/* Reads 1 to max digits at *at. */
static int read_number(const char **at, int max, long *out) {
  int n = 0;
  for (*out = 0; n < max && **at >= '0' && **at <= '9'; n++, (*at)++)
    *out = *out * 10 + (**at - '0');
  return n > 0;
}

static int is_right(const equation *e) {
  switch (e->op) {
    case '+':
      return e->a + e->b == e->c;
    case '-':
      return e->a - e->b == e->c;
    case '*':
      return e->a * e->b == e->c;
    default:
      return e->b != 0 && e->a == e->b * e->c;
  }
}

static int parse_equation(const char *text, equation *e) {
  const char *at = text;
  if (!read_number(&at, 4, &e->a) || !*at || !strchr("+-*/", *at)) return 0;
  e->op = *at++;
  if (!read_number(&at, 4, &e->b) || *at++ != '=' || !read_number(&at, 5, &e->c) || *at) return 0;
  return is_right(e) && snprintf(NULL, 0, "%ld%c%ld", e->a, e->op, e->b) <= EXPRESSION_MAX;
}

static sl_status push_equation(sl_problem_list *list, sl_text_pool *pool, const equation *e,
                               sl_error *err) {
  char prompt[80], answer[32];
  snprintf(prompt, sizeof prompt, "%ld%c%ld=", e->a, e->op, e->b);
  snprintf(answer, sizeof answer, "%ld", e->c);
  return sl_problem_copy(list, pool, prompt, answer, category(e->op), err);
}

typedef struct {
  sl_problem_list *list;
  sl_text_pool *pool;
} collector;

/* The annotation that starts after "<<" without its spaces; 0 if it is too long or holds '<'.
 * Returns where it ends in *end. */
static int read_annotation(const char *text, char out[ANNOTATION_MAX], const char **end) {
  const size_t n = strcspn(text, "<>");
  *end = text + n;
  if (strncmp(*end, ">>", 2) != 0) return 0;
  size_t used = 0;
  for (size_t i = 0; i < n; i++) {
    if (text[i] == ' ') continue;
    if (used == ANNOTATION_MAX - 1) return 0;
    out[used++] = text[i];
  }
  out[used] = 0;
  return 1;
}

static sl_status collect(const sl_json *line, void *user, sl_error *err) {
  const collector *c = user;
  const char *answer;
  sl_status status = sl_json_text(line, "answer", &answer, err);
  if (status != SL_OK) return status;
  for (const char *at = strstr(answer, "<<"); at && status == SL_OK; at = strstr(at, "<<")) {
    char text[ANNOTATION_MAX];
    const char *start = at + 2;
    equation e;
    if (*start == '<') { /* the last two of a run of '<' open the annotation */
      at++;
      continue;
    }
    if (read_annotation(start, text, &at) && parse_equation(text, &e))
      status = push_equation(c->list, c->pool, &e, err);
  }
  return status;
}

static sl_status read_file(sl_problem_list *list, sl_text_pool *pool, const char *path,
                           sl_error *err) {
  collector c = {list, pool};
  const sl_status status = sl_json_lines(path, collect, &c, err);
  if (status != SL_OK) return status;
  if (list->n == 0)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: no calculator annotation <<a op b=c>> of the wanted form in any answer",
                   path);
  sl_problem_unique(list);
  return SL_OK;
}

/* The draws of one look-alike. */
typedef struct {
  uint64_t seed;
  uint32_t sequence, position;
} draws;

static size_t draw(draws *d, size_t n) {
  return (size_t)sl_multiply_high(
      sl_random_u64(d->seed, d->position++, d->sequence, STEP_LOOKALIKES, SL_RANDOM_DATA), n);
}

/* Each non-zero digit becomes one of 1 ... 9. */
static long redraw(draws *d, long x) {
  char digits[24];
  snprintf(digits, sizeof digits, "%ld", x);
  for (char *at = digits; *at; at++)
    if (*at != '0') *at = (char)('1' + (int)draw(d, 9));
  return strtol(digits, NULL, 10);
}

static equation imitate(const equation *model, draws *d) {
  equation e = *model;
  if (e.op == '/') {
    e.b = redraw(d, e.b);
    e.c = redraw(d, e.c);
    e.a = e.b * e.c;
    return e;
  }
  e.a = redraw(d, e.a);
  e.b = redraw(d, e.b);
  if (e.op == '-' && e.a < e.b) {
    const long larger = e.b;
    e.b = e.a;
    e.a = larger;
  }
  e.c = e.op == '+' ? e.a + e.b : e.op == '-' ? e.a - e.b : e.a * e.b;
  return e;
}

static sl_status add_lookalikes(sl_task_lists *out, sl_text_pool *pool, const sl_problem_list *test,
                                const sl_task_options *options, sl_error *err) {
  sl_status status = SL_OK;
  for (size_t i = 0; i < out->train.n && status == SL_OK; i++)
    status = sl_problem_push(&out->warm, out->train.items[i], err);
  for (size_t j = 0; j < options->lookalikes && status == SL_OK; j++) {
    draws d = {options->seed, (uint32_t)j, 0};
    const sl_problem *source = &out->train.items[draw(&d, out->train.n)];
    char text[2 * ANNOTATION_MAX];
    equation model, e;
    snprintf(text, sizeof text, "%s%s", source->prompt, source->answer);
    if (!parse_equation(text, &model))
      return sl_fail(err, SL_ERR_INPUT, "look-alike %zu: '%s' is no problem of this task", j, text);
    e = imitate(&model, &d);
    if (e.c > ANSWER_MAX || snprintf(NULL, 0, "%ld%c%ld", e.a, e.op, e.b) > EXPRESSION_MAX)
      continue;
    status = push_equation(&out->warm, pool, &e, err);
    if (status == SL_OK && sl_problem_in(&out->warm.items[out->warm.n - 1], test)) out->warm.n--;
  }
  return status;
}

sl_status sl_task_gsm8k_calc(sl_task_lists *out, sl_text_pool *pool, const sl_task_options *options,
                             sl_error *err) {
  sl_problem_list test = {NULL, 0, 0};
  sl_status status = SL_OK;
  if (!options->train || !*options->train || !options->test || !*options->test)
    return sl_fail(
        err, SL_ERR_USAGE,
        "task gsm8k-calc: needs GSM8K's train.jsonl (task.train) and test.jsonl (task.test)");
  if (options->lookalikes > UINT32_MAX)
    return sl_fail(err, SL_ERR_USAGE, "task gsm8k-calc: %zu look-alikes; at most 2^32 - 1",
                   options->lookalikes);
  status = read_file(&out->train, pool, options->train, err);
  if (status == SL_OK) status = read_file(&test, pool, options->test, err);
  for (size_t i = 0; i < test.n && status == SL_OK; i++)
    if (!sl_problem_in(&test.items[i], &out->train))
      status = sl_problem_push(&out->held_out, test.items[i], err);
  if (status == SL_OK && out->held_out.n == 0)
    status =
        sl_fail(err, SL_ERR_INPUT, "%s: every expression also occurs in %s; nothing is held out",
                options->test, options->train);
  if (status == SL_OK)
    status = sl_problem_shuffle(&out->held_out, options->seed, SEQUENCE_HELD_OUT, err);
  if (status == SL_OK) status = add_lookalikes(out, pool, &test, options, err);
  free(test.items);
  return status;
}
