/* Room for the balls of an output. */
#include "balls_make.h"

#include <stdlib.h>

sl_ball *sl_balls_add(sl_kernel_balls *b, const sl_problem *p, size_t array, sl_format type,
                      size_t n) {
  sl_ball *balls = calloc(n + 1, sizeof *balls);
  if (balls) b->out[b->outs++] = (sl_kernel_output){array, p->array[array].name, type, n, balls, 0};
  return balls;
}

sl_ball *sl_balls_of(sl_kernel_balls *b, const sl_problem *p, size_t array) {
  return sl_balls_add(b, p, array, SL_FORMAT_F32, p->array[array].count);
}

sl_ball *sl_balls_rows(sl_kernel_balls *b, const sl_problem *p, size_t array, size_t row) {
  sl_ball *balls = sl_balls_of(b, p, array);
  if (balls) b->out[b->outs - 1].row = row;
  return balls;
}

sl_status sl_balls_exact(sl_kernel_balls *b, const sl_problem *p, size_t array, size_t row,
                         const float *x) {
  sl_ball *balls = sl_balls_rows(b, p, array, row);
  if (!balls) return SL_ERR_MEMORY;
  for (size_t i = 0; i < p->array[array].count; i++) balls[i] = sl_exactly((double)x[i]);
  return SL_OK;
}
