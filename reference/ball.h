/* Balls: an exact value and a bound on how far the binary32 value of a kernel can lie from it. A
 * bound is derived by walking the operations of a clause, in their order, with the standard model
 * of rounding (Higham, Accuracy and Stability, 2.2, with underflow):
 *
 *   RN(a op b) = (a op b)(1 + delta) + eta,  |delta| <= u = 2^-24,  |eta| <= 2^-150,  eta = 0 for +
 * and - (they are exact when the result is subnormal),
 *
 * and for n roundings on a path, gamma_n = n u / (1 - n u). Operands carry their own errors: op is
 * applied to the worst pair.
 *
 * Slack. mid and rad are binary64. What binary64 itself gets wrong is the same derivation with
 * 2^-53 for u, so at most n 2^-29 of rad where the bound does n operations for one of the kernel;
 * sl_ball_slack multiplies a finished rad by 1 + 2^-10, which covers n <= 2^18, the evaluation of
 * rad and a libm within one ulp. Tests compare mid with the independent references of kernels.h,
 * within that slack. No overflow: where |mid| + rad could pass the largest binary32, rad is
 * infinite and nothing is claimed. */
#ifndef SLUICE_REFERENCE_BALL_H
#define SLUICE_REFERENCE_BALL_H

#include <stddef.h>

#define SL_U 0x1p-24
#define SL_ETA 0x1p-150
#define SL_U_64 0x1p-53
#define SL_BALL_SLACK (1.0 + 0x1p-10)

typedef struct {
  double mid, rad;
} sl_ball;

static inline sl_ball sl_exactly(double x) { return (sl_ball){x, 0.0}; }

double sl_gamma(size_t n);
/* The rounding of a value within `error` of mid; underflow is SL_ETA or 0. */
sl_ball sl_ball_round(double mid, double error, double underflow);
/* A real constant rounded to binary32. */
sl_ball sl_ball_constant(double x);
/* A finished bound (see Slack above); a NaN becomes infinite. */
sl_ball sl_ball_slack(sl_ball x);
/* x, or y, whichever the kernel's branch takes: the exact value is x. */
sl_ball sl_ball_either(sl_ball x, sl_ball y);

sl_ball sl_ball_neg(sl_ball a);
sl_ball sl_ball_add(sl_ball a, sl_ball b);
sl_ball sl_ball_sub(sl_ball a, sl_ball b);
sl_ball sl_ball_mul(sl_ball a, sl_ball b);
sl_ball sl_ball_div(sl_ball a, sl_ball b);
sl_ball sl_ball_fma(sl_ball a, sl_ball b, sl_ball c);
sl_ball sl_ball_sqrt(sl_ball a);
/* a in [lo, hi] by min and max: exact, and no step larger than its argument's. */
sl_ball sl_ball_clamp(sl_ball a, double lo, double hi);

/* Correctly rounded functions (spec N2.1) of a ball. */
sl_ball sl_ball_exp(sl_ball a);
sl_ball sl_ball_expm1(sl_ball a);
sl_ball sl_ball_log(sl_ball a);
sl_ball sl_ball_rsqrt(sl_ball a);
sl_ball sl_ball_sigmoid(sl_ball a);
sl_ball sl_ball_erf(sl_ball a);
sl_ball sl_ball_atan(sl_ball a);
sl_ball sl_ball_sech2h(sl_ball a);
sl_ball sl_ball_gaussh(sl_ball a);
sl_ball sl_ball_lorentz(sl_ball a);
sl_ball sl_ball_rhypot3(sl_ball a);

/* A reduction in the making: the exact sum, the sum of magnitudes, the errors that the terms bring
 * along. */
typedef struct {
  double mid, magnitude, error;
  size_t terms;
} sl_ball_sum;

void sl_ball_sum_add(sl_ball_sum *s, sl_ball a);
void sl_ball_sum_product(sl_ball_sum *s, sl_ball a, sl_ball b);
/* |computed - exact| <= errors + gamma_depth * magnitude + terms * underflow * (1 + gamma_depth):
 * each term goes through at most `depth` roundings, each of which may underflow once. */
sl_ball sl_ball_sum_end(const sl_ball_sum *s, size_t depth, double underflow);

#endif
