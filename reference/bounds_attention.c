/* Bounds `attention_forward` and `attention_backward` (spec T3.1, T3.2, T3.4). */
#include "bounds.h"

#include "bounds_dot.h"
#include "bounds_softmax.h"

#include <stdlib.h>

/* 1/sqrt(d) as the kernel has it, rounded to binary32. */
static sl_ball scale_of(size_t d) { return sl_ball_constant(1.0 / sqrt((double)d)); }

static size_t longest(const uint32_t *seq, size_t n_seq) {
  size_t n = 0;
  for (size_t r = 0; r < n_seq; r++) n = seq[r + 1] - seq[r] > n ? seq[r + 1] - seq[r] : n;
  return n;
}

/* Rows of keys or values: component 0 of key 0, and strides in elements. */
typedef struct {
  const float *at;
  size_t key, component;
} rows;

/* One query against keys 0..n-1; s is scratch of n. The kernel's maximum M lies within `shift` of
 * the exact one; the outputs do not depend on the constant subtracted. Weights are in units of e^(M
 * - max), in which underflow is at most eta e^shift; 1/l takes the units back.
 *
 * A term of chunk c of C is p, times b of its own chunk, times a of each later one. Exponents: s <=
 * m_c <= M and M only grows, so the rounded differences s - m_c, m_c - M, M - M' are of one sign
 * and their magnitudes add up to M - s: together they cost what the one difference would.
 * Roundings: p; those of its chunk, at most SL_KEY_CHUNK fmas for o, lanes and butterfly for l;
 * joining exp(b) and the fma of its own chunk (none in the first, where b = 1 meets +0), then
 * exp(a), the product and the fma of each later one: at most 3(C - 1). Underflow: each of the at
 * most C factors once, where the others and p are at most 1; the fmas of a chain; two a join. */
static void attend(sl_ball *o, sl_ball *row_max, sl_ball *row_scale, sl_ball *s, const float *q,
                   rows k, rows v, size_t n, size_t d) {
  for (size_t j = 0; j < n; j++)
    s[j] = sl_ball_mul(sl_bound_dot(q, 1, k.at + j * k.key, k.component, d), scale_of(d));
  const double max = sl_largest_mid(s, n), shift = sl_largest_rad(s, n),
               underflow = SL_ETA * exp(shift);
  const size_t chunk = sl_least(n, SL_KEY_CHUNK), joins = sl_chunks(n, SL_KEY_CHUNK) - 1;
  const double join_underflow = 2.0 * (double)joins / (double)n * underflow;
  sl_ball_sum total = {0};
  for (size_t j = 0; j < n; j++) {
    const double p = exp(s[j].mid - max);
    s[j] = sl_ball_round(p, p * expm1(sl_exponent_error(s[j], max, shift)),
                         (double)(joins + 1) * underflow);
    sl_ball_sum_add(&total, s[j]);
  }
  const sl_ball inverse = sl_ball_div(
      sl_exactly(1.0), sl_ball_sum_end(&total, sl_sum_depth(chunk) + 3 * joins, join_underflow));
  for (size_t c = 0; c < d; c++) {
    sl_ball_sum sum = {0};
    for (size_t j = 0; j < n; j++)
      sl_ball_sum_product(&sum, s[j], sl_of_float(v.at[j * v.key + c * v.component]));
    o[c] = sl_ball_slack(
        sl_ball_mul(inverse, sl_ball_sum_end(&sum, chunk + 3 * joins, underflow + join_underflow)));
  }
  if (!row_max) return;
  *row_max = sl_ball_slack((sl_ball){max, shift});
  *row_scale =
      sl_ball_slack((sl_ball){inverse.mid, inverse.rad * exp(shift) + inverse.mid * expm1(shift)});
}

sl_status sl_bound_attention_forward(sl_ball *o, sl_ball *row_max, sl_ball *row_scale,
                                     const float *q, const float *k, const float *v,
                                     const uint32_t *seq, size_t n_seq, size_t heads,
                                     size_t kv_heads, size_t d) {
  sl_ball *s = calloc(longest(seq, n_seq) + 1, sizeof *s);
  if (!s) return SL_ERR_MEMORY;
  for (size_t r = 0; r < n_seq; r++)
    for (size_t i = seq[r]; i < seq[r + 1]; i++)
      for (size_t h = 0; h < heads; h++) {
        const size_t at = i * heads + h, kv = (seq[r] * kv_heads + h * kv_heads / heads) * d;
        const rows keys = {k + kv, kv_heads * d, 1}, values = {v + kv, kv_heads * d, 1};
        attend(o + at * d, row_max + at, row_scale + at, s, q + at * d, keys, values,
               i - seq[r] + 1, d);
      }
  free(s);
  return SL_OK;
}

sl_status sl_bound_attention_decode(sl_ball *o, const float *q, const float *k_cache,
                                    const float *v_cache, const uint32_t *slot,
                                    const uint32_t *position, size_t b, size_t heads,
                                    size_t kv_heads, size_t d, size_t capacity) {
  sl_ball *s = calloc(capacity + 1, sizeof *s);
  if (!s) return SL_ERR_MEMORY;
  for (size_t i = 0; i < b * heads; i++) {
    const size_t r = i / heads,
                 kv = (slot[r] * kv_heads + i % heads * kv_heads / heads) * d * capacity;
    const rows keys = {k_cache + kv, 1, capacity}, values = {v_cache + kv, d, 1};
    attend(o + i * d, NULL, NULL, s, q + i * d, keys, values, position[r] + (size_t)1, d);
  }
  free(s);
  return SL_OK;
}

