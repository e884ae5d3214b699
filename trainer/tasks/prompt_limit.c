/* Prompts that are longer than a task allows (spec F3.15). */
#include "lists.h"

#include "trainer/files/tokenizer.h"

#include <string.h>

typedef struct {
  sl_task *task;
  const sl_tokenizer *tokenizer;
  size_t limit;
  sl_prompt_over over;
} limiter;

static sl_status count_tokens(const limiter *l, const sl_problem *p, size_t *n, sl_error *err) {
  return sl_problem_encode_prompt(p, l->tokenizer, NULL, 0, n, err);
}

static int continues(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

/* The question from byte `from` on, or from the next character that begins there. */
static const char *from_byte(const char *question, size_t from) {
  while (continues(question[from])) from++;
  return question + from;
}

static sl_status fits(int *out, const char **prompt, const limiter *l, const char *question,
                      sl_error *err) {
  size_t n;
  *prompt = sl_problem_prompt(l->task->pool, l->task->system, question);
  if (!*prompt) return sl_fail(err, SL_ERR_MEMORY, "no memory for the texts of problems");
  const sl_status status = count_tokens(l, &(sl_problem){.prompt = *prompt}, &n, err);
  *out = !status && n <= l->limit;
  return status;
}

/* Bisection over bytes: `cut` of them always suffice, `kept` do not. */
static sl_status cut(const limiter *l, sl_problem *p, sl_error *err) {
  const char *question = p->question, *prompt;
  size_t few = 0, many = strlen(question);
  int enough = 0;
  sl_status status = fits(&enough, &prompt, l, "", err);
  if (!status && !enough)
    status = sl_fail(err, SL_ERR_INPUT,
                     "task: what stands around a question (task.system, template) alone takes more "
                     "than task.prompt_limit (%zu tokens)",
                     l->limit);
  while (!status && many - few > 1) {
    const size_t middle = few + (many - few) / 2;
    status = fits(&enough, &prompt, l, from_byte(question, middle), err);
    *(enough ? &many : &few) = middle;
  }
  p->question = from_byte(question, many);
  if (!status && !*p->question)
    status = sl_fail(err, SL_ERR_INPUT,
                     "task: nothing is left of the prompt '%.80s' within %zu "
                     "tokens",
                     question, l->limit);
  if (!status) status = fits(&enough, &p->prompt, l, p->question, err);
  return status;
}

/* What becomes of a problem: *keep. */
static sl_status judge(const limiter *l, sl_problem *p, const char *list, int *keep, size_t *over,
                       sl_error *err) {
  size_t n;
  *keep = 1;
  const sl_status status = count_tokens(l, p, &n, err);
  if (status || n <= l->limit) return status;
  ++*over;
  if (l->over == SL_PROMPT_CUT && p->has_turns)
    return sl_fail(err, SL_ERR_INPUT,
                   "task: a %s conversation ('%.80s') has %zu tokens, more than task.prompt_limit "
                   "(%zu): it is not cut; task.prompt_over drop leaves it out",
                   list, p->question, n, l->limit);
  if (l->over == SL_PROMPT_CUT) return cut(l, p, err);
  *keep = l->over != SL_PROMPT_DROP;
  if (!*keep) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT,
                 "task: the prompt of a %s problem ('%.80s') has %zu tokens, more than "
                 "task.prompt_limit (%zu): task.prompt_over drop or cut takes it",
                 list, p->question, n, l->limit);
}

/* The part that problem i of the training list belongs to; NULL if there are none. */
static sl_task_part *part_of(sl_task *task, size_t i) {
  for (size_t k = 0; k < task->n_parts; k++)
    if (i - task->part[k].first < task->part[k].n) return &task->part[k];
  return NULL;
}

static sl_status limit_list(const limiter *l, sl_problems *list, const char *name, size_t *over,
                            sl_error *err) {
  const int is_train = list == &l->task->train;
  size_t kept = 0, lost[SL_MIXTURE_PARTS] = {0};
  for (size_t i = 0; i < list->n; i++) {
    int keep;
    const sl_status status = judge(l, &list->items[i], name, &keep, over, err);
    if (status) return status;
    if (keep)
      list->items[kept++] = list->items[i];
    else if (is_train && l->task->n_parts)
      lost[part_of(l->task, i) - l->task->part]++;
  }
  list->n = kept;
  for (size_t k = 0, first = 0; is_train && k < l->task->n_parts; k++) {
    sl_task_part *part = &l->task->part[k];
    part->first = first, part->n -= lost[k], first += part->n;
    if (part->n == 0)
      return sl_fail(err, SL_ERR_INPUT, "task: no prompt of %s is within task.prompt_limit",
                     part->name);
  }
  return SL_OK;
}

sl_status sl_task_limit(sl_task *task, const sl_tokenizer *tokenizer, size_t limit,
                        sl_prompt_over over, sl_error *err) {
  const limiter l = {task, tokenizer, limit, over};
  const size_t train = task->train.n, held_out = task->held_out.n;
  size_t warm_over = 0;
  task->over = 0;
  sl_status status = limit_list(&l, &task->warm, "warm-start", &warm_over, err);
  if (!status) status = limit_list(&l, &task->train, "training", &task->over, err);
  if (!status) status = limit_list(&l, &task->held_out, "held-out", &task->over, err);
  if (!status && ((train && !task->train.n) || (held_out && !task->held_out.n)))
    status = sl_fail(err, SL_ERR_INPUT, "task: no %s prompt is within task.prompt_limit (%zu)",
                     task->train.n || !train ? "held-out" : "training", limit);
  return status;
}
