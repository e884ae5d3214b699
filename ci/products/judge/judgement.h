/* Relation A on elements: values against balls (spec E3.2), and what is reported of them (spec
 * E5.2). */
#ifndef SLUICE_JUDGE_JUDGEMENT_H
#define SLUICE_JUDGE_JUDGEMENT_H

#include "reference/ball.h"
#include "reference/contract/format.h"

#include <stddef.h>

enum { SL_SHARE_STEPS = 256 };

/* Where something stands: an element of an output. */
typedef struct {
  const char *tensor;
  size_t index;
} sl_element_place;

typedef struct {
  size_t judged, wrong;
  size_t unbounded; /* no bound: inconclusive */
  size_t unjudged;  /* no value to compare with, or one that the type cannot hold */
  double ulps;      /* the largest error in ulps of the type at the exact value */
  sl_element_place ulps_at;
  double share; /* the largest share of a bound; infinite where a bound of 0 is left */
  sl_element_place share_at;
  size_t shares[SL_SHARE_STEPS + 2]; /* by share: 0, then in steps of 1 / 256 */
  sl_element_place wrong_at;         /* the first wrong element */
  double got, mid, rad;              /* of it */
} sl_judgement;

/* Adds the elements [first, first + n) of a tensor of that type. */
void sl_judge(sl_judgement *j, const char *tensor, size_t first, sl_format type, const double *got,
              const sl_ball *balls, size_t n);

/* Relation P on elements (spec E3.3): two kernels' values, each with its own ball; they may differ
 * by the sum of both radii. Counted as by sl_judge, the second kernel's value in place of the exact
 * one; an element without a bound for one of them is inconclusive. */
void sl_judge_parity(sl_judgement *j, const char *tensor, size_t first, sl_format type,
                     const double *got, const sl_ball *balls, const double *other,
                     const sl_ball *other_balls, size_t n);

/* Adds what another problem has found. */
void sl_judgement_add(sl_judgement *j, const sl_judgement *other);

/* The share that 99 of 100 judged elements keep below. */
double sl_judgement_p99(const sl_judgement *j);

#endif