typedef struct {
  const float *d_o, *o, *q, *k, *v, *row_max, *row_scale;
  size_t heads, kv_heads, d;
} problem;

/* P_ij and ds_ij of query token i and key token j at head h. M, R and o are given numbers here, so
 * nothing cancels: s, exp, R, the two dots of d and their difference are rounded in order; [dp - D]
 * is absolute in |dp| + |D|. */
static void pair(const problem *a, size_t i, size_t j, size_t h, sl_ball *probability,
                 sl_ball *ds) {
  const size_t qi = (i * a->heads + h) * a->d,
               kj = (j * a->kv_heads + h * a->kv_heads / a->heads) * a->d, row = i * a->heads + h;
  const sl_ball s = sl_ball_mul(sl_bound_dot(a->q + qi, 1, a->k + kj, 1, a->d), scale_of(a->d));
  *probability = sl_ball_mul(sl_ball_exp(sl_ball_sub(s, sl_of_float(a->row_max[row]))),
                             sl_of_float(a->row_scale[row]));
  const sl_ball delta = sl_bound_dot(a->d_o + qi, 1, a->o + qi, 1, a->d),
                dp = sl_bound_dot(a->d_o + qi, 1, a->v + kj, 1, a->d);
  *ds = sl_ball_mul(*probability, sl_ball_sub(dp, delta));
}

/* An anchored dot of ds (with its errors) and k, times scale. */
static void query_grad(const problem *a, sl_ball *dq, sl_ball *ds, size_t first, size_t i,
                       size_t h) {
  sl_ball unused;
  for (size_t j = first; j <= i; j++) pair(a, i, j, h, &unused, &ds[j - first]);
  for (size_t c = 0; c < a->d; c++) {
    sl_ball_sum sum = {0};
    for (size_t j = first; j <= i; j++)
      sl_ball_sum_product(
          &sum, ds[j - first],
          sl_of_float(a->k[(j * a->kv_heads + h * a->kv_heads / a->heads) * a->d + c]));
    dq[(i * a->heads + h) * a->d + c] = sl_ball_slack(
        sl_ball_mul(scale_of(a->d), sl_ball_sum_end(&sum, sl_dot_depth(i - first + 1), SL_ETA)));
  }
}

/* dk, dv of key token j at kv head g: one part a query head (spec N3.4), each anchored over queries
 * j.. end-1. sums: 2 d of them. */
static void key_value_grad(const problem *a, sl_ball *dk, sl_ball *dv, sl_ball_sum *sums,
                           size_t first, size_t end, size_t j, size_t g) {
  const size_t group = a->heads / a->kv_heads, d = a->d, at = (j * a->kv_heads + g) * d;
  for (size_t c = 0; c < 2 * d; c++) sums[c] = (sl_ball_sum){0};
  for (size_t h = g * group; h < (g + 1) * group; h++)
    for (size_t i = j; i < end; i++) {
      sl_ball probability, ds;
      pair(a, i, j, h, &probability, &ds);
      for (size_t c = 0; c < d; c++) {
        sl_ball_sum_product(&sums[c], ds, sl_of_float(a->q[(i * a->heads + h) * d + c]));
        sl_ball_sum_product(&sums[d + c], probability,
                            sl_of_float(a->d_o[(i * a->heads + h) * d + c]));
      }
    }
  const size_t chunks = sl_anchored_chunks(j - first, end - first);
  const size_t depth = sl_anchored_depth(j - first, end - first) + (group - 1) * chunks;
  for (size_t c = 0; c < d; c++) {
    dk[at + c] = sl_ball_slack(sl_ball_mul(scale_of(d), sl_ball_sum_end(&sums[c], depth, SL_ETA)));
    dv[at + c] = sl_ball_slack(sl_ball_sum_end(&sums[d + c], depth, SL_ETA));
  }
}

sl_status sl_bound_attention_backward(sl_ball *dq, sl_ball *dk, sl_ball *dv, const float *d_o,
                                      const float *o, const float *q, const float *k,
                                      const float *v, const float *row_max, const float *row_scale,
                                      const uint32_t *seq, size_t n_seq, size_t heads,
                                      size_t kv_heads, size_t d) {
  const problem a = {d_o, o, q, k, v, row_max, row_scale, heads, kv_heads, d};
  sl_ball *ds = calloc(longest(seq, n_seq) + 1, sizeof *ds);
  sl_ball_sum *sums = calloc(2 * d + 1, sizeof *sums);
  const sl_status status = ds && sums ? SL_OK : SL_ERR_MEMORY;
  for (size_t r = 0; !status && r < n_seq; r++)
    for (size_t i = seq[r]; i < seq[r + 1]; i++) {
      for (size_t h = 0; h < heads; h++) query_grad(&a, dq, ds, seq[r], i, h);
      for (size_t g = 0; g < kv_heads; g++)
        key_value_grad(&a, dk, dv, sums, seq[r], seq[r + 1], i, g);
    }
  free(ds);
  free(sums);
  return status;
}
