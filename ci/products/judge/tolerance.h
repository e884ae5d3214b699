/* What a tolerance |got - expected| <= atol + rtol |expected| is worth for an op under a contract:
 * whether right kernels keep it, and what wrong ones it lets through (spec E2, E4). */
#ifndef SLUICE_JUDGE_TOLERANCE_H
#define SLUICE_JUDGE_TOLERANCE_H

#include "op_problem.h"

typedef struct {
  double atol, rtol;
} sl_tolerance;

/* What one tolerance does. Elements are those with a bound. */
typedef struct {
  size_t elements, unbounded;
  size_t below_floor; /* allow less than half an ulp of `out`: correct rounding can fail */
  size_t fails;       /* the correctly rounded result fails here, on these inputs */
  size_t unsound;     /* allow less than the bound: a kernel within the contract can fail */
  sl_control_tally tally[SL_KINDS];
  int scale; /* the largest power of a planted scale over all problems (spec E4.3) */
  size_t terms, terms_rejected;
} sl_tolerance_report;

typedef struct {
  sl_tolerance_report bound,
      given;             /* of the bounds themselves; of the tolerance, where there is one */
  double floor_relative; /* half an ulp by |exact|, at its largest: u */
  double bound_absolute,
      bound_relative; /* the largest bound, and share of |exact|, of an element */
  sl_tolerance sound; /* of those on a grid of rtol, the one that allows least on average */
} sl_tolerance_result;

/* Problems of the kinds whose bits are set, where they suit the op, `each` of them from consecutive
 * seeds. given: NULL for the bounds alone. SL_ERR_MEMORY, SL_ERR_INPUT. */
sl_status sl_tolerance_measure(sl_tolerance_result *r, const sl_op_case *like, sl_format type,
                               unsigned kinds, uint64_t seed, size_t each,
                               const sl_tolerance *given, sl_error *err);

/* The same for one problem that is there. */
sl_status sl_tolerance_measure_one(sl_tolerance_result *r, sl_op_problem *p,
                                   const sl_tolerance *given, sl_error *err);

/* 1 if a tolerance is sound and rejects every control of the kinds that the bounds reject them on,
 * and results half or one and a half times as large where the bounds do. */
int sl_tolerance_holds(const sl_tolerance_result *r);

#endif
