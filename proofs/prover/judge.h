/* Does a goal hold on all of a box of r and the parameters? */
#ifndef SLUICE_PROOFS_JUDGE_H
#define SLUICE_PROOFS_JUDGE_H

#include "ball.h"
#include "claims.h"
#include "enclosure.h"

typedef struct {
  sl_problem *p;
  int segment;
  sl_goal goal;
  slong order; /* of CURVE */
  sl_enclosure spans;
  sl_ball ball;              /* for jets */
  arf_t low_join, high_join; /* ends of the segment that are known exactly, else NaN */
} sl_judge;

void sl_judge_init(sl_judge *s, sl_problem *p, int segment, sl_goal goal, slong order);
void sl_judge_clear(sl_judge *s);

/* 1: the goal holds on all of the box; -1: it fails on all of it; 0: unknown. `value` gets the
 * enclosure that says so. `finer`: the costlier expansions are tried too. Marks the segment's
 * normal form as used where it decides. */
int sl_judge_box(sl_judge *s, const arf_t low, const arf_t high, arb_srcptr box, slong prec,
                 int finer, arb_t value);

#endif
