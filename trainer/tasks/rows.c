/* Lines of the tasks jsonl, gsm8k and math (spec F3.4, F3.11). */
#include "lists.h"

#include "answer.h"
#include "kernels/support/text_stream.h"
#include "trainer/files/conversation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lists the keys of a line, for the message when a configured key is missing. */
static void list_keys(char *out, size_t size, const json_t *object) {
  size_t n = (size_t)snprintf(out, size, "%s", json_object_size(object) ? "" : "none");
  const char *between = "";
  for (void *at = json_object_iter((json_t *)(uintptr_t)object); at && n < size;
       at = json_object_iter_next((json_t *)(uintptr_t)object, at), between = ", ")
    n += (size_t)snprintf(out + n, size - n, "%s%.40s", between, json_object_iter_key(at));
}

/* A text that is there and not empty; `option` names the key's place in the configuration. */
static sl_status text_at(const sl_json *line, const char *key, const char *option, const char **out,
                         sl_error *err) {
  char keys[300];
  if (!json_object_get(line->root, key)) {
    list_keys(keys, sizeof keys, line->root);
    return sl_json_fail(line, key, err, "missing; expected a string; the keys are %s (%s names it)",
                        keys, option);
  }
  const sl_status status = sl_json_text(line, key, out, err);
  if (status != SL_OK || **out) return status;
  return sl_json_fail(line, key, err, "expected a text that is not empty");
}

static sl_status no_memory(sl_error *err) {
  return sl_fail(err, SL_ERR_MEMORY, "no memory for the texts of problems");
}

/* size bytes of a text, owned by the pool. */
static sl_status keep(const char **out, sl_text_pool *pool, const char *text, size_t size,
                      sl_error *err) {
  char *copy = strndup(text, size);
  *out = copy ? sl_text_pool_copy(pool, copy) : NULL;
  free(copy);
  return *out ? SL_OK : no_memory(err);
}

/* Writes a text without GSM8K's calculator annotations, <<...>>, and white space at its ends. */
static void put_reasoning(FILE *out, const char *text, size_t size) {
  const char *end = text + size;
  while (end > text && strchr(" \t\r\n", end[-1])) end--;
  while (text < end && strchr(" \t\r\n", *text)) text++;
  const char *close = strstr(text, ">>"); /* the first one from `text` on */
  while (text < end) {
    if (close && close < text) close = strstr(text, ">>");
    if (close && close < end && strncmp(text, "<<", 2) == 0)
      text = close + 2;
    else
      fputc(*text++, out);
  }
}

/* The answer as a supervised start learns it: reasoning and gold answer between the tags; without
 * tags the gold answer behind GSM8K's mark, or in a box. */
static void put_answer(FILE *out, const sl_task_options *o, const char *reasoning, size_t size,
                       const char *gold) {
  if (o->answer_open) fprintf(out, "%s ", o->think_open ? o->think_open : "");
  put_reasoning(out, reasoning, size);
  if (o->answer_open)
    fprintf(out, " %s %s %s %s", o->think_close ? o->think_close : "", o->answer_open, gold,
            o->answer_close);
  else
    fprintf(out, o->kind == SL_TASK_GSM8K ? "\n#### %s" : "\n\\boxed{%s}", gold);
}

static sl_status make_answer(sl_row *row, const sl_row_reader *r, const char *reasoning,
                             size_t size, sl_error *err) {
  sl_text_stream made;
  FILE *out = sl_text_stream_open(&made);
  if (out) put_answer(out, r->options, reasoning, size, row->gold);
  char *text = sl_text_stream_close(&made);
  row->answer = text ? sl_text_pool_copy(r->pool, text) : NULL;
  free(text);
  return row->answer ? SL_OK : no_memory(err);
}

/* Where the last #### stands. */
static const char *find_mark(const char *text) {
  const char *found = NULL;
  for (const char *at = strstr(text, "####"); at; at = strstr(at + 1, "####")) found = at;
  return found;
}

static sl_status read_gsm8k(sl_row *row, const sl_row_reader *r, const sl_json *line,
                            sl_error *err) {
  const char *text = "", *begin;
  size_t n;
  sl_status status = text_at(line, r->answer_key, "task.answer_key", &text, err);
  if (status) return status;
  const char *mark = find_mark(text);
  if (!mark)
    return sl_json_fail(line, r->answer_key, err, "expected #### and the answer at its end");
  sl_answer_find(mark, strlen(mark), &begin, &n);
  row->gold_key = r->answer_key;
  status = keep(&row->gold, r->pool, begin, n, err);
  return status ? status : make_answer(row, r, text, (size_t)(mark - text), err);
}

