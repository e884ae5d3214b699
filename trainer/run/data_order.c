/* The order in which problems are taken (spec F3.5). */
#include "data_order.h"

#include <sluice/random.h>

#include <stdlib.h>

/* Sequences of a mixture's shuffles lie above those of passes over a rollout (spec L3.7). */
#define MIXTURE_SEQUENCES ((uint32_t)1 << 16)

static void shuffle(sl_data_order *order) {
  const uint32_t sequence = order->parts ? MIXTURE_SEQUENCES + order->stream : order->stream;
  for (size_t i = 0; i < order->n; i++) order->order[i] = (uint32_t)i;
  sl_random_shuffle(order->order, order->n, order->seed, sequence, order->position.epoch,
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

static void shuffle_part(const sl_data_order *order, size_t k) {
  sl_part_order *p = &order->parts[k];
  for (size_t i = 0; i < p->part.n; i++) p->order[i] = (uint32_t)i;
  sl_random_shuffle(p->order, p->part.n, order->seed,
                    MIXTURE_SEQUENCES + 2 + 2 * (uint32_t)k + order->stream, p->epoch,
                    SL_RANDOM_SHUFFLE);
}

static sl_status create_parts(sl_data_order *made, const sl_task_part *parts, sl_error *err) {
  made->parts = calloc(made->n_parts, sizeof *made->parts);
  if (!made->parts) return sl_fail(err, SL_ERR_MEMORY, "no memory for a mixture's order");
  for (size_t k = 0; k < made->n_parts; k++) {
    sl_part_order *p = &made->parts[k];
    p->part = parts[k];
    if (p->part.n == 0 || p->part.n >= UINT32_MAX)
      return sl_fail(err, SL_ERR_USAGE, "a mixture's part of %zu items; expected 1 to 2^32 - 2",
                     p->part.n);
    p->order = malloc(p->part.n * sizeof *p->order);
    if (!p->order) return sl_fail(err, SL_ERR_MEMORY, "no memory for a mixture's order");
    shuffle_part(made, k);
    made->n += p->part.share;
  }
  return SL_OK;
}

sl_status sl_data_order_create_mixture(sl_data_order *out, const sl_task_part *parts,
                                       size_t n_parts, uint64_t seed, uint32_t stream,
                                       sl_error *err) {
  sl_data_order made = {.seed = seed, .stream = stream, .n_parts = n_parts};
  sl_status status = create_parts(&made, parts, err);
  made.order = status ? NULL : malloc(made.n * sizeof *made.order);
  if (!status && !made.order)
    status = sl_fail(err, SL_ERR_MEMORY, "no memory for a mixture's order");
  if (status) {
    sl_data_order_free(&made);
    return status;
  }
  shuffle(&made);
  *out = made;
  return SL_OK;
}

void sl_data_order_free(sl_data_order *order) {
  for (size_t k = 0; order->parts && k < order->n_parts; k++) free(order->parts[k].order);
  free(order->parts);
  free(order->order);
  order->parts = NULL;
  order->order = NULL;
}

/* The part that a slot of a block belongs to. */
static size_t part_of(const sl_data_order *order, uint32_t slot) {
  size_t k = 0;
  while (slot >= order->parts[k].part.share) slot -= order->parts[k++].part.share;
  return k;
}

/* The problem that a slot of the current block takes: the next one of its part. */
static uint32_t take_of_part(sl_data_order *order, uint32_t slot) {
  const size_t k = part_of(order, slot);
  sl_part_order *p = &order->parts[k];
  const uint64_t number = (uint64_t)order->position.epoch * p->part.share + p->taken++;
  const uint32_t epoch = (uint32_t)(number / p->part.n);
  if (epoch != p->epoch) {
    p->epoch = epoch;
    shuffle_part(order, k);
  }
  return (uint32_t)(p->part.first + p->order[number % p->part.n]);
}

static void begin_block(sl_data_order *order) {
  for (size_t k = 0; k < order->n_parts; k++) order->parts[k].taken = 0;
  shuffle(order);
}

uint32_t sl_data_order_next(sl_data_order *order) {
  const uint32_t item = order->order[order->position.offset++],
                 taken = order->parts ? take_of_part(order, item) : item;
  if (order->position.offset == order->n) {
    order->position = (sl_data_position){order->position.epoch + 1, 0};
    begin_block(order);
  }
  return taken;
}

sl_status sl_data_order_seek(sl_data_order *order, sl_data_position position, sl_error *err) {
  if (position.offset >= order->n)
    return sl_fail(err, SL_ERR_INPUT, "data position: offset %u, the data has %zu items",
                   position.offset, order->n);
  const int other = position.epoch != order->position.epoch;
  order->position = position;
  if (other || order->parts) begin_block(order);
  for (uint32_t i = 0; order->parts && i < position.offset; i++)
    order->parts[part_of(order, order->order[i])].taken++;
  return SL_OK;
}
