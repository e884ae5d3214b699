/* Kernels at the edge of their contract. */
#include "contract_kernels.h"
#include "inputs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double acc_round(const kernel *k, double x) {
  const double y = sl_format_round(k->contract->acc, x),
               normal = ldexp(1.0, sl_format_least(k->contract->acc));
  return k->contract->flushed && fabs(y) < normal ? 0.0 * y : y;
}

static double out_round(const kernel *k, double x) { return sl_format_round(k->contract->out, x); }

double acc_seen(const kernel *k, double x) {
  const sl_contract *c = k->contract;
  if (c->reduced && !sl_format_holds(c->in, x)) {
    const double ulp = sl_format_ulp(c->in, x);
    x = trunc(x / ulp) * ulp;
  }
  return c->flushed && fabs(x) < ldexp(1.0, sl_format_least(c->acc)) ? 0.0 * x : x;
}

double acc_err(const kernel *k, double exact, sl_ulps_of which) {
  const double u = sl_format_unit(k->contract->acc),
               most = (2.0 * k->contract->ulps[which] - 1.0) * u * 0.999;
  const double side = k->push ? (double)k->push : 2.0 * next_uniform() - 1.0;
  return acc_round(k, exact * (1.0 + side * fmax(most, 0.0)));
}

double acc_add(const kernel *k, double a, double b) { return acc_round(k, a + b); }
double acc_mul(const kernel *k, double a, double b) { return acc_round(k, a * b); }

double acc_quotient(const kernel *k, double a, double b) {
  if (k->form & 1) return acc_mul(k, a, acc_err(k, 1.0 / b, SL_ULPS_DIV));
  return acc_err(k, a / b, SL_ULPS_DIV);
}

static double exponential(const kernel *k, double x) {
  return x == 0.0 ? 1.0 : acc_err(k, exp(x), SL_ULPS_EXP);
}

/* exp by exp2 of a scaled argument: the constant, the product and the function are rounded. */
static double scaled_exponential(const kernel *k, double x) {
  const double t = acc_mul(k, x, acc_round(k, 0x1.71547652b82fep0));
  return t == 0.0 ? 1.0 : acc_err(k, exp2(t), SL_ULPS_EXP);
}

double acc_exp(const kernel *k, double x) {
  return k->contract->scaled ? scaled_exponential(k, x) : exponential(k, x);
}

static int larger_first(const void *a, const void *b) {
  const double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
  return (x < y) - (x > y);
}

/* Adds pairs until one is left; HALVES takes neighbours, TREE any two. */
static double reduce(const kernel *k, double *x, size_t n, int neighbours) {
  while (n > 1) {
    if (neighbours) {
      for (size_t i = 0; i < n / 2; i++) x[i] = acc_add(k, x[2 * i], x[2 * i + 1]);
      if (n % 2) x[n / 2] = x[n - 1];
      n = (n + 1) / 2;
    } else {
      const size_t i = next_u64() % n;
      const double taken = x[i];
      x[i] = x[--n];
      const size_t j = next_u64() % n;
      x[j] = acc_add(k, x[j], taken);
    }
  }
  return n ? x[0] : 0.0;
}

static double chain(const kernel *k, const double *x, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum = acc_add(k, sum, x[i]);
  return sum;
}

static double split(const kernel *k, double *x, size_t n) {
  size_t parts = 0;
  for (size_t i = 0; i < n;) {
    size_t run = 1 + next_u64() % (n / 4 + 1);
    if (run > n - i) run = n - i;
    const double part = chain(k, x + i, run);
    x[parts++] = part;
    i += run;
  }
  return reduce(k, x, parts, 0);
}

static double cut(double x, int exponent, int down) {
  const double unit = ldexp(1.0, (exponent < -126 ? -126 : exponent) - 23);
  return (down ? floor(x / unit) : trunc(x / unit)) * unit;
}

