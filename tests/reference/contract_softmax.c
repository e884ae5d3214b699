/* Softmax, log-probabilities and attention at the edge of a contract, and their gradients. */
#include "contract_kernels.h"

#include <math.h>
#include <stdlib.h>

/* Weights of a row against the maximum of its block, and the row's sum; an online softmax takes
 * blocks of the contract's size, and rescales what it has. Form bit 2: scaled arguments by fma and
 * a rounded product of the maximum, where the contract has them. */
typedef struct {
  double max, sum;
  double *weight; /* rescaled to max */
} softmax;

static double weight_at(const kernel *k, double z, double max) {
  if (z == -INFINITY) return 0.0;
  if (k->contract->scaled && k->form & 4) {
    const double log2e = acc_round(k, 0x1.71547652b82fep0), t = acc_mul(k, max, log2e);
    const double x = acc_round(k, fma(z, log2e, -t));
    return x == 0.0 ? 1.0 : acc_err(k, exp2(x), SL_ULPS_EXP);
  }
  return acc_exp(k, acc_add(k, z, -max));
}

static softmax softmax_of(const kernel *k, const double *z, size_t n) {
  softmax s = {-INFINITY, 0.0, kernel_scratch(n)};
  const size_t size = k->contract->online ? k->contract->online : n;
  for (size_t begin = 0; begin < n; begin += size) {
    const size_t end = begin + size < n ? begin + size : n;
    double max = s.max;
    for (size_t j = begin; j < end; j++) max = fmax(max, z[j]);
    if (max == -INFINITY) continue;
    const double factor = s.max == -INFINITY ? 0.0 : acc_exp(k, acc_add(k, s.max, -max));
    for (size_t j = 0; j < begin; j++) s.weight[j] = acc_mul(k, s.weight[j], factor);
    for (size_t j = begin; j < end; j++) s.weight[j] = weight_at(k, z[j], max);
    s.sum = acc_add(k, acc_mul(k, s.sum, factor), kernel_sum(k, s.weight + begin, end - begin));
    s.max = max;
  }
  return s;
}

static void tempered(const kernel *k, const sl_op_case *c, size_t row, double *z) {
  const size_t n = sl_op_size(c, 'v');
  for (size_t j = 0; j < n; j++) {
    z[j] = c->in[0][row * n + j];
    if (z[j] > -INFINITY) z[j] = acc_seen(k, z[j]);
    if (c->setting[0] != 1.0) z[j] = acc_quotient(k, z[j], acc_round(k, c->setting[0]));
  }
}

static double logarithm(const kernel *k, double x) {
  return x == 1.0 ? 0.0 : acc_err(k, log(x), SL_ULPS_LOG);
}

/* Form bit 1: with M + log l. */
static double log_of(const kernel *k, const softmax *s, double z) {
  const double g = logarithm(k, s->sum);
  return k->form & 2 ? acc_add(k, z, -acc_add(k, s->max, g))
                     : acc_add(k, acc_add(k, z, -s->max), -g);
}

/* Forms 0 and 1: -sum p log p; 2 and 3: log l - sum p (z - M); the others M + log l - sum p z. */
static double entropy_of(const kernel *k, const softmax *s, const double *z, size_t n) {
  const double g = logarithm(k, s->sum);
  double *x = kernel_scratch(n);
  for (size_t j = 0; j < n; j++) {
    if (z[j] == -INFINITY) continue;
    const double p = acc_quotient(k, s->weight[j], s->sum);
    x[j] = k->form & 4   ? acc_mul(k, p, z[j])
           : k->form & 2 ? acc_mul(k, p, acc_add(k, z[j], -s->max))
                         : acc_mul(k, p, log_of(k, s, z[j]));
  }
  const double sum = kernel_sum(k, x, n);
  free(x);
  if (k->form & 4) return acc_add(k, acc_add(k, s->max, g), -sum);
  return k->form & 2 ? acc_add(k, g, -sum) : -sum;
}

