/* sluice version: what this binary is and what it can use here (spec N1.6). */
#include "cli.h"

#include <sluice/kernels.h>

#include <stdio.h>

static void print_backend(const char *label, const char *backend, sl_isa isa) {
  sl_context *ctx = NULL;
  sl_error err;
  const sl_context_options options = {.backend = backend, .isa = isa, .threads = 1};
  if (sl_context_create(&ctx, &options, &err) == SL_OK) {
    printf("  %-12s available\n", label);
    sl_context_destroy(ctx);
  } else {
    printf("  %-12s absent: %s\n", label, err.message);
  }
}

int sl_cmd_version(int argc, char **argv) {
  (void)argc, (void)argv;
  printf("sluice %s, numerics version 1\ncompiler %s\nbackends:\n", SLUICE_VERSION, SLUICE_COMPILER);
  print_backend("plain", "plain", SL_ISA_BEST);
  print_backend("cpu/avx2", "cpu", SL_ISA_AVX2);
  print_backend("cpu/avx512", "cpu", SL_ISA_AVX512);
  print_backend("cuda", "cuda", SL_ISA_BEST);
  return SL_EXIT_OK;
}
