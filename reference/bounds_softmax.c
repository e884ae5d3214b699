/* Error bounds of softmax sums, log-prob and entropy (spec N3.9, T4.2). */
#include "bounds_softmax.h"

#include "order.h"

#include <math.h>

double sl_largest_mid(const sl_ball *z, size_t n) {
  double max = -INFINITY;
  for (size_t v = 0; v < n; v++) max = fmax(max, z[v].mid);
  return max;
}

double sl_largest_rad(const sl_ball *z, size_t n) {
  double rad = 0.0;
  for (size_t v = 0; v < n; v++) rad = fmax(rad, z[v].rad);
  return rad;
}

double sl_exponent_error(sl_ball z, double max, double shift) {
  return z.rad + SL_U * (fabs(z.mid - max) + shift + z.rad);
}

/* l: term v is P_v = e^(z_v - max). Its exponent error e_v makes it P_v e^(e_v); then it is rounded
 * as e, in its lane (first addition exact), in the butterfly, by a = exp(m_c - M), and in the fma
 * of each chunk: product_sum_depth + 2 roundings. Underflow: once as e, in a times l_c <= the
 * number of terms of the chunk, once a chunk: below 4 a term.
 *
 * u: term v is P_v y_v with y_v = z_v - M <= 0, which the kernel makes of e RN(z - m_c) (in the
 * lane) and e RN(m_c - M) (from l_c): both are <= 0, so magnitudes add without cancellation; the
 * exponent's error is also that of y_v. Two more roundings: the first fma of the lane and the inner
 * fma. Underflow: e times |y|, the lane's fma, a times |u_c + l_c d|, two a chunk: below 4 + 2|y| a
 * term. */
void sl_softmax_walk_row(sl_softmax_walk *walk, const sl_ball *z, size_t n) {
  const double max = sl_largest_mid(z, n), shift = sl_largest_rad(z, n);
  const double g_sum = sl_gamma(sl_product_sum_depth(n) + 2),
               g_moment = sl_gamma(sl_product_sum_depth(n) + 4);
  double l = 0.0, l_rad = 0.0, u = 0.0, u_rad = 0.0, underflow_l = 0.0, underflow_u = 0.0;
  for (size_t v = 0; v < n; v++) {
    const double y = z[v].mid - max, reach = fabs(y) + shift,
                 e = sl_exponent_error(z[v], max, shift);
    const double p = exp(y), grown = p * exp(e);
    l += p;
    l_rad += p * expm1(e) + g_sum * grown;
    u += p * y;
    u_rad += p * expm1(e) * reach + grown * e + g_moment * grown * (reach + e);
    underflow_l += 4.0;
    underflow_u += 4.0 + 2.0 * (reach + e);
  }
  l_rad += underflow_l * SL_ETA * exp(shift) * (1.0 + g_sum);
  u_rad += underflow_u * SL_ETA * exp(shift) * (1.0 + g_moment);
  const double mean = u / l, left = l - l_rad;
  const double log_error = left > 0.0 ? -log1p(-l_rad / l) : INFINITY;
  const double mean_error = left > 0.0 ? (u_rad + (fabs(mean) + shift) * l_rad) / left : INFINITY;
  walk->max = max;
  walk->shift = shift;
  walk->sum = (sl_ball){l, l_rad};
  walk->log_sum = (sl_ball){log(l), log_error + SL_U * (fabs(log(l)) + shift + log_error) + SL_ETA};
  walk->mean = (sl_ball){mean, mean_error + SL_U * (fabs(mean) + shift + mean_error) + SL_ETA};
}

/* RN(RN(z - M) - g): M cancels against the M - max in log_sum */
sl_ball sl_softmax_logprob(const sl_softmax_walk *walk, sl_ball z) {
  const sl_ball y = {z.mid - walk->max, sl_exponent_error(z, walk->max, walk->shift)};
  return sl_ball_sub(y, walk->log_sum);
}

/* RN(g - RN(u / l)) */
sl_ball sl_softmax_entropy(const sl_softmax_walk *walk) {
  return sl_ball_sub(walk->log_sum, walk->mean);
}

sl_ball sl_softmax_row_max(const sl_softmax_walk *walk) {
  return (sl_ball){walk->max, walk->shift};
}

sl_ball sl_softmax_row_sum(const sl_softmax_walk *walk) {
  const sl_ball r = {walk->sum.mid,
                     walk->sum.rad * exp(walk->shift) + walk->sum.mid * expm1(walk->shift)};
  return r;
}
