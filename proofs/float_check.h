/* A gate as binary32 code, over every ratio from 0 to infinity (spec G5.1): f' <= 1, f'(1) == 1,
 * weak monotony on each side, finite; error in ulps. */
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
} sl_float_violation;

typedef struct {
  uint64_t checked;
  sl_float_violation violation[SL_FLOAT_KINDS];
  float at_one;
  double ulp_seen, ulp_bound; /* largest error found by balls at a point, and an upper bound over
                                 all ratios; infinity: no bound */
  float ulp_at;
  int by_ends; /* ulp_bound rests on monotony somewhere: with stride > 1 on that between the floats
                  that were looked at */
  double seconds;
} sl_float_report;

typedef void (*sl_float_progress)(void *data, double share);

/* stride 1 checks all 2^31 - 2^23 + 1 ratios; a larger one every stride-th block of 4096
 * neighbours. */
void sl_float_check(sl_float_report *report, const sl_gate *gate, const sl_gate_definition *def,
                    int positive, unsigned stride, int threads, sl_float_progress progress,
                    void *data);

const char *sl_float_kind_name(sl_float_kind kind);
int sl_float_holds(const sl_float_report *report);

/* The weight of one sign: what computes it, its exact tree, and the relative distance of a kernel's
 * binary32 tau from tau. */
typedef struct {
  const sl_gate *gate;
  const sl_gate_definition *def;
  int positive;
  sl_tree tree;
  sl_ref w;
  double tau_error;
} sl_float_weight;

/* The kernels' weights (spec O2.1, O2.2), or the expression's (spec G3.1). */
void sl_float_weights(const sl_float_weight *weight, const float *r, float *w, size_t n);
/* float_error.c. Relative distance of tau in binary32 from tau. */
double sl_float_tau_error(const sl_gate *gate, int positive, sl_decimal tau);
/* An upper bound of |computed - true| of the weight, absolute, over [low, high], before the last
 * rounding; infinity where none is known. min_w gets a lower bound of |f'| there. */
double sl_float_error(const sl_float_weight *weight, float low, float high, double *min_w);
/* The same after the last rounding, where the computed weights are monotone from w_low to w_high:
 * both ends against the true weights. */
double sl_float_apart(const sl_float_weight *weight, float low, float high, float w_low,
                      float w_high, double *min_w);
/* |got - f'(r)| in ulps of binary32 at f'(r), by balls; negative where they do not decide. */
double sl_float_ulps(const sl_float_weight *weight, float r, float got);

#endif
