/* Kernels at the edge of their contract. */
#include "contract_kernels.h"

#include <math.h>
#include <stdlib.h>

static double linear(const kernel *k, const sl_op_case *c, size_t i) {
  const size_t n = sl_op_size(c, 'n'), m = sl_op_size(c, 'k');
  double y = kernel_dot(k, c->in[0] + i / n * m, 1, c->in[1] + i % n * m, 1, m);
  if (kernel_stored(k, 1)) y = out_round(k, y);
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

static double rmsnorm(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const size_t d = sl_op_size(c, 'd');
  if (out) return scale_of(k, c->in[0] + i * d, d, c->setting[0]);
  const double scale = scale_of(k, c->in[0] + i / d * d, d, c->setting[0]),
               x = acc_seen(k, c->in[0][i]), w = acc_seen(k, c->in[1][i % d]);
  if (kernel_stored(k, 1)) return acc_mul(k, out_round(k, acc_mul(k, x, scale)), w);
  return acc_product3(k, x, scale, w);
}

/* Form bit 2: r g - x (r^3 mean(g x)). */
static double norm_grad(const kernel *k, const sl_op_case *c, size_t i) {
  const size_t d = sl_op_size(c, 'd'), row = i / d * d;
  const double scale = scale_of(k, c->in[1] + row, d, c->setting[0]);
  double *g = kernel_scratch(d), *h = kernel_scratch(d);
  for (size_t e = 0; e < d; e++) {
    g[e] = acc_mul(k, acc_seen(k, c->in[0][row + e]), acc_seen(k, c->in[2][e]));
    h[e] = acc_seen(k, c->in[1][row + e]);
    if (!(k->form & 4)) h[e] = acc_mul(k, h[e], scale);
  }
  const double mean = acc_quotient(k, kernel_inner_dot(k, g, h, d), (double)d), own = g[i - row],
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
  double *term = kernel_scratch(t);
  for (size_t i = 0; i < t; i++)
    term[i] = acc_product3(k, acc_seen(k, c->in[0][i * d + column]),
                           acc_seen(k, c->in[1][i * d + column]),
                           scale_of(k, c->in[1] + i * d, d, c->setting[0]));
  const double sum = kernel_sum(k, term, t);
  free(term);
  return sum;
}

static double swiglu(const kernel *k, const sl_op_case *c, size_t i) {
  const double g = acc_seen(k, c->in[0][i]), u = acc_seen(k, c->in[1][i]), s = acc_sigmoid(k, g);
  if (kernel_stored(k, 1)) return acc_mul(k, out_round(k, acc_mul(k, g, s)), u);
  return acc_product3(k, g, s, u);
}

static double swiglu_grad(const kernel *k, const sl_op_case *c, int out, size_t i) {
  const double dy = acc_seen(k, c->in[0][i]), g = acc_seen(k, c->in[1][i]),
               u = acc_seen(k, c->in[2][i]), s = acc_sigmoid(k, g), rest = acc_add(k, 1.0, -s);
  if (out) return acc_product3(k, dy, g, s);
  if (k->form == 2) /* as automatic differentiation has it, u last */
    return acc_mul(k, acc_mul(k, acc_mul(k, dy, s), acc_add(k, 1.0, acc_mul(k, g, rest))), u);
  const double slope = k->form & 4 ? acc_add(k, s, acc_mul(k, acc_mul(k, g, s), rest))
                                   : acc_mul(k, s, acc_add(k, 1.0, acc_mul(k, g, rest)));
  return acc_product3(k, dy, u, slope);
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

static double table_grad(const kernel *k, const sl_op_case *c, size_t i) {
  const size_t d = sl_op_size(c, 'd'), t = sl_op_size(c, 't');
  double *x = kernel_scratch(t);
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
  if (op == &sl_op_attention) return attention_element(k, c, out, i);
  if (op == &sl_op_logprob_backward) return logit_grad_element(k, c, i);
  if (op == &sl_op_embedding_grad) return table_grad(k, c, i);
  if (op == &sl_op_embedding) {
    const size_t d = sl_op_size(c, 'd');
    return acc_seen(k, c->in[0][(size_t)c->in[1][i / d] * d + i % d]);
  }
  if (op == &sl_op_adamw) return adamw(k, c, out, i);
  if (op == &sl_op_attention_backward) return attention_grad_element(k, c, out, i);
  if (op == &sl_op_gated_loss) return loss_element(k, c, out, i);
  if (op == &sl_op_advantages) return advantage_element(k, c, i);
  if (op == &sl_op_clip_grad_norm) return clip(k, c, out, i);
  return row_element(k, c, out, i);
}

void kernel_run(const kernel *k, const sl_op_case *c, int out, double *x) {
  const size_t n = sl_op_count_of(c, &c->op->out[out]);
  for (size_t i = 0; i < n; i++) x[i] = out_round(k, element(k, c, out, i));
}
