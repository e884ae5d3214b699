/* One side of a gate over a box of parameters, cut into segments of r between its joins. On a
 * segment the tree holds no switch (abs, min, max, pick, sign, softsign) whose argument is affine
 * in r: it is one analytic expression there, up to both ends from inside. What the gate is at a
 * join itself may be neither (`5 if r < 2 | 7 if r <= 2 | ...`): that has a tree of its own. */
#ifndef SLUICE_PROOFS_PROBLEM_H
#define SLUICE_PROOFS_PROBLEM_H

#include "series.h"

#include "kernels/gate/definition.h"

#define SL_SEGMENT_LIMIT 24

/* Exact ends of the ranged parameters; boxes that enclose them are a rounding wider, and a point of
 * those need not be a point of the range.
 */
typedef struct {
  arf_struct low[SL_FIELD_PARAMETERS], high[SL_FIELD_PARAMETERS];
} sl_cell;

void sl_cell_init(sl_cell *cell);
void sl_cell_clear(sl_cell *cell);
void sl_cell_set(sl_cell *to, const sl_cell *from);

typedef struct {
  sl_tree tree;
  sl_ref f, w; /* f: SL_NO_REF for a weight gate */
} sl_segment;

typedef struct {
  const sl_gate_definition *def;
  int positive;
  sl_tree tree; /* fixed parameters are numbers, ranged ones PARAM */
  sl_ref f, w;
  sl_cell cell;
  arb_ptr box;     /* SL_FIELD_PARAMETERS balls that enclose the cell */
  unsigned ranged; /* bit i: parameter i has a range */
  sl_field *field;
  int joins; /* join[0] = 0 < join[1] < ... ; r = 1 is one of them */
  sl_exact
      join[SL_SEGMENT_LIMIT]; /* segment i is [join[i], join[i + 1]], the last one has no end */
  sl_segment segment[SL_SEGMENT_LIMIT]; /* `joins` of them */
  sl_segment at[SL_SEGMENT_LIMIT];      /* the trees at r = join[i] itself */
  int one;                              /* join[one] = 1 */
  char why[200];                        /* set where the cut fails */
} sl_problem;

/* The range of parameter i is used where bit i of ranged is set, else the value of that side. 0
 * with `why` set where the joins cannot be ordered. */
int sl_problem_init(sl_problem *p, const sl_gate_definition *def, int positive, unsigned ranged,
                    const sl_cell *range);
void sl_problem_clear(sl_problem *p);

/* The same cut for another expression of p->tree (a requirement): fills segment trees whose w is
 * the expression and whose f is absent. */
int sl_problem_init_expression(sl_problem *p, const sl_gate_definition *def, int positive,
                               unsigned ranged, const sl_cell *range, sl_ref left, sl_ref right);

/* Exact values of the parameters in the middle of their ranges. */
void sl_problem_middle(arb_ptr out, const sl_problem *p);
/* Moves a point into the cell. */
void sl_problem_clamp(arb_ptr point, const sl_problem *p);

typedef enum { SL_FROM_LEFT, SL_AT_JOIN, SL_FROM_RIGHT } sl_approach;

/* Value of f or w at a join; NULL where no exact one is known. Join 0 has no left. */
sl_exact sl_join_value(sl_problem *p, int join, int weight, sl_approach from);
/* Are the two equal, being one expression or by an identity? */
int sl_join_same(sl_problem *p, int join, int weight, sl_approach a, sl_approach b);
/* Is w at the join itself something that neither side tells? Not for w = f' where the sides agree:
 * then f' is their value. */
int sl_join_stands_alone(sl_problem *p, int join);

/* Series of the segment's f or w at one of its ends. */
sl_series sl_segment_series(sl_problem *p, int segment, sl_ref ref, int end_is_high);
/* Is the derivative of this expression of the segment identically zero? */
int sl_segment_is_constant(sl_problem *p, int segment, sl_ref ref);

#endif
