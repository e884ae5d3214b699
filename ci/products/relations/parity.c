/* Both runs' values, each with the balls of its own order. */
#include "parity.h"

#include "kernel_balls.h"

#include "ci/products/equiv/problem.h"

#include <stdlib.h>

static sl_status judge_output(sl_judgement *j, const sl_equiv_trial *trial,
                              const sl_kernel_output *any, const sl_kernel_output *ours) {
  const sl_problem *p = sl_equiv_problem(trial);
  double *got = malloc(any->n * sizeof *got + 1), *golden = malloc(any->n * sizeof *golden + 1);
  const sl_status status = got && golden ? SL_OK : SL_ERR_MEMORY;
  if (!status) {
    sl_kernel_values(got, any, p, sl_equiv_result(trial, any->array));
    sl_kernel_values(golden, any, p, sl_equiv_golden(trial, any->array));
    sl_judge_parity(j, any->name, 0, any->type, got, any->balls, golden, ours->balls, any->n);
  }
  free(got);
  free(golden);
  return status;
}

sl_status sl_parity_of(sl_judgement *j, sl_kernel_id kernel, const sl_equiv_trial *trial) {
  const sl_problem *p = sl_equiv_problem(trial);
  sl_kernel_balls any, ours = {0};
  sl_status status = sl_kernel_balls_any_order(&any, kernel, p);
  if (!status) status = sl_kernel_balls_make(&ours, kernel, p, NULL);
  for (size_t i = 0; !status && i < any.outs; i++)
    for (size_t o = 0; !status && o < ours.outs; o++)
      if (any.out[i].array == ours.out[o].array)
        status = judge_output(j, trial, &any.out[i], &ours.out[o]);
  sl_kernel_balls_end(&any);
  sl_kernel_balls_end(&ours);
  return status;
}
