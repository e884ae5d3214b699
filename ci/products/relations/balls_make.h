/* How the files of kernel_balls make an output. Internal. */
#ifndef SLUICE_RELATIONS_BALLS_MAKE_H
#define SLUICE_RELATIONS_BALLS_MAKE_H

#include "kernel_balls.h"

#include "ci/products/equiv/problem.h"
#include "ci/products/equiv/sizes.h"
#include "reference/bounds.h"

/* Adds an output for the problem's array; NULL if there is no memory. An absent array gives balls
 * too, which nobody judges. */
sl_ball *sl_balls_add(sl_kernel_balls *b, const sl_problem *p, size_t array, sl_format type,
                      size_t n);
/* The same of binary32, as many as the array has. */
sl_ball *sl_balls_of(sl_kernel_balls *b, const sl_problem *p, size_t array);
/* The same in rows of `row` elements (spec E4.2). */
sl_ball *sl_balls_rows(sl_kernel_balls *b, const sl_problem *p, size_t array, size_t row);
/* An exact output. */
sl_status sl_balls_exact(sl_kernel_balls *b, const sl_problem *p, size_t array, size_t row,
                         const float *x);

typedef sl_status sl_balls_maker(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p,
                                 const void *token);
sl_balls_maker sl_balls_layer, sl_balls_linear, sl_balls_heads, sl_balls_logits, sl_balls_loss,
    sl_balls_flat;

#endif
