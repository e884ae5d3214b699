/* Kernels of the loss and of advantages at the edge of their contract. */
#include "contract_kernels.h"
#include "inputs.h"

#include "reference/contract/loss_gate.h"
#include "reference/contract/loss_settings.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static size_t slots(const sl_op_case *c) { return sl_op_size(c, 't'); }

static double tokens_of(const sl_op_case *c, size_t s) {
  double n = 0.0;
  for (size_t t = 0; t < slots(c); t++) n += c->in[MASK][s * slots(c) + t];
  return n;
}

static void counts(const sl_op_case *c, double *sequences, double *tokens) {
  *sequences = *tokens = 0.0;
  for (size_t s = 0; s < sl_op_size(c, 's'); s++)
    *tokens += tokens_of(c, s), *sequences += tokens_of(c, s) > 0.0;
  if (c->setting[SEQUENCES] > 0.0) *sequences = c->setting[SEQUENCES];
  if (c->setting[TOKENS] > 0.0) *tokens = c->setting[TOKENS];
}

/* Form bit 1: by quotients, else by constants. */
static double share_of(const kernel *k, const sl_op_case *c, size_t s) {
  double sequences, tokens, per = tokens_of(c, s);
  counts(c, &sequences, &tokens);
  if (c->setting[AGGREGATION] == 1.0) sequences = tokens, per = 1.0;
  if (c->setting[AGGREGATION] == 2.0) per = c->setting[LENGTH];
  if (k->form & 2) return acc_quotient(k, acc_quotient(k, 1.0, sequences), per);
  if (k->form & 4) return acc_round(k, 1.0 / (sequences * per));
  return acc_mul(k, acc_round(k, 1.0 / sequences), acc_round(k, 1.0 / per));
}

static double clamp(const sl_op_case *c, double x) {
  return fmin(fmax(x, -c->setting[CLAMP]), c->setting[CLAMP]);
}

static double difference(const kernel *k, const sl_op_case *c, int other, size_t i) {
  return acc_add(k, acc_seen(k, c->in[NEW][i]), -acc_seen(k, c->in[other][i]));
}

static double log_ratio(const kernel *k, const sl_op_case *c, size_t i) {
  if (c->setting[LEVEL] == 0.0) return difference(k, c, OLD, i);
  const size_t first = i / slots(c) * slots(c);
  double x[64];
  cr_assert(slots(c) <= 64);
  for (size_t t = 0; t < slots(c); t++)
    x[t] = c->in[MASK][first + t] != 0.0 ? difference(k, c, OLD, first + t) : 0.0;
  return acc_quotient(k, kernel_sum(k, x, slots(c)), tokens_of(c, i / slots(c)));
}

static double error_function(const kernel *k, double exact) {
  return exact == 0.0 ? 0.0 : acc_err(k, exact, SL_ULPS_EXP);
}

/* Value and weight; form bit 1 takes the constants of the value along: *chain. */
typedef struct {
  double f, w, chain;
} gate;

static double two_sides(const kernel *k, double z) {
  if (k->form & 2)
    return acc_mul(k, acc_mul(k, 4.0, acc_sigmoid(k, fabs(z))), acc_sigmoid(k, -fabs(z)));
  const double t = acc_exp(k, -fabs(z)), sum = acc_add(k, 1.0, t);
  return acc_quotient(k, acc_mul(k, 4.0, t), acc_mul(k, sum, sum));
}

static gate sigmoid_gate(const kernel *k, double tau, double z, int product) {
  const double s = acc_sigmoid(k, z), scale = acc_quotient(k, 4.0, tau);
  gate g = {k->form & 4 ? acc_mul(k, scale, s) : acc_quotient(k, acc_mul(k, 4.0, s), tau),
            two_sides(k, z), 1.0};
  if (product) {
    g.w = acc_mul(k, s, acc_add(k, 1.0, -s));
    g.chain = acc_mul(k, scale, tau);
  }
  return g;
}

