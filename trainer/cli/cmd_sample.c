/* sluice sample MODEL PROMPT...: completions of prompts. */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "trainer/files/companions.h"
#include "trainer/run/model_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROMPTS_MAX 256
#define MAX_NEW ((size_t)16) /* the default */

typedef struct {
  sl_backend_options backend;
  const char *words[PROMPTS_MAX + 1];
  int n_words, json;
  size_t count, max_new; /* max_new 0: not given */
  sl_sampling sampling;
} options;

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &o->backend;
      return 0;
    case 'n':
      o->count = (size_t)sl_argp_integer(state, "count", arg, 1, 10000);
      return 0;
    case 'm':
      o->max_new = (size_t)sl_argp_integer(state, "max-new", arg, 1, 100000);
      return 0;
    case 'T':
      o->sampling.temperature = (float)sl_argp_number(state, "temperature", arg, 0, 100);
      return 0;
    case 'K':
      o->sampling.top_k = (uint32_t)sl_argp_integer(state, "top-k", arg, 0, 4294967295.0);
      return 0;
    case 'P':
      o->sampling.top_p = sl_argp_number(state, "top-p", arg, 1e-6, 1);
      return 0;
    case 'S':
      o->sampling.seed = (uint64_t)sl_argp_integer(state, "seed", arg, 0, 9007199254740992.0);
      return 0;
    case 'j':
      o->json = 1;
      return 0;
    case ARGP_KEY_ARG:
      if (o->n_words > PROMPTS_MAX) argp_error(state, "at most %d prompts", PROMPTS_MAX);
      o->words[o->n_words++] = arg;
      return 0;
    case ARGP_KEY_END:
      if (o->n_words < 2) argp_error(state, "a model and at least one prompt are needed");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option rows[] = {
    {"count", 'n', "N", 0, "completions of each prompt (default 1)", 0},
    {"max-new", 'm', "N", 0,
     "longest completion in tokens (default: 16, or fewer where the model has no room)", 0},
    {"temperature", 'T', "T", 0, "0 (default) is greedy", 0},
    {"top-k", 'K', "K", 0, "sample among the K likeliest tokens; 0 (default): off", 0},
    {"top-p", 'P', "P", 0, "sample within this share of probability; 1 (default): off", 0},
    {"seed", 'S', "SEED", 0, "seed of the draws (default 1)", 0},
    {"json", 'j', NULL, 0, "one JSON object a completion", 0},
    {0}};
