/* The order in which problems are taken (spec F3.5): each epoch is shuffled anew, and a checkpoint
 * keeps the position. Of a mixture (spec F3.14) blocks take the place of epochs. */
#ifndef SLUICE_DATA_ORDER_H
#define SLUICE_DATA_ORDER_H

#include "trainer/tasks/tasks.h"

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

/* Streams of shuffles: the `sequence` word of the counter. */
enum { SL_STREAM_SFT = 0, SL_STREAM_RL = 1 };

typedef struct {
  uint32_t epoch, offset; /* the next item is order[offset] of that epoch; offset < n */
} sl_data_position;

/* The order of a part's own problems, in one of its epochs. */
typedef struct {
  sl_task_part part;
  uint32_t *order; /* (part.n) */
  uint32_t epoch;
  uint32_t taken; /* of its problems in this block */
} sl_part_order;

typedef struct {
  uint32_t *order; /* (n) items; of a mixture slots of a block, share by share */
  size_t n;
  uint64_t seed;
  uint32_t stream;
  sl_data_position position;
  sl_part_order *parts; /* (n_parts); NULL: no mixture */
  size_t n_parts;
} sl_data_order;

/* n in [1, 2^32). Starts at epoch 0, offset 0. */
sl_status sl_data_order_create(sl_data_order *out, size_t n, uint64_t seed, uint32_t stream,
                               sl_error *err);
/* The same of a mixture of n_parts parts, none of them empty. */
sl_status sl_data_order_create_mixture(sl_data_order *out, const sl_task_part *parts,
                                       size_t n_parts, uint64_t seed, uint32_t stream,
                                       sl_error *err);
void sl_data_order_free(sl_data_order *order);

/* The index of the next item; after the last one the next epoch begins. */
uint32_t sl_data_order_next(sl_data_order *order);

/* Goes to a position that a checkpoint kept. SL_ERR_INPUT if offset >= n. */
sl_status sl_data_order_seek(sl_data_order *order, sl_data_position position, sl_error *err);

#endif