static gate erf_gate(const kernel *k, double tau, double z) {
  const double x = acc_mul(k, z, acc_round(k, 0x1.6a09e667f3bcdp-1)),
               scale = acc_quotient(k, acc_round(k, 0x1.40d931ff62706p+0), tau);
  gate g = {acc_add(k, 1.0, acc_mul(k, scale, error_function(k, erf(x)))), 0.0, 1.0};
  if (!(k->form & 2)) {
    g.w = acc_exp(k, -acc_mul(k, z, z) / 2.0);
    return g;
  }
  g.w = acc_exp(k, -acc_mul(k, x, x));
  g.chain = acc_mul(k, scale, acc_round(k, 0x1.20dd750429b6dp+0));
  g.chain = acc_mul(k, acc_mul(k, g.chain, acc_round(k, 0x1.6a09e667f3bcdp-1)), tau);
  return g;
}

static gate arctan_gate(const kernel *k, double tau, double z) {
  const double f = acc_quotient(k, error_function(k, atan(z)), tau);
  return (gate){acc_add(k, 1.0, f), acc_quotient(k, 1.0, acc_add(k, 1.0, acc_mul(k, z, z))),
                k->form & 2 ? acc_mul(k, acc_quotient(k, 1.0, tau), tau) : 1.0};
}

static gate softsign_gate(const kernel *k, double y, double z, int product) {
  const double square = acc_mul(k, z, z), q = acc_add(k, 1.0, square), root = acc_round(k, sqrt(q)),
               h = acc_err(k, 1.0 / sqrt(q), SL_ULPS_RSQRT), cube = acc_mul(k, acc_mul(k, h, h), h);
  gate g = {acc_add(k, 1.0, k->form & 4 ? acc_mul(k, y, h) : acc_quotient(k, y, root)), cube, 1.0};
  if (k->form & 4) g.w = acc_quotient(k, 1.0, acc_mul(k, q, root));
  if (product) g.w = acc_add(k, h, -acc_mul(k, square, cube));
  return g;
}

static gate clip_gate(const sl_op_case *c, double r, int positive) {
  const double edge =
      (double)(float)(positive ? 1.0 + c->setting[CLIP_HIGH] : 1.0 - c->setting[CLIP_LOW]);
  const int open = positive ? r <= edge : r >= edge;
  return (gate){open ? r : edge, open, 1.0};
}

static gate gate_at(const kernel *k, const sl_op_case *c, double r, int positive) {
  const double tau = acc_round(k, positive ? c->setting[TAU_POS] : c->setting[TAU_NEG]),
               y = acc_add(k, r, -1.0), z = acc_mul(k, tau, y);
  const int product = c->setting[WEIGHT_FORM] == 1.0;
  switch ((int)c->setting[GATE]) {
    case SL_LOSS_GATE_SIGMOID:
      return sigmoid_gate(k, tau, z, product);
    case SL_LOSS_GATE_ERF:
      return erf_gate(k, tau, z);
    case SL_LOSS_GATE_ARCTAN:
      return arctan_gate(k, tau, z);
    case SL_LOSS_GATE_SOFTSIGN:
      return softsign_gate(k, y, z, product);
    case SL_LOSS_GATE_CLIP:
      return clip_gate(c, r, positive);
    case SL_LOSS_GATE_EXPRESSION: {
      gate g = {.chain = 1.0};
      kernel_expression(k, &c->form->side[positive], r, &g.f, &g.w);
      return g;
    }
    case SL_LOSS_GATE_CISPO:
      return (gate){(double)NAN, r <= c->setting[CAP] ? 1.0 : c->setting[CAP] / r, 1.0};
    default:
      return (gate){r, 1.0, 1.0};
  }
}

/* Factors in random order, as whoever wrote the kernel liked it. */
static double product(const kernel *k, double *factor, size_t n) {
  double x = 0.0;
  for (size_t left = n; left > 0; left--) {
    const size_t at = next_u64() % left;
    x = left == n ? factor[at] : acc_mul(k, x, factor[at]);
    factor[at] = factor[left - 1];
  }
  return x;
}

static double policy_grad(const kernel *k, const sl_op_case *c, size_t i) {
  const double x0 = log_ratio(k, c, i), advantage = acc_seen(k, c->in[ADVANTAGE][i / slots(c)]);
  if (fabs(x0) > c->setting[CLAMP]) return 0.0;
  const double r = acc_exp(k, clamp(c, x0));
  const gate g = gate_at(k, c, r, advantage > 0.0);
  const int capped = c->setting[GATE] == SL_LOSS_GATE_CISPO;
  double factor[] = {-advantage, share_of(k, c, i / slots(c)),
                     capped ? fmin(r, c->setting[CAP]) : r, capped ? 1.0 : g.w, g.chain};
  const double d = product(k, factor, 5), n = tokens_of(c, i / slots(c));
  if (c->setting[LEVEL] == 0.0 || !(k->form & 4)) return d;
  double same[64];
  for (size_t t = 0; t < (size_t)n; t++) same[t] = d;
  return acc_quotient(k, kernel_sum(k, same, (size_t)n), n);
}