/* One block: aligned to the largest exponent, cut, added exactly (26 bits and few terms), cut. */
static double block(const double *x, size_t n, double sum, int down) {
  int exponent = sum != 0.0 ? ilogb(sum) : -1000;
  for (size_t i = 0; i < n; i++)
    if (x[i] != 0.0 && ilogb(x[i]) > exponent) exponent = ilogb(x[i]);
  double total = cut(sum, exponent, down);
  for (size_t i = 0; i < n; i++) total += cut(x[i], exponent, down);
  return total == 0.0 ? 0.0 : cut(total, ilogb(total), down);
}

static double blocks(const kernel *k, const double *x, size_t n, int down) {
  const size_t size = k->contract->block;
  double sum = 0.0;
  for (size_t i = 0; i < n; i += size) sum = block(x + i, n - i < size ? n - i : size, sum, down);
  return sum;
}

int kernel_may(const sl_contract *c, arrangement sum) {
  if (c->order == SL_ORDER_PAIRWISE) return sum == HALVES;
  if (c->order == SL_ORDER_BLOCKS) return sum >= BLOCKS_CUT;
  if (c->order == SL_ORDER_CHAIN) return sum <= DESCENDING;
  return sum < BLOCKS_CUT;
}

static double arrange(const kernel *k, double *x, size_t n) {
  if (k->sum == LARGEST_FIRST) qsort(x, n, sizeof *x, larger_first);
  if (k->sum == DESCENDING)
    for (size_t i = 0; i < n / 2; i++) {
      const double swapped = x[i];
      x[i] = x[n - 1 - i], x[n - 1 - i] = swapped;
    }
  if (k->sum == TREE || k->sum == HALVES) return reduce(k, x, n, k->sum == HALVES);
  if (k->sum == SPLIT) return split(k, x, n);
  if (k->sum >= BLOCKS_CUT) return blocks(k, x, n, k->sum == BLOCKS_FLOOR);
  return chain(k, x, n);
}

static double *scratch(size_t n) {
  double *x = calloc(n + 1, sizeof *x);
  cr_assert_not_null(x);
  return x;
}

double kernel_sum(const kernel *k, const double *term, size_t n) {
  double *x = scratch(n);
  if (n) memcpy(x, term, n * sizeof *x);
  const double sum = arrange(k, x, n);
  free(x);
  return sum;
}

double kernel_dot(const kernel *k, const double *a, size_t step_a, const double *b, size_t step_b,
                  size_t n) {
  if (k->sum == ASCENDING && k->contract->acc == SL_FORMAT_F32 && !k->contract->flushed) {
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
      sum = fmaf((float)acc_seen(k, a[i * step_a]), (float)(b ? acc_seen(k, b[i * step_b]) : 1.0),
                 sum);
    return (double)sum;
  }
  double *x = scratch(n);
  for (size_t i = 0; i < n; i++) {
    x[i] = acc_seen(k, a[i * step_a]) * (b ? acc_seen(k, b[i * step_b]) : 1.0);
    if (k->sum < BLOCKS_CUT) x[i] = acc_round(k, x[i]);
  }
  const double sum = arrange(k, x, n);
  free(x);
  return sum;
}

/* A dot of numbers that the kernel has made itself. */
static double inner_dot(const kernel *k, const double *a, const double *b, size_t n) {
  double *x = scratch(n);
  for (size_t i = 0; i < n; i++)
    x[i] = k->sum < BLOCKS_CUT ? acc_round(k, a[i] * b[i]) : a[i] * b[i];
  const double sum = arrange(k, x, n);
  free(x);
  return sum;
}

static int stored(const kernel *k, unsigned bit) { return (k->contract->stored & bit) != 0; }

static double linear(const kernel *k, const sl_op_case *c, size_t i) {
  const size_t n = sl_op_size(c, 'n'), m = sl_op_size(c, 'k');
  double y = kernel_dot(k, c->in[0] + i / n * m, 1, c->in[1] + i % n * m, 1, m);
  if (stored(k, 1)) y = out_round(k, y);
  return c->in[2] ? acc_add(k, y, acc_seen(k, c->in[2][i % n])) : y;
}

static double weight_grad(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const size_t n = sl_op_size(c, 'n'), m = sl_op_size(c, 'k'), t = sl_op_size(c, 't');
  if (out) return kernel_dot(k, c->in[0] + i, n, NULL, 0, t);
  return kernel_dot(k, c->in[0] + i / m, n, c->in[1] + i % m, m, t);
}

