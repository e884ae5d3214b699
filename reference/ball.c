/* Balls: rounding error carried through the operations of a clause (ball.h gives the model). */
#include "ball.h"

#include <float.h>
#include <math.h>

double sl_gamma(size_t n) {
  const double nu = (double)n * SL_U;
  return nu < 1.0 ? nu / (1.0 - nu) : INFINITY;
}

sl_ball sl_ball_round(double mid, double error, double underflow) {
  const double largest = fabs(mid) + error;
  const sl_ball r = {mid,
                     largest <= (double)FLT_MAX ? error + SL_U * largest + underflow : INFINITY};
  return r;
}

sl_ball sl_ball_constant(double x) { return sl_ball_round(x, 0.0, SL_ETA); }

sl_ball sl_ball_slack(sl_ball x) {
  x.rad = x.rad <= DBL_MAX / 2 ? x.rad * SL_BALL_SLACK : INFINITY;
  return x;
}

sl_ball sl_ball_either(sl_ball x, sl_ball y) {
  x.rad = fmax(x.rad, fabs(x.mid - y.mid) + y.rad);
  return x;
}

sl_ball sl_ball_neg(sl_ball a) { return (sl_ball){-a.mid, a.rad}; }
sl_ball sl_ball_add(sl_ball a, sl_ball b) {
  return sl_ball_round(a.mid + b.mid, a.rad + b.rad, 0.0);
}
sl_ball sl_ball_sub(sl_ball a, sl_ball b) { return sl_ball_add(a, sl_ball_neg(b)); }

/* Error of a product before it is rounded: (a + da)(b + db) - ab */
static double product_error(sl_ball a, sl_ball b) {
  return fabs(a.mid) * b.rad + fabs(b.mid) * a.rad + a.rad * b.rad;
}

sl_ball sl_ball_mul(sl_ball a, sl_ball b) {
  return sl_ball_round(a.mid * b.mid, product_error(a, b), SL_ETA);
}

sl_ball sl_ball_fma(sl_ball a, sl_ball b, sl_ball c) {
  return sl_ball_round(fma(a.mid, b.mid, c.mid), product_error(a, b) + c.rad, SL_ETA);
}

/* (a + da)/(b + db) - a/b = (da - (a/b) db)/(b + db) */
sl_ball sl_ball_div(sl_ball a, sl_ball b) {
  const double q = a.mid / b.mid, left = fabs(b.mid) - b.rad;
  return sl_ball_round(q, left > 0.0 ? (a.rad + fabs(q) * b.rad) / left : INFINITY, SL_ETA);
}

/* |sqrt(a + da) - sqrt(a)| = |da| / (sqrt(a + da) + sqrt(a)), and at most sqrt(|da|); no underflow
 */
sl_ball sl_ball_sqrt(sl_ball a) {
  const double root = sqrt(a.mid), both = root + sqrt(fmax(a.mid - a.rad, 0.0));
  return sl_ball_round(root, both > 0.0 ? fmin(a.rad / both, sqrt(a.rad)) : sqrt(a.rad), 0.0);
}

sl_ball sl_ball_clamp(sl_ball a, double lo, double hi) {
  if (a.mid + a.rad <= lo) return sl_exactly(lo);
  if (a.mid - a.rad >= hi) return sl_exactly(hi);
  return (sl_ball){fmin(fmax(a.mid, lo), hi), a.rad};
}

/* f(a + da) where |d log |f|| <= slope on the ball: |f(a + da) - f(a)| <= |f(a)| (e^(slope da) - 1)
 */
static sl_ball by_log_slope(double value, double slope, double rad) {
  const double growth = rad > 0.0 ? expm1(slope * rad) : 0.0;
  return sl_ball_round(value, growth > 0.0 ? fmax(fabs(value), DBL_MIN) * growth : 0.0, SL_ETA);
}

/* A function with values in [0, 1], as real number and as binary32: its error is at most 1. */
static sl_ball in_unit_interval(sl_ball y) {
  y.rad = y.rad < 1.0 ? y.rad : 1.0;
  return y;
}

/* f(a + da) where |f'| <= slope */
static sl_ball by_slope(double value, double slope, double rad) {
  return sl_ball_round(value, rad > 0.0 ? slope * rad : 0.0, SL_ETA);
}

/* The smallest and largest |a| in the ball. */
static double nearest(sl_ball a) { return fmax(fabs(a.mid) - a.rad, 0.0); }
static double farthest(sl_ball a) { return fabs(a.mid) + a.rad; }