/* k3 by its three terms with form bit 1. */
static double with_kl(const kernel *k, const sl_op_case *c, size_t i, double d) {
  const double y0 = difference(k, c, REF, i), y = clamp(c, y0), e = acc_exp(k, -y),
               beta = acc_round(k, c->setting[BETA]), share = share_of(k, c, i / slots(c));
  if (y0 != y) return d;
  if (c->setting[KL] == 2.0 && k->form & 2) {
    double one[] = {beta, share}, other[] = {beta, share, -e};
    return acc_add(k, acc_add(k, product(k, one, 2), product(k, other, 3)), d);
  }
  const double slope = c->setting[KL] == 0.0   ? 1.0
                       : c->setting[KL] == 1.0 ? y
                       : k->form & 4           ? -error_function(k, expm1(-y))
                                               : acc_add(k, 1.0, -e);
  double factor[] = {beta, share, slope};
  return acc_add(k, d, product(k, factor, 3));
}

static double kl_value(const kernel *k, const sl_op_case *c, size_t i) {
  const double y = clamp(c, difference(k, c, REF, i)), e = acc_exp(k, -y);
  if (c->setting[KL] == 0.0) return y;
  if (c->setting[KL] == 1.0) return acc_round(k, acc_mul(k, y, y) / 2.0);
  if (k->form & 2) return acc_add(k, acc_add(k, e, -1.0), y);
  return k->form & 4 ? acc_add(k, acc_add(k, e, y), -1.0)
                     : acc_add(k, error_function(k, expm1(-y)), y);
}

static double term(const kernel *k, const sl_op_case *c, size_t i, int which, double share) {
  const double advantage = acc_seen(k, c->in[ADVANTAGE][i / slots(c)]);
  double factor[] = {share, 1.0, 1.0};
  if (which == 0) {
    factor[1] = -advantage;
    factor[2] = gate_at(k, c, acc_exp(k, clamp(c, log_ratio(k, c, i))), advantage > 0.0).f;
  } else if (which == 1) {
    factor[1] = acc_round(k, c->setting[BETA]), factor[2] = kl_value(k, c, i);
  } else {
    factor[1] = acc_round(k, -c->setting[GAMMA]), factor[2] = acc_seen(k, c->in[ENTROPY][i]);
  }
  return product(k, factor, 3);
}

static int has_term(const sl_op_case *c, int which) {
  return which == 0 || (which == 1 ? c->setting[BETA] != 0.0 : c->setting[GAMMA] != 0.0);
}

/* The mean of one term over the slots: form bit 1: sums by sequence, divided by n_i and by N at the
 * end; else all at once. */
static double mean_of(const kernel *k, const sl_op_case *c, int which) {
  const size_t n = sl_op_size(c, 's') * slots(c);
  double *x = calloc(n + 1, sizeof *x), sequences, tokens;
  counts(c, &sequences, &tokens);
  const int nested = k->form & 2 && c->setting[AGGREGATION] == 0.0;
  for (size_t i = 0; i < n; i++)
    if (c->in[MASK][i] != 0.0)
      x[i] = term(k, c, i, which, nested ? 1.0 : share_of(k, c, i / slots(c)));
  double sum;
  if (nested) {
    double by[64] = {0};
    for (size_t s = 0; s < sl_op_size(c, 's'); s++)
      if (tokens_of(c, s) > 0.0)
        by[s] = acc_quotient(k, kernel_sum(k, x + s * slots(c), slots(c)), tokens_of(c, s));
    sum = acc_quotient(k, kernel_sum(k, by, sl_op_size(c, 's')), sequences);
  } else {
    sum = kernel_sum(k, x, n);
  }
  free(x);
  return sum;
}

