/* The order in which problems are taken (spec F3.5). */
#include "data_order.h"

#include <sluice/random.h>

#include <stdlib.h>

static void shuffle(sl_data_order *order) {
  for (size_t i = 0; i < order->n; i++) order->order[i] = (uint32_t)i;
  sl_random_shuffle(order->order, order->n, order->seed, order->stream, order->position.epoch,
                    SL_RANDOM_SHUFFLE);
}

sl_status sl_data_order_create(sl_data_order *out, size_t n, uint64_t seed, uint32_t stream,
                               sl_error *err) {
  if (n == 0 || n >= UINT32_MAX)
    return sl_fail(err, SL_ERR_USAGE, "a data order of %zu items; expected 1 to 2^32 - 2", n);
  sl_data_order made = {
      .order = malloc(n * sizeof *made.order), .n = n, .seed = seed, .stream = stream};
  if (!made.order) return sl_fail(err, SL_ERR_MEMORY, "no memory for an order of %zu items", n);
  shuffle(&made);
  *out = made;
  return SL_OK;
}

void sl_data_order_free(sl_data_order *order) {
  free(order->order);
  order->order = NULL;
}

uint32_t sl_data_order_next(sl_data_order *order) {
  const uint32_t item = order->order[order->position.offset++];
  if (order->position.offset == order->n) {
    order->position = (sl_data_position){order->position.epoch + 1, 0};
    shuffle(order);
  }
  return item;
}

sl_status sl_data_order_seek(sl_data_order *order, sl_data_position position, sl_error *err) {
  if (position.offset >= order->n)
    return sl_fail(err, SL_ERR_INPUT, "data position: offset %u, the data has %zu items",
                   position.offset, order->n);
  const int other = position.epoch != order->position.epoch;
  order->position = position;
  if (other) shuffle(order);
  return SL_OK;
}
