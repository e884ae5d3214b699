/* sluice-device bench: rates of the kernels as ratios to their ceilings. */
#include "device_bench.h"
#include "device_parts.h"

#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"

#include <argp.h>
#include <stdio.h>

typedef struct {
  const char *backend;
  size_t floats, shrink;
} options;

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  const sl_option_value values[] = {{'b', "backend", .text = &o->backend},
                                    {'f', "floats", .number = &o->floats, .most = (size_t)1 << 32},
                                    {'s', "shrink", .number = &o->shrink, .most = 32}};
  return sl_argp_take(values, sizeof values / sizeof *values, key, arg, state);
}

static const struct argp_option rows[] = {
    {"backend", 'b', "NAME", 0, "the backend that is measured (default cuda)", 0},
    {"floats", 'f', "N", 0, "elements of an array of a memory-bound kernel (default 2^26)", 0},
    {"shrink", 's', "N", 0,
     "divides the sizes of products, so that a trial run is short (default 1)", 0},
    {0}};
static const struct argp parser = {
    rows, parse, NULL, "Measures kernels in turns with their ceilings.", NULL, NULL, NULL};

int sl_device_bench(int argc, char **argv) {
  options o = {.backend = "cuda", .floats = (size_t)1 << 26, .shrink = 1};
  sl_argp_parse(&parser, argc, argv, &o);
  sl_device_bench_on on = {.floats = o.floats, .shrink = o.shrink};
  sl_error err;
  if (sl_context_create(&on.ctx, &(sl_context_options){.backend = o.backend}, &err))
    return sl_cli_fail("sluice-device bench", &err);
  sl_bench_memory_bound(&on);
  sl_bench_products(&on);
  sl_bench_model(&on);
  sl_context_destroy(on.ctx);
  return on.failures ? SL_EXIT_FAILED : SL_EXIT_OK;
}
