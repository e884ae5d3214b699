/* Sweeps: a function over all its inputs against MPFR, and the digest of its outputs (spec N2.3,
 * F5.1). */
#ifndef SLUICE_SWEEP_H
#define SLUICE_SWEEP_H

#include "kernels/core/mix64.h"

#include "kernels/core/function_maps.h"

#include <sluice/status.h>

#include <stdint.h>

#define SL_SWEEP_WITNESSES 8
#define SL_SWEEP_INPUTS ((uint64_t)1 << 32)

typedef struct {
  sl_function_id function;
  sl_function_map map;
  uint64_t stride;                          /* 1: all inputs; s: patterns 0, s, 2s, ... */
  int threads;                              /* 0: all that the system offers */
  int digest_only;                          /* no proof, the digest alone */
  void (*progress)(void *arg, double done); /* from one thread at a time; NULL: none */
  void *progress_arg;
} sl_sweep_options;

/* Bits of an input, of what the function gave and of what is right. */
typedef struct {
  uint32_t x, got, want;
} sl_sweep_witness;

typedef struct {
  uint64_t low, high;
} sl_sweep_digest;

typedef struct {
  uint64_t inputs, misrounded, fallbacks; /* fallbacks: inputs that only MPFR could decide */
  sl_sweep_digest digest;
  double seconds;
  sl_sweep_witness witness[SL_SWEEP_WITNESSES]; /* the first by pattern, min(misrounded,
                                                   SL_SWEEP_WITNESSES) of them */
} sl_sweep_result;

/* SL_ERR_MEMORY; a misrounded input is no error. */
sl_status sl_sweep_run(sl_sweep_result *result, const sl_sweep_options *options, sl_error *err);

#endif
