/* Several files of problems as one task, each with its share of the prompts (spec F3.14). */
#include "lists.h"

#include "trainer/files/file.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  sl_task_lists *out;
  sl_text_pool *pool;
  const sl_task_options *options;
  char *folder; /* of the mixture's file */
} collector;

/* A text of the line, kept; "" where it is absent. */
static sl_status text_or_empty(const char **out, const collector *c, const sl_json *line,
                               const char *key, sl_error *err) {
  const char *text = "";
  *out = "";
  if (!json_object_get(line->root, key)) return SL_OK;
  const sl_status status = sl_json_text(line, key, &text, err);
  if (status) return status;
  *out = sl_text_pool_copy(c->pool, text);
  return *out ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a mixture");
}

/* A path of the line, from the folder of the mixture's file where it is relative. */
static sl_status path_or_empty(const char **out, const collector *c, const sl_json *line,
                               const char *key, sl_error *err) {
  const sl_status status = text_or_empty(out, c, line, key, err);
  if (status || !**out || **out == '/') return status;
  char *joined = sl_path_join(c->folder, *out);
  *out = joined ? sl_text_pool_copy(c->pool, joined) : NULL;
  free(joined);
  return *out ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a mixture");
}

static sl_status read_kind(sl_task_kind *out, const sl_json *line, sl_error *err) {
  const char *word;
  const sl_status status = sl_json_text(line, "task", &word, err);
  if (status) return status;
  if (strcmp(word, "gsm8k") == 0)
    *out = SL_TASK_GSM8K;
  else if (strcmp(word, "math") == 0)
    *out = SL_TASK_MATH;
  else if (strcmp(word, "jsonl") == 0)
    *out = SL_TASK_JSONL;
  else
    return sl_json_fail(line, "task", err, "expected gsm8k, math or jsonl, found \"%.80s\"", word);
  return SL_OK;
}

static sl_status read_part(sl_task_options *o, sl_task_part *part, const collector *c,
                           const sl_json *line, sl_error *err) {
  static const char *const allowed[] = {"task",       "name",         "share",
                                        "train",      "test",         "prompt_key",
                                        "answer_key", "solution_key", "held_out_fraction",
                                        NULL};
  size_t share;
  sl_status status = sl_json_only(line, allowed, err);
  if (!status) status = read_kind(&o->kind, line, err);
  if (!status) status = sl_json_size(line, "share", 1, SL_MIXTURE_SHARE_MAX, &share, err);
  if (status) return status;
  part->share = (uint32_t)share;
  status = text_or_empty(&part->name, c, line, "name", err);
  if (!status && !*part->name) status = text_or_empty(&part->name, c, line, "task", err);
  if (!status) status = path_or_empty(&o->train, c, line, "train", err);
  if (!status) status = path_or_empty(&o->test, c, line, "test", err);
  if (!status) status = text_or_empty(&o->prompt_key, c, line, "prompt_key", err);
  if (!status) status = text_or_empty(&o->answer_key, c, line, "answer_key", err);
  if (!status) status = text_or_empty(&o->solution_key, c, line, "solution_key", err);
  if (!status && json_object_get(line->root, "held_out_fraction"))
    status = sl_json_real(line, "held_out_fraction", &o->held_out_fraction, err);
  if (!status && !(o->held_out_fraction >= 0 && o->held_out_fraction <= 0.9))
    status = sl_json_fail(line, "held_out_fraction", err, "expected a number from 0 to 0.9");
  if (!status && !*o->train && !(o->held_out_only && *o->test))
    status = sl_json_fail(line, "train", err, "missing; the part needs a file of problems");
  return status;
}

static sl_status append(sl_problem_list *to, const sl_problem_list *from, const char *category,
                        sl_error *err) {
  for (size_t i = 0; i < from->n; i++) {
    sl_problem p = from->items[i];
    p.category = category;
    const sl_status status = sl_problem_push(to, p, err);
    if (status) return status;
  }
  return SL_OK;
}

static void add_counts(sl_task_lists *to, const sl_task_lists *from) {
  if (to->contradictions.prompts == 0)
    to->contradictions = from->contradictions;
  else
    to->contradictions.prompts += from->contradictions.prompts;
  if (to->texts.n == 0) to->texts.file = from->texts.file, to->texts.line = from->texts.line;
  to->texts.n += from->texts.n, to->texts.of += from->texts.of;
}

static sl_status collect(const sl_json *line, void *user, sl_error *err) {
  const collector *c = user;
  sl_task_lists *out = c->out, made = {.warm = {NULL, 0, 0}};
  sl_task_options o = *c->options;
  sl_task_part part = {.first = out->train.n};
  if (out->n_parts == SL_MIXTURE_PARTS)
    return sl_json_fail(line, "", err, "more than %d parts", SL_MIXTURE_PARTS);
  sl_status status = read_part(&o, &part, c, line, err);
  if (!status) status = sl_task_jsonl(&made, c->pool, &o, err);
  part.n = made.train.n;
  if (!status) status = append(&out->train, &made.train, part.name, err);
  if (!status) status = append(&out->held_out, &made.held_out, part.name, err);
  free(made.train.items);
  free(made.held_out.items);
  if (status) return status;
  add_counts(out, &made);
  out->part[out->n_parts++] = part;
  return SL_OK;
}

static int compare_prompt(const void *left, const void *right) {
  return strcmp(((const sl_problem *)left)->prompt, ((const sl_problem *)right)->prompt);
}

/* A prompt may not be trained on in one part and held out in another. */
static sl_status check_apart(const sl_task_lists *lists, const char *file, sl_error *err) {
  const sl_problem_list *held = &lists->held_out;
  sl_problem *sorted = held->n ? malloc(held->n * sizeof *sorted) : NULL;
  if (held->n && !sorted) return sl_fail(err, SL_ERR_MEMORY, "no memory for a mixture");
  sl_status status = SL_OK;
  if (held->n) memcpy(sorted, held->items, held->n * sizeof *sorted);
  if (held->n) qsort(sorted, held->n, sizeof *sorted, compare_prompt);
  for (size_t i = 0; !status && held->n && i < lists->train.n; i++) {
    const sl_problem *p = &lists->train.items[i],
                     *found = bsearch(p, sorted, held->n, sizeof *sorted, compare_prompt);
    if (found)
      status = sl_fail(err, SL_ERR_INPUT,
                       "%s: the prompt '%.80s' is a training problem of %s and held out by %s",
                       file, p->question, p->category, found->category);
  }
  free(sorted);
  return status;
}

static char *folder_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
}

sl_status sl_task_mixture(sl_task_lists *out, sl_text_pool *pool, const sl_task_options *options,
                          sl_error *err) {
  const char *file = options->train;
  if (!file || !*file)
    return sl_fail(err, SL_ERR_USAGE, "task mixture: needs a file of parts (task.train)");
  collector c = {out, pool, options, folder_of(file)};
  sl_status status = c.folder ? sl_json_lines(file, collect, &c, err)
                              : sl_fail(err, SL_ERR_MEMORY, "no memory for a mixture");
  free(c.folder);
  if (!status && out->n_parts == 0)
    status = sl_fail(
        err, SL_ERR_INPUT,
        "%s: no parts; expected lines of {\"task\": ..., \"share\": ..., \"train\": ...}", file);
  return status ? status : check_apart(out, file, err);
}
