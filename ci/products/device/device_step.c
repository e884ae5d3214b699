/* sluice-device step: a training step, which PyTorch does too (bench_torch.py). */
#include "device_parts.h"

#include "ci/products/bench/step_speed.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"

#include <argp.h>

typedef struct {
  const char *backend;
  const sl_step_kind *kind;
  size_t tokens;
} options;

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  const sl_option_value values[] = {
      {'b', "backend", .text = &o->backend},
      {'n', "tokens", .number = &o->tokens, .most = SL_STEP_TOKENS_MAX}};
  if (key != 's') return sl_argp_take(values, sizeof values / sizeof *values, key, arg, state);
  o->kind = sl_step_kind_named(arg);
  if (!o->kind) argp_error(state, "no shape '%s': see --help", arg);
  return 0;
}

static const struct argp_option rows[] = {
    {"backend", 'b', "NAME", 0, "the backend that is measured (default cuda)", 0},
    {"shape", 's', "NAME", 0,
     "small (default: hidden 512, 8 layers), tiny (128, 4), demo, smollm2-135m or qwen2.5-0.5b", 0},
    {"tokens", 'n', "N", 0, "tokens of a step (default 2048)", 0},
    {0}};
static const struct argp parser = {
    rows, parse, NULL, "Times a training step beside the matrix product alone.", NULL, NULL, NULL};

int sl_device_step(int argc, char **argv) {
  options o = {.backend = "cuda"};
  const sl_step_kind *kinds;
  sl_step_kinds(&kinds);
  sl_argp_parse(&parser, argc, argv, &o);
  sl_error err;
  const sl_context_options context = {.backend = o.backend};
  return sl_step_speed(&context, o.kind ? o.kind : kinds, o.tokens, SL_STEP_TEXT, &err)
             ? sl_cli_fail("sluice-device step", &err)
             : SL_EXIT_OK;
}
