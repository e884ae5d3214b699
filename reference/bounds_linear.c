/* Bounds `dot`, `token_dot` and `square_sum` (spec T1.2, T1.5, T2.1, T2.2, T2.3, N6.1). */
#include "bounds.h"

#include "bounds_dot.h"

/* One token dot of column b by row a; b NULL is the constant 1. */
static sl_ball token_dot(float total, const float *a, size_t step_a, const float *b, size_t step_b,
                         size_t t, sl_token_order order) {
  sl_ball_sum sum = {0};
  for (size_t i = 0; i < t; i++)
    sl_ball_sum_product(&sum, sl_of_float(a[i * step_a]),
                        b ? sl_of_float(b[i * step_b]) : sl_exactly(1.0));
  return sl_ball_slack(sl_bound_token_end(&sum, total, order));
}

sl_status sl_bound_linear_forward(sl_ball *y, const float *x, const float *w, const float *bias,
                                  size_t t, size_t n, size_t k) {
  for (size_t i = 0; i < t * n; i++) {
    const sl_ball r = sl_bound_dot(x + i / n * k, 1, w + i % n * k, 1, k);
    y[i] = sl_ball_slack(bias ? sl_ball_add(r, sl_of_float(bias[i % n])) : r);
  }
  return SL_OK;
}

/* A dot over parts (spec N3.4): the longest chain, and the chunk results of all parts in one total.
 */
sl_status sl_bound_linear_input_grad(sl_ball *dx, const sl_linear_part *parts, size_t n_parts,
                                     size_t t, size_t k) {
  size_t chain = 0, chunks = 0;
  for (size_t p = 0; p < n_parts; p++) {
    chunks += sl_chunks(parts[p].n, SL_DOT_CHUNK);
    if (sl_least(parts[p].n, SL_DOT_CHUNK) > chain) chain = sl_least(parts[p].n, SL_DOT_CHUNK);
  }
  for (size_t i = 0; i < t * k; i++) {
    sl_ball_sum sum = {0};
    for (size_t p = 0; p < n_parts; p++)
      for (size_t j = 0; j < parts[p].n; j++)
        sl_ball_sum_product(&sum, sl_of_float(parts[p].dy[i / k * parts[p].n + j]),
                            sl_of_float(parts[p].w[j * k + i % k]));
    dx[i] = sl_ball_slack(sl_ball_sum_end(&sum, chunks ? chain + chunks - 1 : 0, SL_ETA));
  }
  return SL_OK;
}

sl_status sl_bound_linear_weight_grad(sl_ball *dw, sl_ball *db, const float *dw0, const float *db0,
                                      const float *dy, const float *x, const uint32_t *seq,
                                      size_t n_seq, size_t n, size_t k) {
  const size_t t = n_seq ? seq[n_seq] : 0;
  const sl_token_order order = sl_order_of_tokens(seq, n_seq);
  for (size_t i = 0; i < n * k; i++)
    dw[i] = token_dot(dw0[i], dy + i / k, n, x + i % k, k, t, order);
  for (size_t i = 0; db && i < n; i++) db[i] = token_dot(db0[i], dy + i, n, NULL, 0, t, order);
  return SL_OK;
}

sl_status sl_bound_rmsnorm_weight_grad(sl_ball *total, const float *total0, const float *dy,
                                       const float *x, const float *rstd, const uint32_t *seq,
                                       size_t n_seq, size_t d) {
  const size_t t = n_seq ? seq[n_seq] : 0;
  const sl_token_order order = sl_order_of_tokens(seq, n_seq);
  for (size_t c = 0; c < d; c++) {
    sl_ball_sum sum = {0};
    for (size_t i = 0; i < t; i++)
      sl_ball_sum_product(&sum, sl_of_float(dy[i * d + c]),
                          sl_ball_mul(sl_of_float(x[i * d + c]), sl_of_float(rstd[i])));
    total[c] = sl_ball_slack(sl_bound_token_end(&sum, total0[c], order));
  }
  return SL_OK;
}

/* The one-hot token dot: fma(dy, 1, c) is an addition, so nothing underflows; an id that occurs n
 * times meets at most n fmas and n chunks. */
sl_status sl_bound_embedding_grad(sl_ball *total, const float *total0, const float *dy,
                                  const uint32_t *ids, const uint32_t *seq, size_t n_seq, size_t d,
                                  size_t vocab) {
  const size_t t = n_seq ? seq[n_seq] : 0;
  const sl_token_order order = sl_order_of_tokens(seq, n_seq);
  for (size_t i = 0; i < vocab * d; i++) {
    sl_ball_sum sum = {0};
    for (size_t j = 0; j < t; j++)
      if (ids[j] == i / d) sl_ball_sum_add(&sum, sl_of_float(dy[j * d + i % d]));
    const sl_token_order own = {sl_least(sum.terms, order.chain),
                                sl_least(sum.terms, order.chunks)};
    total[i] = sl_ball_slack(sl_bound_token_end(&sum, total0[i], own));
  }
  return SL_OK;
}

/* Binary64 sum of exact products (spec N3.8), u = 2^-53; squares of binary32 are normal or zero in
 * binary64. The exact sum is taken in twice the digits (Knuth's sum of two), for the n additions of
 * a chain would show beside the few roundings of a path through the levels.
 */
sl_status sl_bound_grad_square_sum(sl_ball *sum, const float *g, size_t n) {
  double squares = 0.0, lost = 0.0;
  for (size_t i = 0; i < n; i++) {
    const double x = (double)g[i] * (double)g[i], s = squares + x, back = s - squares;
    lost += (squares - (s - back)) + (x - back);
    squares = s;
  }
  squares += lost;
  const double nu =
      (double)(sl_sum64_depth(n) + (n > 1)) * SL_U_64; /* one for squares: it is rounded too */
  *sum = sl_ball_slack((sl_ball){squares, nu / (1.0 - nu) * squares});
  return SL_OK;
}
