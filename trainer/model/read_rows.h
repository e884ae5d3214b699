/* The rows of an update that somebody reads (spec T5.6). Internal. */
#ifndef SLUICE_READ_ROWS_H
#define SLUICE_READ_ROWS_H

#include "batch_gradient.h"

/* Fills step->read from the step's sequences. */
void sl_read_rows_fill(const sl_update_batch *step);

/* An array of the read rows to its place among all tokens; the others are masked: +0. */
void sl_read_rows_spread(const sl_update_batch *step, float *to, const float *from);

/* Of the micro-batch of the t read rows from `at` on, the rows that the last layer needs after
 * attention: fills read.last and read.place from there; returns their number. */
size_t sl_read_rows_last(const sl_update_batch *step, size_t at, size_t t);

/* Fills first_read and read_seq of the n_shards shards of that micro-batch, the first of whose
 * sequences is `begin`. */
void sl_read_rows_cut(const sl_update_batch *step, sl_shard *shards, size_t n_shards, size_t begin,
                      size_t at);

#endif
