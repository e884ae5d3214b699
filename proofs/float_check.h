/* A gate as binary32 code, over every ratio from 0 to infinity (spec G5.1): f' <= 1, f'(1) == 1,
 * weakly monotone on each side, finite; error in ulps. */
#ifndef SLUICE_PROOFS_FLOAT_CHECK_H
#define SLUICE_PROOFS_FLOAT_CHECK_H

#include "kernels/gate/definition.h"

typedef enum {
  SL_FLOAT_ABOVE_ONE,
  SL_FLOAT_FALLS_BELOW,
  SL_FLOAT_RISES_ABOVE,
  SL_FLOAT_NOT_FINITE,
  SL_FLOAT_KINDS
} sl_float_kind;

/* The first violation in ascending r: two neighbours and their weights (the same one twice where
 * one float is enough). */
typedef struct {
  uint64_t count;
  float r[2], w[2];
  int old; /* of a gate of two arguments: the index of p (prover/region.h) */
} sl_float_violation;

typedef struct {
  uint64_t checked;
  sl_float_violation violation[SL_FLOAT_KINDS];
  float at_one;
  /* f'(inf) is NaN as computed, and f' -> 0 is proved: no violation, for training clamps the
   * log-ratio to 80 (spec O1.1) and never asks for it. */
  int nan_at_infinity;
  /* The largest error found by balls at a point, and an upper bound over all ratios (infinity: no
   * bound). */
  double ulp_seen, ulp_bound;
  float ulp_at;
  /* ulp_bound rests on monotony somewhere; with stride > 1, on monotony between the floats that
   * were looked at. */
  int by_ends;
  double seconds;
} sl_float_report;

typedef void (*sl_float_progress)(void *data, double share);

typedef struct {
  unsigned stride; /* 1: all ratios; n: every n-th block of 4096 neighbours */
  int threads;     /* 0: all */
  int vanishes;    /* f' -> 0 is proved */
  float most;      /* the largest ratio that is looked at; INFINITY: 2^31 - 2^23 + 1 ratios */
} sl_float_options;

void sl_float_check(sl_float_report *report, const sl_gate *gate, const sl_gate_definition *def,
                    int positive, const sl_float_options *options, sl_float_progress progress,
                    void *data);
/* Adds the counts and the worst of part. */
void sl_float_add(sl_float_report *all, const sl_float_report *part);

const char *sl_float_kind_name(sl_float_kind kind);
int sl_float_holds(const sl_float_report *report);

#endif
