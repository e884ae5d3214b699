/* Tasks: lists of problems and the reward of a completion (spec F3). */
#ifndef SLUICE_TASKS_H
#define SLUICE_TASKS_H

#include "answer.h"

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

/* Strings are UTF-8. category groups problems in reports ("+", "-", ...), "" if there is none. */
typedef struct {
  const char *prompt, *answer, *category;
  const char *gold;     /* what a completion is compared with: the answer, or what its tags hold */
  const char *question; /* the prompt without the task's system text; NULL: a task without one */
  int has_turns;        /* the prompt is a conversation as JSON (spec F3.4, messages) */
} sl_problem;

typedef struct {
  sl_problem *items;
  size_t n;
} sl_problems;

/* spec F3.2, F3.3, F3.4, F3.11 and F3.14. */
typedef enum {
  SL_TASK_ARITHMETIC,
  SL_TASK_GSM8K_CALC,
  SL_TASK_JSONL,
  SL_TASK_GSM8K,
  SL_TASK_MATH,
  SL_TASK_MIXTURE
} sl_task_kind;
/* as sl_component */
typedef enum { SL_REWARD_EXACT, SL_REWARD_NUMERIC, SL_REWARD_MATH } sl_reward_kind;

/* Prompts of a file whose answers no completion satisfies all; prompts is their number. */
typedef struct {
  size_t prompts;
  const char *file; /* of the first of them, which stands on these lines */
  size_t line, other_line;
} sl_contradictions;

/* Gold answers of reward math without a value, which are compared as texts (spec F3.13); n is how
 * many of the `of` answers. */
typedef struct {
  size_t n, of;
  const char *file; /* of the first of them, which stands on this line */
  size_t line;
} sl_gold_texts;

/* A part of a mixture (spec F3.14): problems first ... first + n - 1 of the training list. */
#define SL_MIXTURE_PARTS 16
#define SL_MIXTURE_SHARE_MAX 1000
typedef struct {
  const char *name;
  size_t first, n;
  uint32_t share;
} sl_task_part;

/* What becomes of a prompt that is longer than the limit (spec F3.15). */
typedef enum { SL_PROMPT_ERROR, SL_PROMPT_DROP, SL_PROMPT_CUT } sl_prompt_over;

/* What a configuration says of the task. NULL or "" for files that are not given. */
typedef struct {
  sl_task_kind kind;
  uint64_t seed;            /* of generated problems and of the held-out split */
  size_t held_out;          /* arithmetic: number of held-out problems, half + and half - */
  size_t lookalikes;        /* gsm8k-calc: synthetic problems tried for the warm start */
  const char *train, *test; /* gsm8k-calc: GSM8K's files; jsonl: problems, and held-out problems */
  double held_out_fraction; /* jsonl without test: share of problems that is held out */
  sl_reward_kind reward;    /* jsonl; the others are exact */
  int numbers;              /* jsonl: each answer is one number; with reward numeric too */
  const char *answer_open, *answer_close; /* tags around the answer; NULL: it has none */
  const char *think_open, *think_close;   /* of the answers that gsm8k and math make */
  const char *prompt_key, *answer_key;    /* jsonl: NULL or "": prompt, answer */
  const char *solution_key;               /* math: NULL or "": solution */
  const char *system;                     /* jsonl, gsm8k, math: before each prompt; NULL or "" */
  int held_out_only;                      /* the training file is not read where there is a test */
  const char *characters; /* alphabet; "" or NULL: the task's own (jsonl: the characters that its
                             files hold) */
} sl_task_options;

/* A loaded task owns its strings. warm is what SFT draws from, train what RL draws prompts from;
 * held_out is disjoint from both. */
typedef struct {
  sl_problems warm, train, held_out;
  sl_reward_kind reward;
  char *alphabet;                /* for sl_tokenizer_create */
  size_t prompt_max, answer_max; /* longest, in characters or tokens */
  sl_contradictions contradictions;
  sl_gold_texts texts;
  sl_task_part part[SL_MIXTURE_PARTS]; /* of a mixture, n_parts of them; else n_parts is 0 */
  size_t n_parts;
  size_t over;               /* prompts that sl_task_limit dropped or cut */
  const char *system;        /* what stands before each question in a prompt; "": nothing */
  struct sl_text_pool *pool; /* owner of the strings */
} sl_task;

/* Generates or reads the problems. SL_ERR_INPUT with file:line:column, SL_ERR_IO, SL_ERR_USAGE for
 * options that contradict each other. */
sl_status sl_task_load(sl_task *out, const sl_task_options *options, sl_error *err);
void sl_task_free(sl_task *task);

/* The ids of a prompt, up to where its answer begins (spec F7.7): count of them, in ids unless that
 * is NULL. SL_ERR_INPUT for a text that cannot be written, SL_ERR_USAGE above capacity. */
struct sl_tokenizer;
sl_status sl_problem_encode_prompt(const sl_problem *problem, const struct sl_tokenizer *tokenizer,
                                   uint32_t *ids, size_t capacity, size_t *count, sl_error *err);
/* The same of a prompt with its answer and the end token; counted[i] (of as many as ids) is 1 where
 * training counts ids[i] (spec L2.2, F7.11). */
sl_status sl_problem_encode_training(const sl_problem *problem,
                                     const struct sl_tokenizer *tokenizer, uint32_t *ids,
                                     uint8_t *counted, size_t capacity, size_t *count,
                                     sl_error *err);

/* Has a list of the task conversations of several turns? */
int sl_task_has_turns(const sl_task *task);

/* Every text can be written in the tokenizer's alphabet; SL_ERR_INPUT names the problem and the
 * character that cannot. */
sl_status sl_task_check(const sl_task *task, const struct sl_tokenizer *tokenizer,
                        int held_out_only, sl_error *err);

/* The longest prompt and answer in the tokens of another tokenizer than that of the alphabet. */
sl_status sl_task_measure(sl_task *task, const struct sl_tokenizer *tokenizer, sl_error *err);

/* From now on a prompt is the question alone (spec F7.7): the template that it is put into has the
 * system text as a turn of its own. */
void sl_task_separate_system(sl_task *task);

/* Prompts of more than `limit` tokens are dropped, cut or refused (spec F3.15): how many of the
 * distinct problems of the training and held-out lists, in task->over. SL_ERR_INPUT names the
 * problem, or says that none is left. */
sl_status sl_task_limit(sl_task *task, const struct sl_tokenizer *tokenizer, size_t limit,
                        sl_prompt_over over, sl_error *err);

/* How many answers need more than `tokens` tokens, the end token included. */
size_t sl_task_answers_beyond(const sl_problems *problems, size_t tokens);

/* The reward of a completion, 0 or 1 (spec F3.6). It ended if the model closed it with
 * SL_TOKEN_EOS; a truncated one scores 0. The whole completion is read. */
double sl_reward(sl_reward_kind kind, const char *completion, int ended, const char *answer);
/* The same; *by is SL_GRADE_BY_TEXT where reward math had to compare texts. */
double sl_reward_by(sl_reward_kind kind, const char *completion, int ended, const char *answer,
                    sl_grade_by *by);

#endif
