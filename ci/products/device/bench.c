/* sluice-device bench: rates of the kernels as ratios to their ceilings. */
#define _DEFAULT_SOURCE /* argp */
#include "bench.h"
#include "device.h"

#include <argp.h>
#include <stdio.h>

typedef struct {
  const char *backend;
  size_t floats, shrink;
} options;

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case 'b':
      o->backend = arg;
      return 0;
    case 'f':
      o->floats = sl_device_number(arg, (size_t)1 << 32, state);
      return 0;
    case 's':
      o->shrink = sl_device_number(arg, 32, state);
      return 0;
    case ARGP_KEY_ARG:
      argp_error(state, "no argument is expected");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
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
  argp_parse(&parser, argc, argv, 0, NULL, &o);
  sl_device_bench_on on = {.floats = o.floats, .shrink = o.shrink};
  sl_error err;
  if (sl_context_create(&on.ctx, &(sl_context_options){o.backend, SL_ISA_BEST, 0}, &err))
    return sl_device_error("bench", &err);
  sl_bench_memory_bound(&on);
  sl_bench_products(&on);
  sl_bench_model(&on);
  sl_context_destroy(on.ctx);
  return on.failures ? SL_DEVICE_FAILED : SL_DEVICE_OK;
}
