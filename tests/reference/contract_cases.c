/* Cases of ops. */
#include "contract_cases.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* All digits of binary64, and its own subnormal numbers. */
static double lengthened(double x, input_kind kind) {
  return ldexp(x * (1.0 + 0x1p-24 * next_uniform()), kind == SUBNORMAL ? -920 : 0);
}

static double *real_numbers(size_t n, sl_format given, input_kind kind, float scale) {
  double *x = take_doubles(n);
  const float *from = fill(n, kind, scale);
  for (size_t i = 0; i < n; i++)
    x[i] = given == SL_FORMAT_F64 ? lengthened((double)from[i], kind)
                                  : sl_format_round(given, (double)from[i]);
  return x;
}

static double *whole_numbers(size_t n, double least, size_t below) {
  double *x = take_doubles(n);
  for (size_t i = 0; i < n; i++) x[i] = least + (double)(next_u64() % below);
  return x;
}

/* Three of four are 1. */
static double *flags(size_t n) {
  double *x = take_doubles(n);
  for (size_t i = 0; i < n; i++) x[i] = next_u64() % 4 > 0 ? 1.0 : 0.0;
  return x;
}

static void make_positive(double *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = fabs(x[i]);
}

sl_op_case case_of(const sl_op *op, const char *shape, const char *contract, sl_format given,
                   input_kind kind) {
  sl_op_case c = sl_op_case_of(op);
  sl_error err = {0};
  cr_assert_eq(sl_op_shape_parse(&c, shape, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_contract_parse(&c.contract, contract, op->stored, &err), SL_OK, "%s",
               err.message);
  for (size_t i = 0; i < sl_op_drawn(op); i++) {
    const sl_op_tensor *t = &op->in[i];
    const size_t n = sl_op_count_of(&c, t);
    const double least = t->kind == SL_TENSOR_LENGTH ? (double)sl_op_size(&c, t->below) : 0.0;
    c.in[i] = t->kind == SL_TENSOR_FLAG ? flags(n)
              : t->below ? whole_numbers(n, least, least > 0.0 ? 1 : sl_op_size(&c, t->below))
                         : real_numbers(n, given, kind, t->kind == SL_TENSOR_LOGIT ? 8.0f : 2.0f);
    if (t->kind == SL_TENSOR_POSITIVE) make_positive((double *)c.in[i], n);
  }
  cr_assert_eq(sl_op_check(&c, &err), SL_OK, "%s", err.message);
  return c;
}

sl_ball *bounds_of(const sl_op_case *c, int out, size_t *n) {
  *n = sl_op_count_of(c, &c->op->out[out]);
  sl_ball *balls = take_balls(*n);
  cr_assert_eq(sl_op_bounds(c, out, 0, *n, balls, NULL), SL_OK);
  return balls;
}

double share_of(const double *x, const sl_ball *balls, size_t n, size_t *at, size_t *unbounded) {
  double largest = 0.0;
  *at = *unbounded = 0;
  for (size_t i = 0; i < n; i++) {
    if (isinf(balls[i].rad) || !isfinite(balls[i].mid)) {
      ++*unbounded;
      continue;
    }
    const double off = fabs(x[i] - balls[i].mid), share = !isfinite(x[i]) ? (double)INFINITY
                                                          : off == 0.0    ? 0.0
                                                          : balls[i].rad == 0.0
                                                              ? (double)INFINITY
                                                              : off / balls[i].rad;
    if (share > largest) largest = share, *at = i;
  }
  return largest;
}
