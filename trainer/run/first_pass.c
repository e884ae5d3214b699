/* The first forward pass of a model that was brought (see first_pass.h). */
#include "first_pass.h"

#include "logprobs.h"
#include "kernels/support/progress.h"
#include "trainer/model/model_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "; the largest weight is NAME[i] = x", as far as the host can see the weights. */
static void name_largest(char *out, size_t size, const sl_parameters *p) {
  float *data;
  const sl_tensor_info *where = NULL;
  size_t at = 0;
  *out = 0;
  if (sl_arena_view(&data, p->ctx, p->layout, p->data, NULL)) return;
  for (size_t i = 0; i < p->layout->n_tensors; i++) {
    const sl_tensor_info *t = &p->layout->tensors[i];
    for (size_t j = 0; j < t->count; j++)
      if (!where || fabsf(data[t->offset + j]) > fabsf(data[where->offset + at])) where = t, at = j;
  }
  if (where)
    snprintf(out, size, "; the largest weight is %s[%zu] = %g", where->name, at,
             (double)data[where->offset + at]);
  sl_arena_unview(data, p->ctx);
}

typedef struct {
  const char *name;
  const uint32_t *ids;
  size_t n;
} passage;

/* A line of progress, from the third second on. */
typedef struct {
  sl_progress line;
  const char *path;
} trying;

static void show_part(void *user, size_t done, size_t parts) {
  trying *t = user;
  sl_progress_line(&t->line, "trying %s: part %zu of %zu of a forward pass", t->path, done, parts);
}

static sl_status check(sl_context *ctx, const sl_parameters *p, const passage *over,
                       float inverse_temperature, const char *path, sl_error *err) {
  sl_error why;
  char largest[160];
  trying t = {.path = path};
  sl_progress_start_delayed(&t.line, 2.0, 10.0);
  const sl_model_watch watch = {show_part, &t};
  const sl_status status = sl_model_check_forward(ctx, p->layout, p->data, over->ids, over->n,
                                                  inverse_temperature, &watch, &why);
  sl_progress_end(&t.line);
  if (status != SL_ERR_NONFINITE) {
    if (status && err) *err = why;
    return status;
  }
  name_largest(largest, sizeof largest, p);
  return sl_fail(err, SL_ERR_INPUT, "%s: the model's numbers are not finite on %s: %s%s", path,
                 over->name, why.message, largest);
}

/* How many ids of a text's beginning are tried, and how many of its end (spec L1.8). */
#define EACH_END ((size_t)32)

/* The ids of a text that are tried, one behind the other; how many. What overflows does so at any
 * place of a sequence: rotations keep lengths, attention gives a mean. */
static size_t take_ends(uint32_t out[2 * EACH_END], const uint32_t *ids, size_t n) {
  const size_t all = n < 2 * EACH_END ? n : 2 * EACH_END;
  for (size_t i = 0; i < all; i++) out[i] = ids[i < EACH_END ? i : n - all + i];
  return all;
}

const char *sl_first_pass_other_backend(const sl_context *ctx) {
  static const char *const slow[] = {"plain", "simt", "ptx"};
  for (size_t i = 0; i < sizeof slow / sizeof *slow; i++)
    if (strcmp(sl_context_backend(ctx), slow[i]) == 0) return "cpu";
  return NULL;
}

sl_status sl_first_pass_check(sl_context *ctx, const sl_parameters *parameters,
                              const sl_first_pass *over, const char *path, sl_error *err) {
  /* Of equal tokens all values are equal, at any position: two have the numbers of the longest. */
  static const uint32_t padding[2] = {0};
  const sl_task *task = over->task;
  const sl_problems *from = task->held_out.n ? &task->held_out : &task->train;
  const sl_problems first = {.items = from->items, .n = 1};
  const float inverse = over->temperature < 1.0f ? 1.0f / over->temperature : 1.0f;
  uint32_t ids[2 * EACH_END];
  sl_token_lists lists;
  sl_status status = sl_token_lists_encode(&lists, &first, over->tokenizer, err);
  if (status) return status;
  const passage passages[] = {
      {lists.seq[1] > 2 * EACH_END ? "the first and the last 32 tokens of the first problem"
                                   : "the first problem",
       ids, take_ends(ids, lists.ids, lists.seq[1])},
      {"padding", padding, 2}};
  for (size_t i = 0; !status && i < 2; i++)
    status = check(ctx, parameters, &passages[i], inverse, path, err);
  sl_token_lists_free(&lists);
  return status;
}