double row_element(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const size_t n = sl_op_size(c, 'v');
  const int probabilities = c->op == &sl_op_softmax;
  double *z = kernel_scratch(n), y;
  tempered(k, c, probabilities ? i / n : i, z);
  softmax s = softmax_of(k, z, n);
  if (probabilities)
    y = acc_quotient(k, s.weight[i % n], s.sum);
  else
    y = out ? entropy_of(k, &s, z, n) : log_of(k, &s, z[(size_t)c->in[1][i]]);
  free(z);
  free(s.weight);
  return y;
}

/* Form bit 1: divides the weights before the sum. */
double attention_element(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const size_t d = sl_op_size(c, 'd'), h = sl_op_size(c, 'h'), g = sl_op_size(c, 'g'),
               rows = sl_op_size(c, 'i'), keys = sl_op_size(c, 'j');
  const size_t index = out ? i : i / d, b = index / (h * rows), query = index / h % rows,
               kv = index % h / (h / g);
  size_t n = c->in[3] ? (size_t)c->in[3][b] : keys;
  if (c->setting[1] != 0.0) n = n + query + 1 - rows;
  const double scale = acc_round(k, c->setting[0] > 0.0 ? c->setting[0] : 1.0 / sqrt((double)d));
  double *s = kernel_scratch(n), *term = kernel_scratch(n);
  for (size_t j = 0; j < n; j++) {
    const double *key = c->in[1] + ((b * keys + j) * g + kv) * d;
    s[j] = acc_mul(k, kernel_dot(k, c->in[0] + index * d, 1, key, 1, d), scale);
    if (kernel_stored(k, 1)) s[j] = out_round(k, s[j]);
  }
  softmax w = softmax_of(k, s, n);
  for (size_t j = 0; !out && j < n; j++) {
    double p = w.weight[j];
    if (k->form & 2) p = acc_quotient(k, p, w.sum);
    if (kernel_stored(k, 2)) p = out_round(k, p);
    term[j] = p * acc_seen(k, c->in[2][((b * keys + j) * g + kv) * d + i % d]);
    if (k->sum < BLOCKS_CUT) term[j] = acc_round(k, term[j]);
  }
  double y = out ? acc_add(k, w.max, logarithm(k, w.sum)) : kernel_sum(k, term, n);
  if (!out && !(k->form & 2)) y = acc_quotient(k, y, w.sum);
  free(s);
  free(term);
  free(w.weight);
  return y;
}

/* What a backward pass has of one query: form bit 1: P by the saved lse, bit 2: D by the output,
 * and ds as a difference of products. */
static void query_grads(const kernel *k, const sl_op_case *c, size_t index, double *p, double *ds) {
  sl_op_case forward = *c;
  const size_t d = sl_op_size(c, 'd'), h = sl_op_size(c, 'h'), g = sl_op_size(c, 'g'),
               rows = sl_op_size(c, 'i'), keys = sl_op_size(c, 'j'), b = index / (h * rows),
               kv = index % h / (h / g),
               n = c->setting[1] != 0.0 ? keys + index / h % rows + 1 - rows : keys;
  const double scale = acc_round(k, c->setting[0] > 0.0 ? c->setting[0] : 1.0 / sqrt((double)d));
  double *s = kernel_scratch(n), *dp = kernel_scratch(n), delta = 0.0;
  forward.op = &sl_op_attention;
  for (int i = 0; i < 4; i++) forward.in[i] = c->in[i + 1];
  for (size_t j = 0; j < n; j++) {
    const size_t at = ((b * keys + j) * g + kv) * d;
    s[j] = acc_mul(k, kernel_dot(k, c->in[1] + index * d, 1, c->in[2] + at, 1, d), scale);
    if (kernel_stored(k, 1)) s[j] = out_round(k, s[j]);
    dp[j] = kernel_dot(k, c->in[0] + index * d, 1, c->in[3] + at, 1, d);
    if (kernel_stored(k, 4)) dp[j] = out_round(k, dp[j]);
  }
  softmax w = softmax_of(k, s, n);
  const double lse = acc_add(k, w.max, logarithm(k, w.sum));
  for (size_t j = 0; j < n; j++) {
    p[j] = k->form & 2 ? weight_at(k, s[j], lse) : acc_quotient(k, w.weight[j], w.sum);
    if (kernel_stored(k, 2)) p[j] = out_round(k, p[j]);
  }
  if (k->form & 4) {
    double *o = kernel_scratch(d), *up = kernel_scratch(d);
    for (size_t e = 0; e < d; e++)
      o[e] = out_round(k, attention_element(k, &forward, 0, index * d + e)),
      up[e] = acc_seen(k, c->in[0][index * d + e]);
    delta = kernel_inner_dot(k, up, o, d);
    free(o);
    free(up);
  } else {
    delta = kernel_inner_dot(k, p, dp, n);
  }
  for (size_t j = 0; j < n; j++) {
    ds[j] = k->form & 4 ? acc_add(k, acc_mul(k, p[j], dp[j]), -acc_mul(k, p[j], delta))
                        : acc_mul(k, p[j], acc_add(k, dp[j], -delta));
    if (kernel_stored(k, 8)) ds[j] = out_round(k, ds[j]);
  }
  free(s);
  free(dp);
  free(w.weight);
}

