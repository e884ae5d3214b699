/* One side of a gate over a box of parameters, cut into segments of r between its joins. On a
 * segment the tree holds no switch (abs, min, max, pick, sign, softsign) whose argument is affine
 * in r: it is one analytic expression there, up to both ends from inside. At a join itself the gate
 * may differ from both sides (`5 if r < 2 | 7 if r <= 2 | ...`): so each join has a tree of its
 * own. */
#ifndef SLUICE_PROOFS_PROBLEM_H
#define SLUICE_PROOFS_PROBLEM_H

#include "cell.h"
#include "series.h"

#include "kernels/gate/definition.h"

#define SL_SEGMENT_LIMIT 24
#define SL_COURSE_LIMIT 16

typedef enum { SL_FORM_WEIGHT, SL_FORM_OVER, SL_FORM_SLOPE, SL_FORMS } sl_form; /* w, w - 1, w' */

typedef struct {
  sl_tree tree;
  sl_ref f, w; /* f: SL_NO_REF for a weight gate */
  /* A node z that is affine in r, through which alone w depends on r, and the sign of its slope;
   * else SL_NO_REF. The sign of dw/dr is that of dw/dz times this one, and dw/dz has no factors of
   * the slope, which may be a wide range. */
  sl_ref inner;
  int inner_sign;
  /* Of every node, the signs that it may have on the open segment: for nodes that are affine in r
   * this knows more than boxes, which reach over joins that move with the parameters. NULL:
   * nothing. */
  unsigned char *signs;
  /* Normal forms (normal_form.h), which equal what they stand for wherever w has a value:
   * SL_NO_REF where there is none. */
  sl_ref form[SL_FORMS];
  int form_used[SL_FORMS]; /* a proof rests on it */
} sl_segment;

typedef struct {
  const sl_gate_definition *def;
  int positive;
  sl_tree tree; /* fixed parameters are numbers, ranged ones PARAM */
  sl_ref f, w;
  sl_cell cell;
  fmpq *low, *high;  /* of the cell, exactly */
  arb_ptr box;       /* of s (field.h): [0, 1] for a ranged parameter, else 0 */
  unsigned ranged;   /* bit i: parameter i has a range */
  int powers_by_log; /* a power is exp(log), which has no value where its base is 0 */
  /* Joins may coincide for some values of the parameters: a segment may be a point then. */
  int weak_order;
  sl_exact coincide[2]; /* two of which it is so */
  sl_field *field;
  int joins; /* join[0] = 0 < join[1] < ... ; r = 1 is one of them */
  sl_exact
      join[SL_SEGMENT_LIMIT]; /* segment i is [join[i], join[i + 1]], the last one has no end */
  sl_segment segment[SL_SEGMENT_LIMIT]; /* `joins` of them */
  sl_segment at[SL_SEGMENT_LIMIT];      /* the trees at r = join[i] itself */
  int one;                              /* join[one] = 1 */
  /* Of a requirement that names f' of a given f: at r = 0 its limit counts (spec G2.3). */
  int limit_at_0;
  sl_decimal
      end[2]; /* of a requirement: its range of r, whose ends are joins; e = INT32_MAX: none */
  /* Slopes, in normal form, by which switches were decided that are not affine in r. */
  sl_tree courses;
  sl_ref course[SL_COURSE_LIMIT];
  int course_count;
  char why[200]; /* set where the cut fails */
} sl_problem;

/* 0 with `why` set where the joins cannot be ordered. */
int sl_problem_init(sl_problem *p, const sl_gate_definition *def, int positive,
                    const sl_cell *cell);
void sl_problem_clear(sl_problem *p);
/* Without segments: nothing can be proved of it. */
void sl_problem_init_uncut(sl_problem *p, const sl_gate_definition *def, int positive,
                           const sl_cell *cell);

/* The same cut for left - right, expressions of def->tree (a requirement), with the ends of its
 * range of r as joins: fills segment trees whose w is the expression and whose f is absent. */
int sl_problem_init_expression(sl_problem *p, const sl_gate_definition *def, int positive,
                               const sl_cell *cell, sl_ref left, sl_ref right,
                               const sl_decimal end[2]);

/* The parameters' values where s is in the box. */
void sl_problem_parameters(arb_ptr out, const sl_problem *p, arb_srcptr box, slong prec);

#endif
