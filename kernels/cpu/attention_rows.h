/* Rows of attention that share keys and values, of one head or of the heads of a group. Internal.
 */
#ifndef SLUICE_CPU_ATTENTION_ROWS_H
#define SLUICE_CPU_ATTENTION_ROWS_H

#include <stddef.h>

/* Rows that share keys and values. Steps in elements; row_max and row_scale (step stat_row) may
 * be NULL. */
typedef struct {
  float *o, *row_max, *row_scale;
  const float *q, *k, *v;
  size_t o_row, stat_row, q_row, k_component, v_key, d;
  float *score, *total,
      *chunk; /* scratch, ROWS rows each: scores of a chunk, outputs so far and of a chunk */
  size_t total_row;
  float scale;
} rows_job;

#endif
