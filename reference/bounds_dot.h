/* What the bounds of reductions share: balls of binary32 products, token dots (spec N3.2, N4.2).
 * Internal. */
#ifndef SLUICE_REFERENCE_BOUNDS_DOT_H
#define SLUICE_REFERENCE_BOUNDS_DOT_H

#include "ball.h"
#include "order.h"

#include <math.h>
#include <stdint.h>

static inline sl_ball sl_of_float(float x) { return sl_exactly((double)x); }

/* dot(K) of binary32 vectors with strides (spec N3.2). Unrounded terms: gamma_n sum |a||b| with n
 * of order.h, and each fma may underflow once. */
static inline sl_ball sl_bound_dot(const float *a, size_t step_a, const float *b, size_t step_b,
                                   size_t k) {
  sl_ball_sum sum = {0};
  for (size_t i = 0; i < k; i++)
    sl_ball_sum_product(&sum, sl_of_float(a[i * step_a]), sl_of_float(b[i * step_b]));
  return sl_ball_sum_end(&sum, sl_dot_depth(k), SL_ETA);
}

/* Longest sequence, and chunks of all of them. */
typedef struct {
  size_t chain, chunks;
} sl_token_order;

static inline sl_token_order sl_order_of_tokens(const uint32_t *seq, size_t n_seq) {
  sl_token_order order = {0, 0};
  for (size_t s = 0; s < n_seq; s++) {
    const size_t n = seq[s + 1] - seq[s];
    order.chunks += sl_chunks(n, SL_DOT_CHUNK);
    if (sl_least(n, SL_DOT_CHUNK) > order.chain) order.chain = sl_least(n, SL_DOT_CHUNK);
  }
  return order;
}

/* Ends a token dot onto `total` (spec N4.2): a term meets the fmas of its chain and the additions
 * of all chunks, the total only the latter. Terms that are skipped or zero change nothing, so upper
 * bounds of chain and chunks will do. */
static inline sl_ball sl_bound_token_end(const sl_ball_sum *sum, float total,
                                         sl_token_order order) {
  sl_ball r = sl_ball_sum_end(sum, order.chain + order.chunks, SL_ETA);
  r.mid += (double)total;
  r.rad += sl_gamma(order.chunks) * fabs((double)total);
  return r;
}

#endif
