/* The table of `sluice sweep --table`, in Markdown: a function's proof, and of each vector
 * implementation the digest and the speed. */
#ifndef SLUICE_SWEEP_TABLE_H
#define SLUICE_SWEEP_TABLE_H

#include "ci/products/bench/function_speed.h"
#include "sweep.h"

#include <stdio.h>

enum { SL_SWEEP_SETS = 2 }; /* avx2, avx512 */

/* What a vector implementation showed. */
typedef struct {
  int here;                /* 0: this CPU lacks the instruction set, the rest is not set */
  int equal;               /* the digest is the scalar function's */
  int timed;               /* 0: no libmvec to compare with */
  sl_function_speed speed; /* set if timed */
} sl_sweep_set;

typedef struct {
  sl_sweep_set set[SL_SWEEP_SETS];
  int equal; /* no digest differs */
} sl_sweep_row;

/* options, result: the scalar function's sweep. Sweeps the vector implementations in the same way,
 * without proof, and times them. The errors of sl_sweep_run and sl_function_speed_measure, but an
 * absent instruction set or peer. */
sl_status sl_sweep_table_measure(sl_sweep_row *out, const sl_sweep_options *options,
                                 const sl_sweep_result *result, sl_error *err);

void sl_sweep_table_header(FILE *out);
void sl_sweep_table_row(FILE *out, sl_function_id function, const sl_sweep_result *result,
                        const sl_sweep_row *row);

#endif
