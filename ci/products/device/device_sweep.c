/* sluice-device sweep FILE: the digests of the functions on the device against those that the file
 * records (spec N2.3, F5.2). */
#define _DEFAULT_SOURCE /* argp */
#include "device_parts.h"
#include "sweep_device.h"

#include "ci/products/bench/bench_machine.h"
#include "ci/products/bench/function_name.h"
#include "ci/products/sweep/function_vectors.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>

static error_t parse(int key, char *arg, struct argp_state *state) {
  const char **path = state->input;
  if (key == ARGP_KEY_NO_ARGS)
    argp_error(state, "the file of digests is missing (spec/vectors/functions.txt)");
  if (key != ARGP_KEY_ARG) return ARGP_ERR_UNKNOWN;
  if (*path) argp_error(state, "one file is enough");
  *path = arg;
  return 0;
}

static const struct argp parser = {
    NULL, parse, "FILE", "Sweeps every function over all 2^32 inputs on the device.",
    NULL, NULL,  NULL};

static sl_status check(sl_function_id f, const sl_sweep_vectors *v, const char *path, int *right,
                       sl_error *err) {
  const double begin = sl_bench_now();
  const char *name = sl_function_name(f);
  uint64_t got[2];
  const sl_status status = sl_sweep_on_device(f, got, err);
  if (status) return status;
  printf("%-9s %016" PRIx64 "%016" PRIx64 " %7.3f s ", name, got[1], got[0],
         sl_bench_now() - begin);
  const int known = v->known[f],
            same = known && v->digest[f].low == got[0] && v->digest[f].high == got[1];
  if (same)
    printf("as recorded\n");
  else if (known)
    printf("DIFFERS: %s has %016" PRIx64 "%016" PRIx64 "\n", path, v->digest[f].high,
           v->digest[f].low);
  else
    printf("MISSING in %s\n", path);
  fflush(stdout);
  *right += same;
  return SL_OK;
}

int sl_device_sweep(int argc, char **argv) {
  const char *path = NULL;
  sl_argp_parse(&parser, argc, argv, &path);
  sl_sweep_vectors recorded;
  sl_error err;
  int right = 0;
  sl_status status = sl_sweep_vectors_read(&recorded, path, &err);
  for (int i = 0; !status && i < SL_FUNCTION_COUNT; i++)
    status = check((sl_function_id)i, &recorded, path, &right, &err);
  if (status) return sl_cli_fail("sluice-device sweep", &err);
  printf("%d of %d functions have the recorded digests\n", right, SL_FUNCTION_COUNT);
  return right == SL_FUNCTION_COUNT ? SL_EXIT_OK : SL_EXIT_FAILED;
}
