/* sluice bench WHAT: ratios measured side by side on this machine. */
#include "bench.h"
#include "step_speed.h"

#include "kernels/core/nearest.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"

#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *name, *summary;
  sl_status (*run)(const sl_context_options *context, const sl_bench_options *options,
                   sl_error *err);
} bench;

static const bench benches[] = {
#define SL_BENCH(name, summary) {#name, summary, sl_bench_##name},
#include "bench.def"
#undef SL_BENCH
};
#define BENCH_COUNT (sizeof benches / sizeof *benches)

typedef struct {
  sl_backend_options backend;
  const bench *what;
  sl_bench_options bench;
} options;

enum { SHAPES_MAX = 8 };

static const sl_step_kind *find_shape(const char *name, struct argp_state *state) {
  const sl_step_kind *kinds;
  const char *names[SHAPES_MAX];
  const size_t n = sl_step_kinds(&kinds);
  for (size_t i = 0; i < n; i++) names[i] = kinds[i].name;
  return &kinds[sl_argp_word(state, "shape", name, names, n)];
}

static const bench *find_bench(const char *name, struct argp_state *state) {
  char meant[SL_MEANT], list[200] = "";
  size_t used = 0;
  sl_nearest nearest = {.word = name, .length = strlen(name)};
  for (size_t i = 0; i < BENCH_COUNT; i++) {
    if (strcmp(name, benches[i].name) == 0) return &benches[i];
    sl_nearest_offer(&nearest, benches[i].name);
    used += (size_t)snprintf(list + used, used < sizeof list ? sizeof list - used : 0, "%s%s",
                             i ? ", " : "", benches[i].name);
  }
  argp_error(state, "no bench '%s': expected one of %s%s", name, list,
             sl_nearest_meant(meant, &nearest));
  return NULL;
}

/* An option that is of other benches than the one that was chosen. */
static void check_places(const options *o, struct argp_state *state) {
  const sl_bench_options *b = &o->bench;
  const struct {
    int given;
    const char *options, *benches;
  } places[] = {
      {b->shape != NULL, "--shape is", "step and rollout"},
      {b->tokens > 0, "--tokens is", "step"},
      {b->rounds > 0, "--rounds is", "kernels"},
      {b->slots || b->group || b->prompt || b->new_tokens,
       "--slots, --group, --prompt and --new are", "rollout"},
      {b->on_request, "--on-request is", "peak, rollout and step"},
  };
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (places[i].given && !strstr(places[i].benches, o->what->name))
      argp_error(state, "%s of %s", places[i].options, places[i].benches);
}

enum { SLOTS_KEY = 0x100, GROUP_KEY, PROMPT_KEY, NEW_KEY, ON_REQUEST_KEY };

static size_t number(struct argp_state *state, const char *name, const char *arg, size_t low,
                     size_t high) {
  return (size_t)sl_argp_integer(state, name, arg, (double)low, (double)high);
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &o->backend;
      return 0;
    case 'j':
      o->bench.json = 1;
      return 0;
    case 's':
      o->bench.shape = find_shape(arg, state);
      return 0;
    case 'n':
      o->bench.tokens = number(state, "tokens", arg, 2, SL_STEP_TOKENS_MAX);
      return 0;
    case 'r':
      o->bench.rounds = number(state, "rounds", arg, 1, SL_BENCH_ROUNDS_MAX);
      return 0;
    case SLOTS_KEY:
      o->bench.slots = number(state, "slots", arg, 1, SL_BENCH_SLOTS_MAX);
      return 0;
    case GROUP_KEY:
      o->bench.group = number(state, "group", arg, 1, SL_BENCH_SLOTS_MAX);
      return 0;
    case PROMPT_KEY:
      o->bench.prompt = number(state, "prompt", arg, 1, SL_POSITIONS_MAX);
      return 0;
    case NEW_KEY:
      o->bench.new_tokens = number(state, "new", arg, 1, SL_POSITIONS_MAX);
      return 0;
    case ON_REQUEST_KEY:
      o->bench.on_request = 1;
      return 0;
    case ARGP_KEY_ARG:
      if (o->what) argp_error(state, "one bench at a time: '%s' is too much", arg);
      o->what = find_bench(arg, state);
      return 0;
    case ARGP_KEY_END:
      if (!o->what) argp_error(state, "what to measure is missing");
      check_places(o, state);
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

/* The list of benches, behind the options. */
static char *list_benches(int key, const char *text, void *input) {
  (void)input;
  if (key != ARGP_KEY_HELP_POST_DOC) return (char *)(uintptr_t)text;
  static char list[2048];
  size_t n = (size_t)snprintf(list, sizeof list, "Benches:\n");
  for (size_t i = 0; i < BENCH_COUNT && n < sizeof list; i++)
    n += (size_t)snprintf(list + n, sizeof list - n, "  %-12s %s\n", benches[i].name,
                          benches[i].summary);
  return strdup(list);
}

static const struct argp_option rows[] = {
    {"rounds", 'r', "N", 0, "of kernels: rounds of which medians are taken (default 7)", 0},
    {"json", 'j', NULL, 0, "results as JSON lines", 0},
    {"shape", 's', "NAME", 0,
     "of step and rollout: small (default: hidden 512, 8 layers), tiny (128, 4), demo, "
     "smollm2-135m or qwen2.5-0.5b",
     0},
    {"tokens", 'n', "N", 0, "of step: tokens (default 2048)", 0},
    {"slots", SLOTS_KEY, "N", 0, "of rollout: completions at a time (default 32)", 0},
    {"group", GROUP_KEY, "N", 0, "of rollout: completions of each prompt (default 1)", 0},
    {"prompt", PROMPT_KEY, "N", 0, "of rollout: tokens of a prompt (default 32)", 0},
    {"new", NEW_KEY, "N", 0, "of rollout: tokens of a completion (default 32)", 0},
    {"on-request", ON_REQUEST_KEY, NULL, 0,
     "of peak, rollout and step: a JSON line, then one measurement for each line on standard "
     "input, so that another program takes turns with this one",
     0},
    {0}};
static const struct argp_child children[] = {{&sl_backend_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    rows,     parse,
    "WHAT",   "Measures kernels side by side with what they are compared to.\v",
    children, list_benches,
    NULL};

sl_command sl_cmd_bench;
int sl_cmd_bench(int argc, char **argv) {
  options o = {0};
  sl_argp_parse(&parser, argc, argv, &o);
  const sl_context_options context = {
      .backend = o.backend.backend, .isa = o.backend.isa, .threads = o.backend.threads};
  sl_error err;
  return o.what->run(&context, &o.bench, &err) ? sl_cli_fail(argv[0], &err) : SL_EXIT_OK;
}
