/* Arithmetic at the edge of a contract: operations, functions and sums in any order. */
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

double out_round(const kernel *k, double x) { return sl_format_round(k->contract->out, x); }

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

double *kernel_scratch(size_t n) {
  double *x = calloc(n + 1, sizeof *x);
  cr_assert_not_null(x);
  return x;
}

double kernel_sum(const kernel *k, const double *term, size_t n) {
  double *x = kernel_scratch(n);
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
  double *x = kernel_scratch(n);
  for (size_t i = 0; i < n; i++) {
    x[i] = acc_seen(k, a[i * step_a]) * (b ? acc_seen(k, b[i * step_b]) : 1.0);
    if (k->sum < BLOCKS_CUT) x[i] = acc_round(k, x[i]);
  }
  const double sum = arrange(k, x, n);
  free(x);
  return sum;
}

double kernel_inner_dot(const kernel *k, const double *a, const double *b, size_t n) {
  double *x = kernel_scratch(n);
  for (size_t i = 0; i < n; i++)
    x[i] = k->sum < BLOCKS_CUT ? acc_round(k, a[i] * b[i]) : a[i] * b[i];
  const double sum = arrange(k, x, n);
  free(x);
  return sum;
}

double acc_sigmoid(const kernel *k, double x) {
  return acc_quotient(k, 1.0, acc_add(k, 1.0, acc_exp(k, -x)));
}

int kernel_stored(const kernel *k, unsigned bit) { return (k->contract->stored & bit) != 0; }

double acc_product3(const kernel *k, double a, double b, double c) {
  if (k->form & 4) return acc_mul(k, a, acc_mul(k, b, c));
  return k->form & 2 ? acc_mul(k, acc_mul(k, a, c), b) : acc_mul(k, acc_mul(k, a, b), c);
}
