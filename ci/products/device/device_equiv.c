/* sluice-device equiv: every kernel of a backend against plain, bit for bit, for a number of
 * problems or for a while (spec N1.4); a vendor's kernels within their bounds, and twice. */
#include "device_parts.h"

#include "ci/products/bench/bench_machine.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/vendor/vendor.h"

#include <argp.h>
#include "ci/products/equiv/equiv.h"
#include <stdio.h>
#include <string.h>

#define SECONDS_MAX 86400u
#define PROBLEMS_MAX ((size_t)1 << 52) /* exact as an option's number */

typedef struct {
  const char *backend;
  size_t seed, cases, seconds;
  unsigned char wanted[SL_KERNEL_COUNT];
  int some;
} options;

static void take_kernel(options *o, const char *name, struct argp_state *state) {
  for (int k = 0; k < SL_KERNEL_COUNT; k++)
    if (strcmp(name, sl_equiv_kernel_name((sl_kernel_id)k)) == 0) {
      o->wanted[k] = 1, o->some = 1;
      return;
    }
  argp_error(state, "no kernel '%s'", name);
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  const sl_option_value values[] = {{'b', "backend", .text = &o->backend},
                                    {'s', "seed", .number = &o->seed, .most = PROBLEMS_MAX},
                                    {'c', "cases", .number = &o->cases, .most = PROBLEMS_MAX},
                                    {'t', "seconds", .number = &o->seconds, .most = SECONDS_MAX}};
  if (key != ARGP_KEY_ARG)
    return sl_argp_take(values, sizeof values / sizeof *values, key, arg, state);
  take_kernel(o, arg, state);
  return 0;
}

static const struct argp_option rows[] = {
    {"backend", 'b', "NAME", 0, "the backend that must equal plain (default cuda)", 0},
    {"seed", 's', "N", 0, "the first problem of each kernel (default 1)", 0},
    {"cases", 'c', "N", 0, "problems a kernel (default 24)", 0},
    {"seconds", 't', "N", 0, "in place of a number of problems: seconds for all kernels together",
     0},
    {0}};
static const struct argp parser = {rows,
                                   parse,
                                   "[KERNEL...]",
                                   "Holds every kernel of a backend to plain, bit for bit; the "
                                   "linear layers of cublas to their bounds.",
                                   NULL,
                                   NULL,
                                   NULL};

/* Problems of one kernel until the first that differs, `cases` are done, or the time is up (but one
 * is done always). */
static int check_kernel(sl_kernel_id kernel, const options *o, double seconds, sl_context *golden,
                        sl_context *ctx) {
  const char *name = sl_equiv_kernel_name(kernel);
  const double begin = sl_bench_now();
  size_t done = 0, said = 0;
  while (o->seconds ? done == 0 || sl_bench_now() - begin < seconds : done < o->cases) {
    sl_equiv_trial *trial;
    sl_error err;
    sl_status status = sl_equiv_begin(&trial, kernel, o->seed + done, golden, &err);
    if (!status) {
      status = sl_equiv_check(trial, ctx, &err);
      said += (size_t)sl_equiv_says_something(trial);
      sl_equiv_end(trial);
    }
    if (status) {
      printf(
          "%-20s DIFFERS: %s\n%20s replay: sluice-device equiv --backend %s --seed %zu --cases 1 "
          "%s\n",
          name, err.message, "", o->backend, o->seed + done, name);
      return 0;
    }
    done++;
  }
  printf("%-20s %6zu problems (%zu with an output that is not 0): %s\n", name, done, said,
         sl_vendor_bounded(ctx, kernel) ? "within the bound of any order, twice the same"
                                        : "the bits of plain");
  fflush(stdout);
  return 1;
}

static int check_all(const options *o, sl_context *golden, sl_context *ctx) {
  int kernels = 0, right = 0, bounded = 0;
  for (int k = 0; k < SL_KERNEL_COUNT; k++) kernels += !o->some || o->wanted[k];
  for (int k = 0; k < SL_KERNEL_COUNT; k++) {
    if (o->some && !o->wanted[k]) continue;
    const int passed = check_kernel((sl_kernel_id)k, o, (double)o->seconds / kernels, golden, ctx);
    right += passed, bounded += passed && sl_vendor_bounded(ctx, (sl_kernel_id)k);
  }
  printf("%d of %d kernels have the bits of plain on %s", right - bounded, kernels,
         sl_context_backend(ctx));
  if (bounded) printf(", %d are within the vendor's bounds", bounded);
  printf("\n");
  return right == kernels ? SL_EXIT_OK : SL_EXIT_FAILED;
}

int sl_device_equiv(int argc, char **argv) {
  options o = {.backend = "cuda", .seed = 1, .cases = 24};
  sl_argp_parse(&parser, argc, argv, &o);
  sl_context *golden = NULL, *ctx = NULL;
  sl_error err;
  sl_status status =
      sl_context_create(&golden, &(sl_context_options){"plain", SL_ISA_BEST, 1}, &err);
  if (!status)
    status = sl_context_create(&ctx, &(sl_context_options){o.backend, SL_ISA_BEST, 0}, &err);
  const int code = status ? sl_cli_fail("sluice-device equiv", &err) : check_all(&o, golden, ctx);
  sl_context_destroy(ctx);
  sl_context_destroy(golden);
  return code;
}
