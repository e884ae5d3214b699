/* The operations of a gate's program over lanes (spec G3.1, G3.4). Largest errors, measured against
 * MPFR on 10^6 arguments each by tests/kernels/gate/functions64.c: see SL_FN64_ULP in
 * functions64_bounds.def. */
#include "functions64.h"
#include "program.h"

#define UNARY(name, expression)                                                    \
  static void run_##name(double *restrict y, const double *restrict a, size_t n) { \
    for (size_t i = 0; i < n; i++) y[i] = expression;                              \
  }
#define BINARY(name, expression)                                                           \
  static void run_##name(double *restrict y, const double *a, const double *b, size_t n) { \
    for (size_t i = 0; i < n; i++) y[i] = expression;                                      \
  }

UNARY(neg, -a[i])
UNARY(abs, fabs(a[i]))
UNARY(sign, sl_fn64_sign(a[i]))
UNARY(sqrt, sqrt(a[i]))
UNARY(exp, sl_fn64_exp(a[i]))
UNARY(expm1, sl_fn64_expm1(a[i]))
UNARY(log, sl_fn64_log(a[i]))
UNARY(log1p, sl_fn64_log1p(a[i]))
UNARY(sigmoid, sl_fn64_sigmoid(a[i]))
UNARY(sin, sl_fn64_sin(a[i]))
UNARY(cos, sl_fn64_cos(a[i]))
UNARY(sinh, sl_fn64_sinh(a[i]))
UNARY(cosh, sl_fn64_cosh(a[i]))
UNARY(tanh, sl_fn64_tanh(a[i]))
UNARY(erf, sl_fn64_erf(a[i]))
UNARY(atan, sl_fn64_atan(a[i]))
UNARY(asinh, sl_fn64_asinh(a[i]))
UNARY(softsign, sl_fn64_softsign(a[i]))
BINARY(add, a[i] + b[i])
BINARY(sub, a[i] - b[i])
BINARY(mul, a[i] * b[i])
BINARY(div, a[i] / b[i])
BINARY(min, a[i] <= b[i] ? a[i] : b[i])
BINARY(max, b[i] <= a[i] ? a[i] : b[i])

static void run_pick(double *restrict y, const double *const in[4], size_t n) {
  const double *a = in[0], *b = in[1], *c = in[2], *d = in[3];
  for (size_t i = 0; i < n; i++) y[i] = a[i] <= b[i] ? c[i] : d[i];
}

void sl_operation_run(sl_gate_op op, double *restrict y, const double *const in[4], size_t n) {
  switch (op) {
    case SL_OP_NEG:
      run_neg(y, in[0], n);
      break;
    case SL_OP_ADD:
      run_add(y, in[0], in[1], n);
      break;
    case SL_OP_SUB:
      run_sub(y, in[0], in[1], n);
      break;
    case SL_OP_MUL:
      run_mul(y, in[0], in[1], n);
      break;
    case SL_OP_DIV:
      run_div(y, in[0], in[1], n);
      break;
    case SL_OP_MIN:
      run_min(y, in[0], in[1], n);
      break;
    case SL_OP_MAX:
      run_max(y, in[0], in[1], n);
      break;
    case SL_OP_PICK:
      run_pick(y, in, n);
      break;
    case SL_OP_SIGN:
      run_sign(y, in[0], n);
      break;
    case SL_OP_ABS:
      run_abs(y, in[0], n);
      break;
    case SL_OP_EXP:
      run_exp(y, in[0], n);
      break;
    case SL_OP_EXPM1:
      run_expm1(y, in[0], n);
      break;
    case SL_OP_LOG:
      run_log(y, in[0], n);
      break;
    case SL_OP_LOG1P:
      run_log1p(y, in[0], n);
      break;
    case SL_OP_SQRT:
      run_sqrt(y, in[0], n);
      break;
    case SL_OP_SIGMOID:
      run_sigmoid(y, in[0], n);
      break;
    case SL_OP_SIN:
      run_sin(y, in[0], n);
      break;
    case SL_OP_COS:
      run_cos(y, in[0], n);
      break;
    case SL_OP_SINH:
      run_sinh(y, in[0], n);
      break;
    case SL_OP_COSH:
      run_cosh(y, in[0], n);
      break;
    case SL_OP_TANH:
      run_tanh(y, in[0], n);
      break;
    case SL_OP_ERF:
      run_erf(y, in[0], n);
      break;
    case SL_OP_ATAN:
      run_atan(y, in[0], n);
      break;
    case SL_OP_ASINH:
      run_asinh(y, in[0], n);
      break;
    case SL_OP_SOFTSIGN:
      run_softsign(y, in[0], n);
      break;
    default: /* leaves and POW are no operations of a program */
      for (size_t i = 0; i < n; i++) y[i] = (double)NAN;
      break;
  }
}
