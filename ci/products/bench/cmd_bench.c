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

enum { SHAPES = 2 };
static const char *const shapes[SHAPES] = {"small", "qwen2.5-0.5b"};

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
      o->bench.shape =
          sl_step_kind_named(shapes[sl_argp_word(state, "shape", arg, shapes, SHAPES)]);
      return 0;
    case 'n':
      o->bench.tokens =
          (size_t)sl_argp_integer(state, "tokens", arg, 2, (double)SL_STEP_TOKENS_MAX);
      return 0;
    case 'r':
      o->bench.rounds = (size_t)sl_argp_integer(state, "rounds", arg, 1, SL_BENCH_ROUNDS_MAX);
      return 0;
    case ARGP_KEY_ARG:
      if (o->what) argp_error(state, "one bench at a time: '%s' is too much", arg);
      o->what = find_bench(arg, state);
      return 0;
    case ARGP_KEY_END:
      if (!o->what)
        argp_error(state, "what to measure is missing");
      else if ((o->bench.shape || o->bench.tokens) && strcmp(o->what->name, "step") != 0)
        argp_error(state, "--shape and --tokens are of 'step'");
      else if (o->bench.rounds && strcmp(o->what->name, "kernels") != 0)
        argp_error(state, "--rounds is of 'kernels'");
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
    {"shape", 's', "NAME", 0, "of step: small (default: hidden 512, 8 layers) or qwen2.5-0.5b", 0},
    {"tokens", 'n', "N", 0, "of step: tokens (default 2048)", 0},
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
  const sl_context_options context = {o.backend.backend, o.backend.isa, o.backend.threads};
  sl_error err;
  return o.what->run(&context, &o.bench, &err) ? sl_cli_fail(argv[0], &err) : SL_EXIT_OK;
}