sl_ball sl_ball_exp(sl_ball a) { return by_log_slope(exp(a.mid), 1.0, a.rad); }

/* (e^x - 1)' = e^x */
sl_ball sl_ball_expm1(sl_ball a) {
  return sl_ball_round(expm1(a.mid), exp(a.mid) * expm1(a.rad), SL_ETA);
}

/* log(a - da) is the farther side */
sl_ball sl_ball_log(sl_ball a) {
  return sl_ball_round(log(a.mid), a.rad < a.mid ? -log1p(-a.rad / a.mid) : INFINITY, SL_ETA);
}

/* (a - da)^(-1/2) - a^(-1/2) is the farther side */
sl_ball sl_ball_rsqrt(sl_ball a) {
  const double value = 1.0 / sqrt(a.mid), part = a.rad / a.mid;
  return sl_ball_round(value, part < 1.0 ? value * expm1(-0.5 * log1p(-part)) : INFINITY, SL_ETA);
}

/* (log s)' = 1 - s <= 1 and s' = s (1 - s) <= 1/4 */
sl_ball sl_ball_sigmoid(sl_ball a) {
  const double value = a.mid >= 0.0 ? 1.0 / (1.0 + exp(-a.mid)) : exp(a.mid) / (1.0 + exp(a.mid));
  const sl_ball relative = by_log_slope(value, 1.0, a.rad), absolute = by_slope(value, 0.25, a.rad);
  return in_unit_interval(relative.rad < absolute.rad ? relative : absolute);
}

/* erf' = 2/sqrt(pi) e^(-z^2), largest at the |z| nearest to 0 */
sl_ball sl_ball_erf(sl_ball a) {
  return by_slope(erf(a.mid), 0x1.20dd750429b6ep+0 * exp(-nearest(a) * nearest(a)), a.rad);
}

/* atan' = 1/(1 + z^2) */
sl_ball sl_ball_atan(sl_ball a) {
  return by_slope(atan(a.mid), 1.0 / (1.0 + nearest(a) * nearest(a)), a.rad);
}

/* sech^2(z/2): (log)' = -tanh(z/2), so slope 1 */
sl_ball sl_ball_sech2h(sl_ball a) {
  const double e = exp(-fabs(a.mid));
  return in_unit_interval(by_log_slope(4.0 * e / ((1.0 + e) * (1.0 + e)), 1.0, a.rad));
}

/* e^(-z^2/2): (log)' = -z. Beyond |z| = 16 the value is below 2^-184 and the binary32 result is
 * within SL_ETA of 0. */
sl_ball sl_ball_gaussh(sl_ball a) {
  const double value = exp(-a.mid * a.mid / 2.0);
  if (nearest(a) > 16.0) return (sl_ball){value, SL_ETA};
  return in_unit_interval(by_log_slope(value, farthest(a), a.rad));
}

/* 1/(1 + z^2): |(log)'| = 2|z|/(1 + z^2) <= min(1, 2/|z|) */
sl_ball sl_ball_lorentz(sl_ball a) {
  return in_unit_interval(
      by_log_slope(1.0 / (1.0 + a.mid * a.mid), fmin(1.0, 2.0 / fmax(nearest(a), 1.0)), a.rad));
}

/* (1 + z^2)^(-3/2): |(log)'| = 3|z|/(1 + z^2) <= min(3/2, 3/|z|) */
sl_ball sl_ball_rhypot3(sl_ball a) {
  const double s = 1.0 + a.mid * a.mid;
  return in_unit_interval(
      by_log_slope(1.0 / (s * sqrt(s)), fmin(1.5, 3.0 / fmax(nearest(a), 1.0)), a.rad));
}

void sl_ball_sum_add(sl_ball_sum *s, sl_ball a) {
  s->mid += a.mid;
  s->magnitude += fabs(a.mid) + a.rad;
  s->error += a.rad;
  s->terms++;
}

void sl_ball_sum_product(sl_ball_sum *s, sl_ball a, sl_ball b) {
  const double product = a.mid * b.mid, error = product_error(a, b);
  s->mid += product;
  s->magnitude += fabs(product) + error;
  s->error += error;
  s->terms++;
}

sl_ball sl_ball_sum_end(const sl_ball_sum *s, size_t depth, double underflow) {
  const double gamma = sl_gamma(depth);
  const double rad = s->error + gamma * s->magnitude + (double)s->terms * underflow * (1.0 + gamma);
  return (sl_ball){s->mid, (1.0 + SL_U) * s->magnitude + rad <= (double)FLT_MAX ? rad : INFINITY};
}
