/* Rigorous numbers about a gate (spec G2). */
#ifndef SLUICE_PROOFS_MEASURE_H
#define SLUICE_PROOFS_MEASURE_H

#include "proof.h"
#include "search.h"

/* For fixed parameters. Each is an enclosure, indeterminate where none was found. */
typedef struct {
  arb_t f_low, f_high;          /* inf and sup of f: f(0) and the limit, where f' >= 0 */
  int f_bounded;                /* 1 yes, 0 no, -1 not known */
  arb_t effective;              /* sup of r f'(r) */
  double effective_at;          /* where it is nearly reached; INFINITY: only as r -> inf */
  const char *supremum_where;   /* a kernel's gate: the formula of sup r f', else NULL */
  arb_t supremum, supremum_at;  /* its value, and where */
  arb_t half_below, half_above; /* where f' = 1/2 */
  int has_half_below;
  /* f' is above 1/2 for all r below 1, for all r above it; r f' -> inf. */
  int no_half_below, no_half_above, unbounded;
} sl_measures;

void sl_measure(sl_measures *m, const sl_proof *proof, sl_problem *p, sl_budget *budget);
/* The r > 1 at which f' falls to 1/2, where P2 and P3 hold; indeterminate beyond 2^40. */
void sl_measure_half_above(arb_t out, sl_problem *p);
/* m->effective and m->effective_at. */
void sl_measure_effective(sl_measures *m, sl_problem *p, sl_budget *budget);
void sl_measures_init(sl_measures *m);
void sl_measures_clear(sl_measures *m);

#endif