static const struct argp_child children[] = {{&sl_backend_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    rows,
    parse,
    "MODEL PROMPT...",
    "Prints completions of prompts by MODEL, a model folder or a run's folder.",
    children,
    NULL,
    NULL};

/* What was drawn, the end token included: a text alone may not say which ids it is of. */
static void print_ids(const uint32_t *ids, size_t n) {
  fputs(",\"ids\":[", stdout);
  for (size_t i = 0; i < n; i++) printf("%s%u", i ? "," : "", ids[i]);
  fputs("]", stdout);
}

static sl_status print_completion(const options *o, const sl_session *s, const sl_rollout *r,
                                  size_t q, sl_error *err) {
  const char *prompt = o->words[1 + q / o->count];
  const size_t first = r->seq[q] + r->prompt_length[q], n = r->seq[q + 1] - first;
  double logp = 0.0;
  for (size_t i = first - 1; i < first + n - 1; i++) logp += (double)r->logp[i];
  char *text;
  const sl_status status = sl_tokenizer_decode(s->tokenizer, r->ids + first, n, &text, err);
  if (status) return status;
  if (o->json) {
    fputs("{\"prompt\":", stdout), sl_cli_json_text(stdout, prompt);
    fputs(",\"completion\":", stdout), sl_cli_json_text(stdout, text);
    print_ids(r->ids + first, n);
    printf(",\"ended\":%s,\"logprob\":%.9g}\n", r->ended[q] ? "true" : "false", logp);
  } else {
    printf("%s%s%s\n", prompt, text, r->ended[q] ? "" : " ...");
  }
  free(text);
  return SL_OK;
}

/* The prompts as the generator takes them, and which of them there is nothing to complete. */
typedef struct {
  sl_prompts p;
  unsigned char bad[PROMPTS_MAX];
  size_t n_bad, longest;
} batch;

/* Prompt i as ids, which have room for its bytes and 8; SL_ERR_INPUT if it is empty or
 * has a character that the model does not know, SL_ERR_USAGE if it is longer than the model. */
static sl_status encode_prompt(const options *o, const sl_session *s, size_t i, uint32_t *ids,
                               size_t *count, sl_error *err) {
  const char *text = o->words[1 + i];
  const size_t positions = sl_model_positions(&s->parameters.layout->shape);
  char where[32];
  snprintf(where, sizeof where, "prompt %zu", i + 1);
  const size_t room = strlen(text) + 8;
  const sl_status status =
      sl_tokenizer_encode_prompt(s->tokenizer, where, text, strlen(text), ids, room, count, err);
  if (status) return status;
  if (*count == 0) return sl_fail(err, SL_ERR_INPUT, "%s is empty", where);
  const size_t wanted = o->max_new ? o->max_new : 1;
  if (wanted <= positions && *count <= positions - wanted) return SL_OK;
  return sl_fail(err, SL_ERR_USAGE,
                 "%s: %zu tokens and %zu new ones exceed the model's %zu positions", where, *count,
                 wanted, positions);
}

/* A prompt that cannot be completed is reported and passed over. The end token stands in its place,
 * so that the others keep their numbers, and with them their draws (spec N5.5). */
static sl_status encode_prompts(const options *o, const sl_session *s, batch *b, int *code,
                                sl_error *err) {
  const size_t n = (size_t)o->n_words - 1;
  size_t room = n * 8;
  for (size_t i = 0; i < n; i++) room += strlen(o->words[1 + i]);
  b->p.n = n;
  b->p.offset = calloc(n + 1, sizeof *b->p.offset);
  b->p.ids = calloc(room, sizeof *b->p.ids);
  if (!b->p.offset || !b->p.ids) return sl_fail(err, SL_ERR_MEMORY, "no memory for prompts");
  for (size_t i = 0; i < n; i++) {
    size_t count = 0;
    sl_error bad;
    uint32_t *ids = b->p.ids + b->p.offset[i];
    if (encode_prompt(o, s, i, ids, &count, &bad) != SL_OK) {
      *code = sl_cli_fail("sluice sample", &bad);
      b->bad[i] = 1, b->n_bad++;
      ids[0] = sl_tokenizer_ends(s->tokenizer)->ids[0], count = 1;
    } else if (count > b->longest) {
      b->longest = count;
    }
    b->p.offset[i + 1] = b->p.offset[i] + (uint32_t)count;
  }
  return SL_OK;
}

static sl_status complete(const options *o, const sl_session *s, batch *b, sl_error *err) {
  const size_t left = sl_model_positions(&s->parameters.layout->shape) - b->longest;
  const size_t max_new = o->max_new ? o->max_new : left < MAX_NEW ? left : MAX_NEW;
  sl_generator *g = NULL;
  sl_rollout r = {0};
  sl_status status = sl_generator_create(&g, s->ctx, s->parameters.layout, s->parameters.data,
                                         b->p.n * o->count, b->longest + max_new, err);
  const sl_end_tokens *ends = sl_tokenizer_ends(s->tokenizer);
  if (!status) sl_generator_set_ends(g, ends->ids, ends->n);
  if (!status) status = sl_generate(g, &b->p, o->count, max_new, 0, &o->sampling, &r, err);
  for (size_t q = 0; !status && q < r.n; q++)
    if (!b->bad[q / o->count]) status = print_completion(o, s, &r, q, err);
  sl_generator_destroy(g);
  return status;
}

/* Prints completions of all prompts that have one; *code is the exit code of the last that has
 * none. */
static sl_status sample(const options *o, const sl_session *s, int *code, sl_error *err) {
  batch b = {.longest = 1};
  sl_status status = SL_OK;
  if (!s->tokenizer) status = sl_refuse_foreign_tokenizer(o->words[0], err);
  if (!status && !s->tokenizer)
    status = sl_fail(err, SL_ERR_INPUT, "%s: no tokenizer of Sluice's in the folder", o->words[0]);
  if (!status) status = encode_prompts(o, s, &b, code, err);
  if (!status && b.n_bad < b.p.n) status = complete(o, s, &b, err);
  free(b.p.offset), free(b.p.ids);
  return status;
}

sl_command sl_cmd_sample;
int sl_cmd_sample(int argc, char **argv) {
  options o = {.count = 1, .sampling = {.top_p = 1.0, .seed = 1}};
  sl_argp_parse(&parser, argc, argv, &o);
  sl_error err;
  sl_session s;
  int code = SL_EXIT_OK;
  sl_status status = sl_session_open(&s, o.words[0], &o.backend, &err);
  if (!status) {
    status = sample(&o, &s, &code, &err);
    sl_session_close(&s);
  }
  return status ? sl_cli_fail(argv[0], &err) : code;
}
