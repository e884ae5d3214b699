/* The verdict on a dump (spec E7): which elements are judged, and what A says of them. */
#ifndef SLUICE_DUMPS_DUMP_JUDGE_H
#define SLUICE_DUMPS_DUMP_JUDGE_H

#include "dump_case.h"

#include "ci/products/judge/controls.h"
#include "ci/products/judge/outcome.h"

#include <stdint.h>

#define SL_DUMP_ELEMENTS 65536

/* The elements of an output that are judged: `at` ascends. */
typedef struct {
  size_t *at, n;
  sl_ball *balls;
  double *got, *right;
  size_t nonfinite, first_nonfinite; /* of the whole output */
  sl_judgement judgement;
} sl_dump_sample;

typedef struct {
  sl_dump_sample output[SL_OP_OUTPUTS];
  sl_judgement all;
  sl_control passes; /* would have passed in the place of the output passes_as */
  const char *passes_as;
  sl_outcome outcome;
  size_t lost; /* spec E7.3 */
} sl_dump_verdict;

/* Draws the sample, and judges it. elements: of each output at most; SIZE_MAX: all. SL_ERR_MEMORY.
 */
sl_status sl_dump_judge(sl_dump_verdict *v, const sl_dump_case *d, size_t elements, uint64_t seed,
                        sl_error *err);
void sl_dump_verdict_end(sl_dump_verdict *v);

/* Balls of the elements `at` of an output by a case, which has the output's contract. */
sl_status sl_dump_balls(const sl_op_case *c, int out, const size_t *at, size_t n, sl_ball *balls);

#endif
