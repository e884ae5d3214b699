/* Log-probs of given token sequences, as JSON lines (spec F4.6). */
#include "logprobs.h"

#include "trainer/files/json.h"
#include "trainer/model/sequence.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void sl_token_lists_free(sl_token_lists *lists) {
  free(lists->seq);
  free(lists->ids);
  memset(lists, 0, sizeof *lists);
}

/* Appends one list of n ids. */
static sl_status append(sl_token_lists *l, const uint32_t *ids, size_t n, sl_error *err) {
  const size_t have = l->n ? l->seq[l->n] : 0;
  uint32_t *seq = realloc(l->seq, (l->n + 2) * sizeof *seq);
  if (seq) l->seq = seq;
  uint32_t *all = realloc(l->ids, (have + n + 1) * sizeof *all);
  if (all) l->ids = all;
  if (!seq || !all || have + n > UINT32_MAX / 2)
    return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu tokens", have + n);
  memcpy(l->ids + have, ids, n * sizeof *ids);
  l->seq[0] = 0;
  l->seq[++l->n] = (uint32_t)(have + n);
  return SL_OK;
}

typedef struct {
  sl_token_lists *lists;
  size_t vocab, max;
} reader;

static sl_status read_line(const sl_json *line, void *user, sl_error *err) {
  const reader *r = user;
  const json_t *tokens = json_object_get(line->root, "tokens");
  const size_t n = json_array_size(tokens);
  char wanted[64], what[SL_JSON_DESCRIPTION];
  snprintf(wanted, sizeof wanted, "an array of 2 to %zu token ids", r->max);
  if (!json_is_array(tokens)) return sl_json_expected(line, "tokens", err, wanted, tokens);
  if (n < 2 || n > r->max)
    return sl_json_fail(line, "tokens", err, "expected %s, found %zu", wanted, n);
  uint32_t *ids = malloc(n * sizeof *ids);
  if (!ids) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu tokens", n);
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < n; i++) {
    const json_t *id = json_array_get(tokens, i);
    if (!json_is_integer(id) || json_integer_value(id) < 0 ||
        (size_t)json_integer_value(id) >= r->vocab) {
      sl_json_describe(what, id);
      status = sl_json_fail(line, "tokens", err, "tokens[%zu]: expected an id below %zu, found %s",
                            i, r->vocab, what);
    } else {
      ids[i] = (uint32_t)json_integer_value(id);
    }
  }
  if (!status) status = append(r->lists, ids, n, err);
  free(ids);
  return status;
}

sl_status sl_token_lists_read(sl_token_lists *out, const char *path, size_t vocab, size_t max,
                              sl_error *err) {
  sl_token_lists lists = {0};
  reader r = {&lists, vocab, max};
  const sl_status status = sl_json_lines(path, read_line, &r, err);
  if (status)
    sl_token_lists_free(&lists);
  else
    *out = lists;
  return status;
}

/* Appends a problem's prompt, answer and end token. */
static sl_status append_problem(sl_token_lists *lists, const sl_problem *p,
                                const sl_tokenizer *tokenizer, sl_error *err) {
  size_t n;
  SL_TRY(sl_problem_encode_training(p, tokenizer, NULL, NULL, 0, &n, err));
  uint32_t *ids = malloc(n * sizeof *ids);
  uint8_t *counted = malloc(n);
  sl_status status = ids && counted
                         ? sl_problem_encode_training(p, tokenizer, ids, counted, n, &n, err)
                         : sl_fail(err, SL_ERR_MEMORY, "no memory for %zu tokens", n);
  if (!status) status = append(lists, ids, n, err);
  free(ids);
  free(counted);
  return status;
}

sl_status sl_token_lists_encode(sl_token_lists *out, const sl_problems *problems,
                                const sl_tokenizer *tokenizer, sl_error *err) {
  sl_token_lists lists = {0};
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < problems->n; i++)
    status = append_problem(&lists, &problems->items[i], tokenizer, err);
  if (status)
    sl_token_lists_free(&lists);
  else
    *out = lists;
  return status;
}

/* The index of the first log-prob that is not finite; n - 1 if all are. */
static size_t first_bad(const float *logp, size_t n) {
  size_t i = 0;
  while (i + 1 < n && isfinite(logp[i])) i++;
  return i;
}

static void print_list(FILE *out, const uint32_t *ids, const float *logp, size_t n) {
  fputs("{\"tokens\":[", out);
  for (size_t i = 0; i < n; i++) fprintf(out, "%s%u", i ? "," : "", ids[i]);
  fputs("],\"logprobs\":[", out);
  for (size_t i = 0; i + 1 < n; i++) fprintf(out, "%s%.9g", i ? "," : "", (double)logp[i]);
  fputs("]}\n", out);
}

/* One sequence at a time: its bits do not depend on its neighbours, and speed does not matter here.
 */
sl_status sl_logprobs_write(const sl_session *s, const sl_token_lists *lists, FILE *out,
                            sl_error *err) {
  size_t longest = 1;
  for (size_t i = 0; i < lists->n; i++)
    if (lists->seq[i + 1] - lists->seq[i] > longest) longest = lists->seq[i + 1] - lists->seq[i];
  sl_model *m = NULL;
  sl_sequence one = {0};
  sl_status status = sl_model_create(&m, s->ctx, s->parameters.layout, s->parameters.data, longest,
                                     SL_MODEL_FORWARD, err);
  if (!status) status = sl_sequence_create(&one, s->ctx, longest, err);
  if (!status && sl_model_pack(m))
    status =
        sl_fail(err, sl_context_error(s->ctx)->status, "%s", sl_context_error(s->ctx)->message);
  for (size_t i = 0; !status && i < lists->n; i++) {
    const uint32_t *ids = lists->ids + lists->seq[i];
    const size_t n = lists->seq[i + 1] - lists->seq[i];
    if (sl_sequence_forward(&one, m, ids, n, 1.0f))
      status = sl_fail(err, sl_context_error(s->ctx)->status, "sequence[%zu]: %s", i,
                       sl_context_error(s->ctx)->message);
    else if (n > 0 && first_bad(one.logp, n) + 1 < n)
      status = sl_fail(err, SL_ERR_NONFINITE, "sequence[%zu]: the log-prob of token[%zu] is %g", i,
                       first_bad(one.logp, n) + 1, (double)one.logp[first_bad(one.logp, n)]);
    else
      print_list(out, ids, one.logp, n);
  }
  sl_sequence_free(&one);
  sl_model_destroy(m);
  return status;
}