/* Form bit 1: by a root and a quotient. */
static double scale_of(const kernel *k, const double *x, size_t d, double eps) {
  const double mean = acc_quotient(k, kernel_dot(k, x, 1, x, 1, d), (double)d),
               shifted = acc_add(k, mean, acc_round(k, eps));
  if (k->form & 2) return acc_quotient(k, 1.0, acc_round(k, sqrt(shifted)));
  return acc_err(k, 1.0 / sqrt(shifted), SL_ULPS_RSQRT);
}

/* Form bits 1 and 2: which two of three factors come first. */
static double product3(const kernel *k, double a, double b, double c) {
  if (k->form & 4) return acc_mul(k, a, acc_mul(k, b, c));
  return k->form & 2 ? acc_mul(k, acc_mul(k, a, c), b) : acc_mul(k, acc_mul(k, a, b), c);
}

static double rmsnorm(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const size_t d = sl_op_size(c, 'd');
  if (out) return scale_of(k, c->in[0] + i * d, d, c->setting[0]);
  const double scale = scale_of(k, c->in[0] + i / d * d, d, c->setting[0]),
               x = acc_seen(k, c->in[0][i]), w = acc_seen(k, c->in[1][i % d]);
  if (stored(k, 1)) return acc_mul(k, out_round(k, acc_mul(k, x, scale)), w);
  return product3(k, x, scale, w);
}

/* Form bit 2: r g - x (r^3 mean(g x)). */
static double norm_grad(const kernel *k, const sl_op_case *c, size_t i) {
  const size_t d = sl_op_size(c, 'd'), row = i / d * d;
  const double scale = scale_of(k, c->in[1] + row, d, c->setting[0]);
  double *g = scratch(d), *h = scratch(d);
  for (size_t e = 0; e < d; e++) {
    g[e] = acc_mul(k, acc_seen(k, c->in[0][row + e]), acc_seen(k, c->in[2][e]));
    h[e] = acc_seen(k, c->in[1][row + e]);
    if (!(k->form & 4)) h[e] = acc_mul(k, h[e], scale);
  }
  const double mean = acc_quotient(k, inner_dot(k, g, h, d), (double)d), own = g[i - row],
               x = h[i - row];
  free(g);
  free(h);
  if (!(k->form & 4)) return acc_mul(k, scale, acc_add(k, own, -acc_mul(k, x, mean)));
  const double cube = acc_mul(k, acc_mul(k, scale, scale), scale);
  return acc_add(k, acc_mul(k, scale, own), -acc_mul(k, x, acc_mul(k, mean, cube)));
}

/* The sum over tokens of dy x r, each product in an order of the form's. */
static double norm_weight_grad(const kernel *k, const sl_op_case *c, size_t column) {
  const size_t d = sl_op_size(c, 'd'), t = sl_op_size(c, 't');
  double *term = scratch(t);
  for (size_t i = 0; i < t; i++)
    term[i] =
        product3(k, acc_seen(k, c->in[0][i * d + column]), acc_seen(k, c->in[1][i * d + column]),
                 scale_of(k, c->in[1] + i * d, d, c->setting[0]));
  const double sum = kernel_sum(k, term, t);
  free(term);
  return sum;
}

double acc_sigmoid(const kernel *k, double x) {
  return acc_quotient(k, 1.0, acc_add(k, 1.0, acc_exp(k, -x)));
}

static double swiglu(const kernel *k, const sl_op_case *c, size_t i) {
  const double g = acc_seen(k, c->in[0][i]), u = acc_seen(k, c->in[1][i]), s = acc_sigmoid(k, g);
  if (stored(k, 1)) return acc_mul(k, out_round(k, acc_mul(k, g, s)), u);
  return product3(k, g, s, u);
}

