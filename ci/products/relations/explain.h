/* How the bound of an element is made, with its numbers (spec E5.2). */
#ifndef SLUICE_RELATIONS_EXPLAIN_H
#define SLUICE_RELATIONS_EXPLAIN_H

#include "run.h"

/* Writes row->derivation for the worst element that `j` has of this problem; got[i] are the values
 * of output i. any_order: the bound is that of a vendor's kernel. */
void sl_explain(sl_run_row *row, const struct sl_problem *p, const sl_kernel_balls *balls,
                double *const *got, const sl_judgement *j, int any_order);

#endif
