/* One side of a gate over a box of parameters, cut into segments of r between its joins. On a segment the tree holds no switch (abs, min,
 * max, pick, sign, softsign) whose argument is affine in r: it is one analytic expression there, up to both ends from inside. */
#ifndef SLUICE_PROOFS_PROBLEM_H
#define SLUICE_PROOFS_PROBLEM_H

#include "proofs/prover/series.h"

#include "kernels/gate/definition.h"

#define SL_SEGMENT_LIMIT 24

typedef struct {
  sl_tree tree;
  sl_ref f, w; /* f: SL_NO_REF for a weight gate */
} sl_segment;

typedef struct {
  const sl_gate_definition *def;
  int positive;
  sl_tree tree; /* fixed parameters are numbers, ranged ones PARAM */
  sl_ref f, w;
  arb_ptr box;     /* SL_FIELD_PARAMETERS balls */
  unsigned ranged; /* bit i: parameter i has a range */
  sl_field *field;
  int joins;                            /* join[0] = 0 < join[1] < ... ; r = 1 is one of them */
  sl_exact join[SL_SEGMENT_LIMIT];      /* segment i is [join[i], join[i + 1]], the last one has no end */
  sl_segment segment[SL_SEGMENT_LIMIT]; /* `joins` of them */
  int one;                              /* join[one] = 1 */
  char why[200];                        /* set where the cut fails */
} sl_problem;

/* range[i] is used where bit i of ranged is set, else the value of that side. 0 with `why` set where the joins cannot be ordered. */
int sl_problem_init(sl_problem *p, const sl_gate_definition *def, int positive, unsigned ranged, arb_srcptr range);
void sl_problem_clear(sl_problem *p);

/* The same cut for another expression of p->tree (a requirement): fills segment trees whose w is the expression and whose f is absent. */
int sl_problem_init_expression(sl_problem *p, const sl_gate_definition *def, int positive, unsigned ranged, arb_srcptr range, sl_ref left,
                               sl_ref right);

/* Series of the segment's f or w at one of its ends. */
sl_series sl_segment_series(sl_problem *p, int segment, sl_ref ref, int end_is_high);
/* Is the derivative of this expression of the segment identically zero? */
int sl_segment_is_constant(sl_problem *p, int segment, sl_ref ref);

#endif
