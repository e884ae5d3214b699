/* sluice sample MODEL PROMPT...: completions of prompts; with --chat, answers in a conversation. */
#include "kernels/support/cli.h"
#include "sample.h"
#include "trainer/files/companions.h"
#include "trainer/files/conversation.h"
#include "trainer/files/end_tokens.h"
#include "trainer/files/file.h"
#include "trainer/files/json_text.h"
#include "trainer/run/run_files.h"
#include "trainer/run/run_template.h"

#include <jansson.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NEW ((size_t)16) /* the default */

typedef sl_sample_options options;

static void add_stop(options *o, const char *text, struct argp_state *state) {
  if (!*text) argp_error(state, "--stop: an empty text stops nothing");
  if (o->stops.n == SL_STOPS_MAX) argp_error(state, "at most %d --stop", SL_STOPS_MAX);
  o->stops.texts[o->stops.n++] = text;
}

static void check(const options *o, struct argp_state *state) {
  if (o->chat ? o->n_words != 1 : o->n_words < 2)
    argp_error(state, o->chat ? "--chat reads turns from standard input: a model alone is needed"
                              : "a model and at least one prompt are needed");
  if (o->chat && (o->conversation || o->count != 1))
    argp_error(state, "--chat goes with neither --conversation nor --count");
  if (!o->template && !o->chat && (o->sets.n || o->conversation))
    argp_error(state, "--conversation and --set go with --template or --chat");
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &o->backend;
      state->child_inputs[1] = &o->sets;
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
    case 'x':
      add_stop(o, arg, state);
      return 0;
    case 'c':
      o->chat = 1;
      return 0;
    case 'v':
      o->conversation = 1;
      return 0;
    case 't':
      o->template = arg;
      return 0;
    case ARGP_KEY_ARG:
      if (o->n_words > SL_PROMPTS_MAX) argp_error(state, "at most %d prompts", SL_PROMPTS_MAX);
      o->words[o->n_words++] = arg;
      return 0;
    case ARGP_KEY_END:
      check(o, state);
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option rows[] = {
    {"count", 'n', "N", 0, "completions of each prompt (default 1)", 0},
    {"max-new", 'm', "N", 0,
     "longest completion in tokens (default: 16, with --chat 512, or fewer where the model has no "
     "room)",
     0},
    {"temperature", 'T', "T", 0, "0 (default) is greedy", 0},
    {"top-k", 'K', "K", 0, "sample among the K likeliest tokens; 0 (default): off", 0},
    {"top-p", 'P', "P", 0, "sample within this share of probability; 1 (default): off", 0},
    {"seed", 'S', "SEED", 0, "seed of the draws (default 1)", 0},
    {"json", 'j', NULL, 0, "one JSON object a completion, with its ids", 0},
    {"stop", 'x', "TEXT", 0, "end a completion before this text; may be given several times", 0},
    {"template", 't', "NAME", 0,
     "put prompts into this chat template (folder: MODEL's own; plain, chatml, qwen2.5, qwen3, "
     "smollm2, llama3, llama3.2, own); default: none, with --chat that of the run, or the folder's",
     0},
    {"conversation", 'v', NULL, 0,
     "with --template: a prompt is a conversation, [{\"role\": \"user\", \"content\": "
     "\"...\"}, ...]",
     0},
    {"chat", 'c', NULL, 0,
     "answer turns from standard input, a line each (with --json a JSON string each)", 0},
    {0}};
static const struct argp_child children[] = {
    {&sl_backend_argp, 0, NULL, 0}, {&sl_set_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    rows,
    parse,
    "MODEL PROMPT...\nMODEL --chat",
    "Prints completions of prompts by MODEL, a model folder or a run's folder. --set names keys of "
    "template.",
    children,
    NULL,
    NULL};

/* What a rollout's watcher needs: the text of each sequence. */
typedef struct {
  const options *o;
  const sl_tokenizer *tokenizer;
  sl_sample_text *texts;
  atomic_flag failed;
  sl_error why; /* of the first that has set the flag */
} growing;

static int watch(void *user, size_t sequence, uint32_t id) {
  growing *all = user;
  const sl_end_tokens *ends = sl_tokenizer_ends(all->tokenizer);
  for (size_t i = 0; i < ends->n; i++)
    if (ends->ids[i] == id) return 0;
  sl_error why = {SL_OK, ""};
  const int stops = sl_sample_text_put(&all->texts[sequence], id, &why);
  if (why.status && !atomic_flag_test_and_set(&all->failed)) all->why = why;
  return stops;
}

static sl_status print_completion(const options *o, const sl_rollout *r, size_t q,
                                  sl_sample_text *text, sl_error *err) {
  const char *prompt = o->words[1 + q / o->count];
  SL_TRY(sl_sample_text_end(text, err));
  const sl_completion c = sl_completion_of(r, q, text);
  if (o->json) {
    fputs("{\"prompt\":", stdout), sl_cli_json_text(stdout, prompt), putchar(',');
    sl_completion_print(&c);
  } else {
    printf("%s%s%s\n", text->out ? "" : prompt, text->out ? "" : c.text,
           c.ended || c.stop ? "" : " ...");
  }
  return SL_OK;
}

/* The prompts as the generator takes them, and which of them there is nothing to complete. */
typedef struct {
  sl_prompts p;
  size_t room; /* of p.ids */
  unsigned char bad[SL_PROMPTS_MAX];
  size_t n_bad, longest;
} batch;

static sl_status put_ids(batch *b, size_t i, const uint32_t *ids, size_t n, sl_error *err) {
  const size_t used = b->p.offset[i];
  if (used + n > b->room) {
    const size_t room = 2 * (used + n);
    uint32_t *grown = room < UINT32_MAX / 2 ? realloc(b->p.ids, room * sizeof *grown) : NULL;
    if (!grown) return sl_fail(err, SL_ERR_MEMORY, "no memory for prompts");
    b->p.ids = grown, b->room = room;
  }
  memcpy(b->p.ids + used, ids, n * sizeof *ids);
  b->p.offset[i + 1] = (uint32_t)(used + n);
  return SL_OK;
}

/* A conversation as JSON; *ids stay the tokenizer's. */
static sl_status encode_conversation(const sl_session *s, const char *text, const uint32_t **ids,
                                     size_t *n, sl_error *err) {
  json_error_t bad;
  sl_turn *turns = NULL;
  size_t count;
  json_t *value;
  sl_status status =
      sl_json_load(&value, "JSON", text, strlen(text), JSON_DECODE_ANY | JSON_ALLOW_NUL, &bad, err);
  if (status == SL_ERR_INPUT) sl_fail(err, status, "%s", bad.text);
  if (!status) status = sl_conversation_read(&turns, &count, value, err);
  if (!status) status = sl_tokenizer_encode_chat(s->tokenizer, turns, count, ids, n, err);
  free(turns);
  json_decref(value);
  return status;
}

/* Prompt i as ids; SL_ERR_INPUT if it is empty or has a character that the model does not know,
 * SL_ERR_USAGE if it is longer than the model. */
static sl_status encode_prompt(const options *o, const sl_session *s, size_t i, batch *b,
                               sl_error *err) {
  const char *text = o->words[1 + i];
  const size_t positions = sl_model_positions(&s->parameters.layout->shape);
  char where[32];
  size_t n = 0;
  const uint32_t *ids = NULL;
  uint32_t *own = NULL;
  sl_error inner;
  snprintf(where, sizeof where, "prompt %zu", i + 1);
  if (o->conversation) {
    if (encode_conversation(s, text, &ids, &n, &inner))
      return sl_fail(err, inner.status, "%s: %s", where, inner.message);
  } else {
    SL_TRY(sl_tokenizer_encode_prompt(s->tokenizer, where, text, strlen(text), NULL, 0, &n, err));
    ids = own = malloc((n ? n : 1) * sizeof *own);
    if (!own) return sl_fail(err, SL_ERR_MEMORY, "no memory for prompts");
    SL_TRY(sl_tokenizer_encode_prompt(s->tokenizer, where, text, strlen(text), own, n, &n, err));
  }
  const size_t wanted = o->max_new ? o->max_new : 1;
  sl_status status = SL_OK;
  if (n == 0)
    status = sl_fail(err, SL_ERR_INPUT, "%s is empty", where);
  else if (wanted > positions || n > positions - wanted)
    status = sl_fail(err, SL_ERR_USAGE,
                     "%s: %zu tokens and %zu new ones exceed the model's %zu positions", where, n,
                     wanted, positions);
  else
    status = put_ids(b, i, ids, n, err);
  free(own);
  return status;
}

/* A prompt that cannot be completed is reported and passed over. The end token stands in its place,
 * so that the others keep their numbers, and with them their draws (spec N5.5). */
static sl_status encode_prompts(const options *o, const sl_session *s, batch *b, int *code,
                                sl_error *err) {
  const size_t n = (size_t)o->n_words - 1;
  b->p.n = n;
  b->p.offset = calloc(n + 1, sizeof *b->p.offset);
  if (!b->p.offset) return sl_fail(err, SL_ERR_MEMORY, "no memory for prompts");
  for (size_t i = 0; i < n; i++) {
    sl_error bad;
    if (encode_prompt(o, s, i, b, &bad) != SL_OK) {
      *code = sl_cli_fail("sluice sample", &bad);
      b->bad[i] = 1, b->n_bad++;
      SL_TRY(put_ids(b, i, sl_tokenizer_ends(s->tokenizer)->ids, 1, err));
    }
    const size_t count = b->p.offset[i + 1] - b->p.offset[i];
    if (!b->bad[i] && count > b->longest) b->longest = count;
  }
  return SL_OK;
}

/* A completion alone is printed as it grows. */
static void begin_texts(const options *o, growing *all, size_t n) {
  const int alone = n == 1 && !o->json;
  for (size_t q = 0; q < n; q++)
    all->texts[q] = (sl_sample_text){
        .tokenizer = all->tokenizer, .stops = &o->stops, .out = alone ? stdout : NULL};
  if (alone) fputs(o->words[1], stdout);
}

static sl_status generate(const options *o, const sl_session *s, batch *b, growing *all,
                          sl_error *err) {
  const size_t left = sl_model_positions(&s->parameters.layout->shape) - b->longest;
  const size_t max_new = o->max_new ? o->max_new : left < MAX_NEW ? left : MAX_NEW;
  sl_generator *g = NULL;
  sl_rollout r = {0};
  const sl_end_tokens *ends = sl_tokenizer_ends(s->tokenizer);
  SL_TRY(sl_generator_create(&g, s->ctx, s->parameters.layout, s->parameters.data,
                             b->p.n * o->count, b->longest + max_new, o->count, err));
  sl_generator_set_ends(g, ends->ids, ends->n);
  sl_generator_set_watch(g, watch, all);
  begin_texts(o, all, b->p.n * o->count);
  sl_status status = sl_generate(g, &b->p, o->count, max_new, 0, &o->sampling, &r, err);
  if (!status && all->why.status) *err = all->why, status = err->status;
  for (size_t q = 0; !status && q < r.n; q++)
    if (!b->bad[q / o->count]) status = print_completion(o, &r, q, &all->texts[q], err);
  sl_generator_destroy(g);
  return status;
}

static sl_status complete(const options *o, const sl_session *s, batch *b, sl_error *err) {
  const size_t n = b->p.n * o->count;
  growing all = {o, s->tokenizer, calloc(n, sizeof *all.texts), ATOMIC_FLAG_INIT, {SL_OK, ""}};
  if (!all.texts) return sl_fail(err, SL_ERR_MEMORY, "no memory for completions");
  const sl_status status = generate(o, s, b, &all, err);
  for (size_t q = 0; q < n; q++) free(all.texts[q].text.bytes);
  free(all.texts);
  return status;
}

/* The configuration whose template is meant: of the run that MODEL is, else the built-in one. */
static sl_status load_config(sl_config *config, const options *o, sl_error *err) {
  char name[64];
  sl_set_options sets = o->sets;
  const int is_run = sl_path_holds(o->words[0], SL_RUN_CONFIG);
  if (sets.n == SL_SETS_MAX) return sl_fail(err, SL_ERR_USAGE, "too many --set");
  if (o->template || !is_run) {
    snprintf(name, sizeof name, "template.name=%.40s", o->template ? o->template : "folder");
    sets.items[sets.n++] = name;
  }
  char *path = is_run ? sl_path_join(o->words[0], SL_RUN_CONFIG) : NULL;
  if (is_run && !path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status status = path ? sl_config_load_recorded(config, path, sets.items, sets.n, err)
                                : sl_config_load(config, NULL, sets.items, sets.n, err);
  free(path);
  return status;
}

static sl_status set_template(const options *o, const sl_session *s, const char *folder,
                              sl_error *err) {
  sl_config config;
  SL_TRY(load_config(&config, o, err));
  const sl_status status = sl_template_apply(&config, folder, s->tokenizer, err);
  sl_config_free(&config);
  return status;
}

/* Of a chat, before somebody types a turn. */
static sl_status check_tokenizer(const options *o, const sl_session *s, sl_error *err) {
  size_t size;
  if (!s->tokenizer) {
    SL_TRY(sl_refuse_foreign_tokenizer(o->words[0], err));
    return sl_fail(err, SL_ERR_INPUT, "%s: no tokenizer of Sluice's in the folder", o->words[0]);
  }
  if (!o->chat || sl_tokenizer_json(s->tokenizer, &size)) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT,
                 "%s: a tokenizer of characters has no conversations: such a model completes "
                 "prompts, without --chat",
                 o->words[0]);
}

/* Prints completions of all prompts that have one; *code is the exit code of the last that has
 * none. */
static sl_status sample(const options *o, const sl_session *s, const char *folder, int *code,
                        sl_error *err) {
  batch b = {.longest = 1};
  char note[400];
  sl_status status = check_tokenizer(o, s, err);
  if (!status && (o->template || o->chat)) status = set_template(o, s, folder, err);
  if (!status && sl_generation_note(note, sizeof note, folder))
    fprintf(stderr, "sluice sample: note: %s\n", note);
  if (!status && o->chat) return sl_sample_chat(o, s, err);
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
  char *folder = NULL;
  int code = SL_EXIT_OK;
  sl_status status = sl_session_open(&s, o.words[0], &o.backend, &err);
  if (!status) {
    status = sl_session_find_model(&folder, o.words[0], &err);
    if (!status) status = sample(&o, &s, folder, &code, &err);
    sl_session_close(&s);
  }
  free(folder);
  return status ? sl_cli_fail(argv[0], &err) : code;
}
