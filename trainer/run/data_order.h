/* The order in which problems are taken (spec F3.5): each epoch is shuffled anew, and a checkpoint
 * keeps the position. */
#ifndef SLUICE_DATA_ORDER_H
#define SLUICE_DATA_ORDER_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

/* Streams of shuffles: the `sequence` word of the counter. */
enum { SL_STREAM_SFT = 0, SL_STREAM_RL = 1 };

typedef struct {
  uint32_t epoch, offset; /* the next item is order[offset] of that epoch; offset < n */
} sl_data_position;

typedef struct {
  uint32_t *order;
  size_t n;
  uint64_t seed;
  uint32_t stream;
  sl_data_position position;
} sl_data_order;

/* n in [1, 2^32). Starts at epoch 0, offset 0. */
sl_status sl_data_order_create(sl_data_order *out, size_t n, uint64_t seed, uint32_t stream,
                               sl_error *err);
void sl_data_order_free(sl_data_order *order);

/* The index of the next item; after the last one the next epoch begins. */
uint32_t sl_data_order_next(sl_data_order *order);

/* Goes to a position that a checkpoint kept. SL_ERR_INPUT if offset >= n. */
sl_status sl_data_order_seek(sl_data_order *order, sl_data_position position, sl_error *err);

#endif