double attention_grad_element(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const size_t d = sl_op_size(c, 'd'), h = sl_op_size(c, 'h'), g = sl_op_size(c, 'g'),
               rows = sl_op_size(c, 'i'), keys = sl_op_size(c, 'j');
  const double scale = acc_round(k, c->setting[0] > 0.0 ? c->setting[0] : 1.0 / sqrt((double)d));
  double *p = kernel_scratch(keys), *ds = kernel_scratch(keys),
         *a = kernel_scratch(rows * h + keys), *x = kernel_scratch(rows * h + keys);
  size_t n = 0;
  if (out == 0) {
    const size_t index = i / d, b = index / (h * rows), kv = index % h / (h / g);
    query_grads(k, c, index, p, ds);
    n = c->setting[1] != 0.0 ? keys + index / h % rows + 1 - rows : keys;
    for (size_t j = 0; j < n; j++)
      a[j] = ds[j], x[j] = acc_seen(k, c->in[2][((b * keys + j) * g + kv) * d + i % d]);
  } else {
    const size_t b = i / (d * g * keys), j = i / (d * g) % keys, kv = i / d % g;
    for (size_t head = kv * (h / g); head < (kv + 1) * (h / g); head++)
      for (size_t row = 0; row < rows; row++) {
        const size_t index = (b * rows + row) * h + head;
        if (c->setting[1] != 0.0 && j + rows > keys + row) continue;
        query_grads(k, c, index, p, ds);
        a[n] = out == 1 ? ds[j] : p[j];
        x[n++] = acc_seen(k, c->in[out == 1 ? 1 : 0][index * d + i % d]);
      }
  }
  double y = kernel_inner_dot(k, a, x, n);
  if (out < 2) y = acc_mul(k, y, scale);
  free(p);
  free(ds);
  free(a);
  free(x);
  return y;
}

/* p (1 - sum) as the table, or exp(log p) with form bit 2. */
double logit_grad_element(const kernel *k, const sl_op_case *c, size_t i) {
  const size_t n = sl_op_size(c, 'v'), t = i / n, j = i % n;
  double *z = kernel_scratch(n);
  tempered(k, c, t, z);
  softmax s = softmax_of(k, z, n);
  const double log_p = log_of(k, &s, z[j]), dlogp = acc_seen(k, c->in[2][t]),
               p = k->form & 4 ? acc_exp(k, log_p) : acc_quotient(k, s.weight[j], s.sum);
  double grad = -acc_mul(k, dlogp, p);
  if (j == (size_t)c->in[1][t])
    grad = k->form & 2 ? acc_mul(k, dlogp, acc_add(k, 1.0, -p)) : acc_add(k, dlogp, grad);
  if (c->in[3]) {
    const double slope = acc_add(k, log_p, entropy_of(k, &s, z, n));
    grad = acc_add(k, grad, -acc_product3(k, acc_seen(k, c->in[3][t]), p, slope));
  }
  if (c->setting[0] != 1.0) grad = acc_quotient(k, grad, acc_round(k, c->setting[0]));
  if (z[j] == -INFINITY) grad = 0.0;
  free(z);
  free(s.weight);
  return grad;
}