static double swiglu_grad(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const double dy = acc_seen(k, c->in[0][i]), g = acc_seen(k, c->in[1][i]),
               u = acc_seen(k, c->in[2][i]), s = acc_sigmoid(k, g), rest = acc_add(k, 1.0, -s);
  if (out) return product3(k, dy, g, s);
  if (k->form == 2) /* as automatic differentiation has it, u last */
    return acc_mul(k, acc_mul(k, acc_mul(k, dy, s), acc_add(k, 1.0, acc_mul(k, g, rest))), u);
  const double slope = k->form & 4 ? acc_add(k, s, acc_mul(k, acc_mul(k, g, s), rest))
                                   : acc_mul(k, s, acc_add(k, 1.0, acc_mul(k, g, rest)));
  return product3(k, dy, u, slope);
}

static double rope(const kernel *k, const sl_op_case *c, size_t i) {
  const size_t half = sl_op_size(c, 'c'), d = 2 * half, e = i % d,
               token = i / (d * sl_op_size(c, 'h'));
  const size_t at = (size_t)c->in[1][token] * half + e % half,
               pair = e < half ? i + half : i - half;
  const double cosine = acc_seen(k, c->in[2][at]),
               sine = (e < half ? -1.0 : 1.0) * c->setting[0] * acc_seen(k, c->in[3][at]);
  return acc_add(k, acc_mul(k, acc_seen(k, c->in[0][i]), cosine),
                 acc_mul(k, acc_seen(k, c->in[0][pair]), sine));
}

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
  softmax s = {-INFINITY, 0.0, scratch(n)};
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
  double *x = scratch(n);
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