double loss_element(const kernel *k, const sl_op_case *c, int out, size_t i) {
  if (out == 2) {
    double sum = mean_of(k, c, 0);
    for (int which = 1; which < 3; which++)
      if (has_term(c, which)) sum = acc_add(k, sum, mean_of(k, c, which));
    return sum;
  }
  if (c->in[MASK][i] == 0.0) return 0.0;
  if (out == 1) return acc_mul(k, acc_round(k, -c->setting[GAMMA]), share_of(k, c, i / slots(c)));
  const double d = policy_grad(k, c, i);
  return c->setting[BETA] != 0.0 ? with_kl(k, c, i, d) : d;
}

/* Mean and sum of squares of a piece. */
typedef struct {
  double n, mean, squares;
} part;

/* Form bit 2: merged from halves, else one reward after the other. */
static part moments(const kernel *k, const double *x, size_t n) {
  part a = {1.0, x[0], 0.0};
  if (k->form & 4 && n > 1) {
    const part b = moments(k, x + n / 2, n - n / 2);
    a = moments(k, x, n / 2);
    const double d = acc_add(k, b.mean, -a.mean), share = acc_quotient(k, b.n, (double)n);
    a.squares = acc_add(k, acc_add(k, a.squares, b.squares),
                        acc_mul(k, acc_mul(k, d, d), acc_mul(k, a.n, share)));
    a.mean = acc_add(k, a.mean, acc_mul(k, d, share));
    a.n = (double)n;
    return a;
  }
  for (size_t i = 1; i < n; i++) {
    const double d = acc_add(k, x[i], -a.mean);
    a.mean = acc_add(k, a.mean, acc_quotient(k, d, (double)(i + 1)));
    a.squares = acc_add(k, a.squares, acc_mul(k, d, acc_add(k, x[i], -a.mean)));
  }
  a.n = (double)n;
  return a;
}

/* Form bit 1: by running or merged moments, else in two passes. */
static double deviation(const kernel *k, const sl_op_case *c, const double *x, size_t n,
                        double mean) {
  double *square = calloc(n, sizeof *square);
  for (size_t i = 0; i < n; i++) {
    const double d = acc_add(k, x[i], -mean);
    square[i] = acc_mul(k, d, d);
  }
  const double sum = k->form & 2 ? moments(k, x, n).squares : kernel_sum(k, square, n),
               ddof = c->setting[0] == 1.0;
  free(square);
  return acc_add(k, acc_round(k, sqrt(acc_quotient(k, sum, (double)n - ddof))),
                 acc_round(k, c->setting[1]));
}

static double left_out(const kernel *k, const double *x, size_t n, size_t own, double mean) {
  const double rest = (double)n - 1.0, sum = kernel_sum(k, x, n);
  if (k->form & 2) return acc_add(k, x[own], -acc_quotient(k, acc_add(k, sum, -x[own]), rest));
  if (k->form & 4) return acc_mul(k, acc_add(k, x[own], -mean), acc_quotient(k, (double)n, rest));
  double *others = calloc(n, sizeof *others);
  for (size_t i = 0, to = 0; i < n; i++)
    if (i != own) others[to++] = x[i];
  const double mean_of_others = acc_quotient(k, kernel_sum(k, others, n - 1), rest);
  free(others);
  return acc_add(k, x[own], -mean_of_others);
}

double advantage_element(const kernel *k, const sl_op_case *c, size_t i) {
  const size_t all = sl_op_size(c, 'n');
  double *x = calloc(all, sizeof *x);
  size_t n = 0, own = 0, equal = 1;
  for (size_t j = 0; j < all; j++) {
    if (c->in[1][j] != c->in[1][i]) continue;
    if (j == i) own = n;
    if (c->in[0][j] != c->in[0][i]) equal = 0;
    x[n++] = acc_seen(k, c->in[0][j]);
  }
  const int has_deviation = c->setting[0] < 2.0;
  double mean = acc_quotient(k, kernel_sum(k, x, n), (double)n), a = 0.0;
  if (has_deviation && k->form & 2) mean = moments(k, x, n).mean;
  const double centred = acc_add(k, x[own], -mean);
  if (has_deviation && !equal)
    a = acc_quotient(k, centred, deviation(k, c, x, n, mean));
  else if (c->setting[0] == 2.0)
    a = centred;
  else if (c->setting[0] == 3.0 && n > 1)
    a = left_out(k, x, n, own, mean);
  free(x);
  return a;
}