/* The answer of a line: a text, or an integer. */
static sl_status answer_at(const char **out, const sl_row_reader *r, const sl_json *line,
                           sl_error *err) {
  const json_t *value = json_object_get(line->root, r->answer_key);
  char digits[32];
  if (json_is_integer(value)) {
    const int n = snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
    return keep(out, r->pool, digits, (size_t)n, err);
  }
  if (!json_is_string(value))
    return sl_json_expected(line, r->answer_key, err, "a string or an integer", value);
  const char *text = "";
  const sl_status status = text_at(line, r->answer_key, "task.answer_key", &text, err);
  return status ? status : keep(out, r->pool, text, strlen(text), err);
}

static sl_status find_box(sl_row *row, const sl_row_reader *r, const sl_json *line,
                          const char *solution, sl_error *err) {
  const char *begin;
  size_t n;
  row->gold_key = r->solution_key;
  if (!sl_answer_box(solution, strlen(solution), &begin, &n))
    return sl_json_fail(line, r->solution_key, err,
                        "expected \\boxed{...} with the answer, since the line has no %s",
                        r->answer_key);
  return keep(&row->gold, r->pool, begin, n, err);
}

static sl_status read_math(sl_row *row, const sl_row_reader *r, const sl_json *line,
                           sl_error *err) {
  const char *solution = "";
  sl_status status = SL_OK;
  const json_t *answer = json_object_get(line->root, r->answer_key),
               *given = json_object_get(line->root, r->solution_key);
  const int has_answer = answer && !json_is_null(answer);
  if (!has_answer || (given && !json_is_null(given)))
    status = text_at(line, r->solution_key, "task.answer_key or task.solution_key", &solution, err);
  if (status) return status;
  row->gold_key = r->answer_key;
  status = has_answer ? answer_at(&row->gold, r, line, err) : find_box(row, r, line, solution, err);
  return status ? status : make_answer(row, r, solution, strlen(solution), err);
}

#define MESSAGES "messages"

static sl_status keep_turns(sl_row *row, const sl_row_reader *r, const sl_turn *turns, size_t n,
                            sl_error *err) {
  char *text = sl_conversation_write(turns, n);
  row->question = text ? sl_text_pool_copy(r->pool, text) : NULL;
  free(text);
  return row->question ? SL_OK : no_memory(err);
}

/* A conversation that ends with an answer (spec F3.4). */
static sl_status read_messages(sl_row *row, const sl_row_reader *r, const sl_json *line,
                               sl_error *err) {
  sl_turn *turns = NULL;
  size_t n;
  sl_error inner;
  const json_t *value = json_object_get(line->root, MESSAGES);
  if (!json_is_array(value)) return sl_json_expected(line, MESSAGES, err, "a list of turns", value);
  if (sl_conversation_read(&turns, &n, value, &inner))
    return sl_json_fail(line, MESSAGES, err, "%s", inner.message);
  row->gold_key = MESSAGES, row->has_turns = 1;
  sl_status status = SL_OK;
  if (n < 2 || turns[n - 1].role != SL_ROLE_ASSISTANT || !turns[n - 1].size)
    status = sl_json_fail(line, MESSAGES, err,
                          "expected two turns or more, the last an assistant's that is not empty");
  if (!status) status = keep(&row->answer, r->pool, turns[n - 1].text, turns[n - 1].size, err);
  if (!status) status = keep_turns(row, r, turns, n - 1, err);
  free(turns);
  return status;
}

sl_status sl_row_read(sl_row *out, const sl_row_reader *r, const sl_json *line, sl_error *err) {
  *out = (sl_row){.gold_key = r->answer_key};
  if (r->options->kind == SL_TASK_JSONL && json_object_get(line->root, MESSAGES) &&
      !json_object_get(line->root, r->prompt_key))
    return read_messages(out, r, line, err);
  const sl_status status = text_at(line, r->prompt_key, "task.prompt_key", &out->question, err);
  if (status) return status;
  switch (r->options->kind) {
    case SL_TASK_GSM8K:
      return read_gsm8k(out, r, line, err);
    case SL_TASK_MATH:
      return read_math(out, r, line, err);
    default:
      return text_at(line, r->answer_key, "task.answer_key", &out->answer, err);
  }
}
