/* The operations of a gate's program over lanes (spec G3.1, G3.4). Largest errors, measured
 * against MPFR on 10^6 arguments each by tests/kernels/gate/functions64.c: see SL_FN64_ULP
 * in functions64_bounds.def. */
#include "functions64.h"
#include "program.h"

#include "kernels/core/verify.h"

typedef void (*lanes_function)(double *restrict y, const double *const in[4], size_t n);

/* One function an operator: its value at each lane. */
#define LANES_0(value) y[i] = (double)(value), (void)in
#define LANES_1(value)       \
  const double a = in[0][i]; \
  y[i] = (double)(value), (void)a
#define LANES_2(value)                     \
  const double a = in[0][i], b = in[1][i]; \
  y[i] = (double)(value), (void)a, (void)b
#define LANES_4(value)                                                 \
  const double a = in[0][i], b = in[1][i], c = in[2][i], d = in[3][i]; \
  y[i] = (double)(value)
#define SL_OP(name, arity, text, syntax, branches, value)                           \
  static void run_##name(double *restrict y, const double *const in[4], size_t n) { \
    for (size_t i = 0; i < n; i++) {                                                \
      LANES_##arity(value);                                                         \
    }                                                                               \
  }
#include "ops.def"
#undef SL_OP

static const lanes_function run[] = {
#define SL_OP(name, arity, text, syntax, branches, value) run_##name,
#include "ops.def"
#undef SL_OP
};

void sl_operation_run(sl_gate_op op, double *restrict y, const double *const in[4], size_t n) {
  SL_VERIFY(op < SL_OP_COUNT);
  run[op](y, in, n);
}
