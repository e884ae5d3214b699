/* Balls of the clamped log-ratio and of the gates (spec O1.1, O2). Internal. */
#ifndef SLUICE_REFERENCE_BOUNDS_GATE_H
#define SLUICE_REFERENCE_BOUNDS_GATE_H

#include "ball.h"

#include <sluice/types.h>

/* A log-ratio clamped to [-80, 80]; outside: the exact one is beyond; unsure: the computed one may
 * be on the other side. */
typedef struct {
  sl_ball x;
  int outside, unsure;
} sl_clamped_ball;

sl_clamped_ball sl_clamp_log_ratio(sl_ball x);
/* y where the log-ratio is inside, 0 where it was clamped, either where that is unsure. */
sl_ball sl_unless_clamped(sl_clamped_ball x, sl_ball y);

typedef struct {
  sl_ball f, w, centred; /* centred: f - f(1) */
} sl_gate_balls;

/* Value, weight and centred value of a built-in gate at the ratio r, by the operations of
 * spec O2. */
sl_gate_balls sl_bound_gate(const sl_gate *gate, int positive, sl_ball r);

/* The same of a gate with these f and w, whose f at 1 is f1. */
sl_gate_balls sl_bound_gate_of(sl_ball f, sl_ball f1, sl_ball w);

#endif