static double row_op(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const size_t n = sl_op_size(c, 'v');
  const int probabilities = c->op == &sl_op_softmax;
  double *z = scratch(n), y;
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
static double attention(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const size_t d = sl_op_size(c, 'd'), h = sl_op_size(c, 'h'), g = sl_op_size(c, 'g'),
               rows = sl_op_size(c, 'i'), keys = sl_op_size(c, 'j');
  const size_t index = out ? i : i / d, b = index / (h * rows), query = index / h % rows,
               kv = index % h / (h / g);
  size_t n = c->in[3] ? (size_t)c->in[3][b] : keys;
  if (c->setting[1] != 0.0) n = n + query + 1 - rows;
  const double scale = acc_round(k, c->setting[0] > 0.0 ? c->setting[0] : 1.0 / sqrt((double)d));
  double *s = scratch(n), *term = scratch(n);
  for (size_t j = 0; j < n; j++) {
    const double *key = c->in[1] + ((b * keys + j) * g + kv) * d;
    s[j] = acc_mul(k, kernel_dot(k, c->in[0] + index * d, 1, key, 1, d), scale);
    if (stored(k, 1)) s[j] = out_round(k, s[j]);
  }
  softmax w = softmax_of(k, s, n);
  for (size_t j = 0; !out && j < n; j++) {
    double p = w.weight[j];
    if (k->form & 2) p = acc_quotient(k, p, w.sum);
    if (stored(k, 2)) p = out_round(k, p);
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
  double *s = scratch(n), *dp = scratch(n), delta = 0.0;
  forward.op = &sl_op_attention;
  for (int i = 0; i < 4; i++) forward.in[i] = c->in[i + 1];
  for (size_t j = 0; j < n; j++) {
    const size_t at = ((b * keys + j) * g + kv) * d;
    s[j] = acc_mul(k, kernel_dot(k, c->in[1] + index * d, 1, c->in[2] + at, 1, d), scale);
    if (stored(k, 1)) s[j] = out_round(k, s[j]);
    dp[j] = kernel_dot(k, c->in[0] + index * d, 1, c->in[3] + at, 1, d);
    if (stored(k, 4)) dp[j] = out_round(k, dp[j]);
  }
  softmax w = softmax_of(k, s, n);
  const double lse = acc_add(k, w.max, logarithm(k, w.sum));
  for (size_t j = 0; j < n; j++) {
    p[j] = k->form & 2 ? weight_at(k, s[j], lse) : acc_quotient(k, w.weight[j], w.sum);
    if (stored(k, 2)) p[j] = out_round(k, p[j]);
  }
  if (k->form & 4) {
    double *o = scratch(d), *up = scratch(d);
    for (size_t e = 0; e < d; e++)
      o[e] = out_round(k, attention(k, &forward, 0, index * d + e)),
      up[e] = acc_seen(k, c->in[0][index * d + e]);
    delta = inner_dot(k, up, o, d);
    free(o);
    free(up);
  } else {
    delta = inner_dot(k, p, dp, n);
  }
  for (size_t j = 0; j < n; j++) {
    ds[j] = k->form & 4 ? acc_add(k, acc_mul(k, p[j], dp[j]), -acc_mul(k, p[j], delta))
                        : acc_mul(k, p[j], acc_add(k, dp[j], -delta));
    if (stored(k, 8)) ds[j] = out_round(k, ds[j]);
  }
  free(s);
  free(dp);
  free(w.weight);
}

static double attention_grad(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const size_t d = sl_op_size(c, 'd'), h = sl_op_size(c, 'h'), g = sl_op_size(c, 'g'),
               rows = sl_op_size(c, 'i'), keys = sl_op_size(c, 'j');
  const double scale = acc_round(k, c->setting[0] > 0.0 ? c->setting[0] : 1.0 / sqrt((double)d));
  double *p = scratch(keys), *ds = scratch(keys), *a = scratch(rows * h + keys),
         *x = scratch(rows * h + keys);
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
  double y = inner_dot(k, a, x, n);
  if (out < 2) y = acc_mul(k, y, scale);
  free(p);
  free(ds);
  free(a);
  free(x);
  return y;
}

/* p (1 - sum) as the table, or exp(log p) with form bit 2. */
static double logit_grad(const kernel *k, const sl_op_case *c, size_t i) {
  const size_t n = sl_op_size(c, 'v'), t = i / n, j = i % n;
  double *z = scratch(n);
  tempered(k, c, t, z);
  softmax s = softmax_of(k, z, n);
  const double log_p = log_of(k, &s, z[j]), dlogp = acc_seen(k, c->in[2][t]),
               p = k->form & 4 ? acc_exp(k, log_p) : acc_quotient(k, s.weight[j], s.sum);
  double grad = -acc_mul(k, dlogp, p);
  if (j == (size_t)c->in[1][t])
    grad = k->form & 2 ? acc_mul(k, dlogp, acc_add(k, 1.0, -p)) : acc_add(k, dlogp, grad);
  if (c->in[3]) {
    const double slope = acc_add(k, log_p, entropy_of(k, &s, z, n));
    grad = acc_add(k, grad, -product3(k, acc_seen(k, c->in[3][t]), p, slope));
  }
  if (c->setting[0] != 1.0) grad = acc_quotient(k, grad, acc_round(k, c->setting[0]));
  if (z[j] == -INFINITY) grad = 0.0;
  free(z);
  free(s.weight);
  return grad;
}

static double table_grad(const kernel *k, const sl_op_case *c, size_t i) {
  const size_t d = sl_op_size(c, 'd'), t = sl_op_size(c, 't');
  double *x = scratch(t);
  size_t n = 0;
  for (size_t token = 0; token < t; token++)
    if ((size_t)c->in[1][token] == i / d) x[n++] = acc_seen(k, c->in[0][token * d + i % d]);
  const double sum = kernel_sum(k, x, n);
  free(x);
  return sum;
}

/* Form bit 1: m by interpolation; bit 2: the root of the quotient. */
static double adamw(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const double *s = c->setting, p = acc_seen(k, c->in[0][i]), g = acc_seen(k, c->in[1][i]),
               b1 = acc_round(k, s[1]), b2 = acc_round(k, s[2]), lr = acc_round(k, s[0]);
  const double rest1 = k->form & 1 ? acc_round(k, 1.0 - b1) : acc_round(k, 1.0 - s[1]),
               rest2 = k->form & 1 ? acc_round(k, 1.0 - b2) : acc_round(k, 1.0 - s[2]);
  double m = acc_seen(k, c->in[2][i]), v = acc_seen(k, c->in[3][i]);
  m = k->form & 2 ? acc_add(k, m, acc_mul(k, rest1, acc_add(k, g, -m)))
                  : acc_add(k, acc_mul(k, b1, m), acc_mul(k, rest1, g));
  v = acc_add(
      k, acc_mul(k, b2, v),
      k->form & 2 ? acc_mul(k, rest2, acc_mul(k, g, g)) : acc_mul(k, acc_mul(k, rest2, g), g));
  if (out) return out == 1 ? m : v;
  const double c1 = 1.0 - pow(s[1], s[5]), c2 = 1.0 - pow(s[2], s[5]);
  double root = k->form & 4 ? acc_round(k, sqrt(acc_quotient(k, v, acc_round(k, c2))))
                            : acc_quotient(k, acc_round(k, sqrt(v)), acc_round(k, sqrt(c2)));
  root = acc_add(k, root, acc_round(k, s[3]));
  const double first = acc_round(k, 1.0 / c1),
               scaled = k->form & 4 ? acc_mul(k, acc_mul(k, m, lr), first)
                                    : acc_mul(k, acc_mul(k, m, first), lr),
               update = acc_quotient(k, scaled, root),
               kept = k->form & 2 ? acc_mul(k, p, acc_round(k, 1.0 - s[0] * s[4]))
                                  : acc_add(k, p, -acc_mul(k, p, acc_round(k, s[0] * s[4])));
  return acc_add(k, kept, -update);
}

/* Form bit 1: the norm of two norms. */
static double clip(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const size_t n = sl_op_size(c, 'n'), half = k->form & 2 ? n / 2 : 0;
  const double *g = c->in[0];
  double squares = kernel_dot(k, g + half, 1, g + half, 1, n - half);
  if (half) {
    const double a = acc_round(k, sqrt(kernel_dot(k, g, 1, g, 1, half))),
                 b = acc_round(k, sqrt(squares));
    squares = acc_add(k, acc_mul(k, a, a), acc_mul(k, b, b));
  }
  const double norm = acc_round(k, sqrt(squares)),
               share = acc_quotient(k, acc_round(k, c->setting[0]),
                                    acc_add(k, norm, acc_round(k, c->setting[1])));
  return out ? norm : acc_mul(k, acc_seen(k, g[i]), share < 1.0 ? share : 1.0);
}

static double element(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const sl_op *op = c->op;
  const size_t n = sl_op_size(c, 'n'), m = sl_op_size(c, 'k');
  if (op == &sl_op_linear) return linear(k, c, i);
  if (op == &sl_op_linear_input_grad)
    return kernel_dot(k, c->in[0] + i / m * n, 1, c->in[1] + i % m, m, n);
  if (op == &sl_op_linear_weight_grad) return weight_grad(k, c, out, i);
  if (op == &sl_op_add) return acc_add(k, acc_seen(k, c->in[0][i]), acc_seen(k, c->in[1][i]));
  if (op == &sl_op_rmsnorm) return rmsnorm(k, c, out, i);
  if (op == &sl_op_rmsnorm_backward) return out ? norm_weight_grad(k, c, i) : norm_grad(k, c, i);
  if (op == &sl_op_swiglu) return swiglu(k, c, i);
  if (op == &sl_op_swiglu_backward) return swiglu_grad(k, c, out, i);
  if (op == &sl_op_rope) return rope(k, c, i);
  if (op == &sl_op_attention) return attention(k, c, out, i);
  if (op == &sl_op_logprob_backward) return logit_grad(k, c, i);
  if (op == &sl_op_embedding_grad) return table_grad(k, c, i);
  if (op == &sl_op_embedding) {
    const size_t d = sl_op_size(c, 'd');
    return acc_seen(k, c->in[0][(size_t)c->in[1][i / d] * d + i % d]);
  }
  if (op == &sl_op_adamw) return adamw(k, c, out, i);
  if (op == &sl_op_attention_backward) return attention_grad(k, c, out, i);
  if (op == &sl_op_gated_loss) return loss_element(k, c, out, i);
  if (op == &sl_op_advantages) return advantage_element(k, c, i);
  if (op == &sl_op_clip_grad_norm) return clip(k, c, out, i);
  return row_op(k, c, out, i);
}

void kernel_run(const kernel *k, const sl_op_case *c, int out, double *x) {
  const size_t n = sl_op_count_of(c, &c->op->out[out]);
  for (size_t i = 0; i < n; i++) x[i] = out_round(k, element(k, c, out, i));
}
