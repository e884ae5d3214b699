/* Bounds `add`, `swiglu_forward`, `swiglu_backward`, `rope` and `adamw`: the operations of the
 * clause, one by one (spec T1.6, T1.7, T1.8, T1.10, T1.11, N6.3). */
#include "bounds.h"

#include "bounds_dot.h"

sl_status sl_bound_residual_add(sl_ball *y, const float *a, const float *b, size_t n) {
  for (size_t i = 0; i < n; i++)
    y[i] = sl_ball_slack(sl_ball_add(sl_of_float(a[i]), sl_of_float(b[i])));
  return SL_OK;
}

sl_status sl_bound_swiglu_forward(sl_ball *y, const float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const sl_ball g = sl_of_float(gate[i]);
    y[i] = sl_ball_slack(sl_ball_mul(sl_ball_mul(g, sl_ball_sigmoid(g)), sl_of_float(up[i])));
  }
  return SL_OK;
}

/* du = RN(dy RN(g s)); dg = RN(RN(dy up) RN(s fma(g, RN(1 - s), 1))). The fma crosses 0 near g =
 * -1.28: there its error, of the size u(|g| s + 1), is absolute, and the walk carries it as such.
 */
sl_status sl_bound_swiglu_backward(sl_ball *dgate, sl_ball *dup, const float *dy, const float *gate,
                                   const float *up, size_t n) {
  const sl_ball one = sl_exactly(1.0);
  for (size_t i = 0; i < n; i++) {
    const sl_ball g = sl_of_float(gate[i]), s = sl_ball_sigmoid(g), out = sl_of_float(dy[i]);
    dup[i] = sl_ball_slack(sl_ball_mul(out, sl_ball_mul(g, s)));
    const sl_ball slope = sl_ball_mul(s, sl_ball_fma(g, sl_ball_sub(one, s), one));
    dgate[i] = sl_ball_slack(sl_ball_mul(sl_ball_mul(out, sl_of_float(up[i])), slope));
  }
  return SL_OK;
}

/* y = fma(-b, sin, RN(a cos)) and fma(a, sin, RN(b cos)); back: sin negated. */
static void rotate(sl_ball *y, const float *x, const uint32_t *position, const float *cos_table,
                   const float *sin_table, size_t t, size_t heads, size_t d, float direction) {
  for (size_t i = 0; i < t * heads; i++)
    for (size_t c = 0; c < d / 2; c++) {
      const size_t lo = i * d + c, hi = lo + d / 2, at = position[i / heads] * (d / 2) + c;
      const sl_ball cosine = sl_of_float(cos_table[at]),
                    sine = sl_of_float(direction * sin_table[at]);
      const sl_ball a = sl_of_float(x[lo]), b = sl_of_float(x[hi]);
      y[lo] = sl_ball_slack(sl_ball_fma(sl_ball_neg(b), sine, sl_ball_mul(a, cosine)));
      y[hi] = sl_ball_slack(sl_ball_fma(a, sine, sl_ball_mul(b, cosine)));
    }
}

sl_status sl_bound_rope_forward(sl_ball *x, const float *x0, const uint32_t *position,
                                const float *cos_table, const float *sin_table, size_t t,
                                size_t heads, size_t d) {
  rotate(x, x0, position, cos_table, sin_table, t, heads, d, 1.0f);
  return SL_OK;
}

sl_status sl_bound_rope_backward(sl_ball *dx, const float *dx0, const uint32_t *position,
                                 const float *cos_table, const float *sin_table, size_t t,
                                 size_t heads, size_t d) {
  rotate(dx, dx0, position, cos_table, sin_table, t, heads, d, -1.0f);
  return SL_OK;
}

#define MOMENT_FLOOR 0x1p-100

/* |m| < 2^-100 becomes +0 (spec N6.3). Where the ball touches the floor the kernel may go either
 * way. */
static sl_ball floored(sl_ball m) {
  const double size = m.mid < 0.0 ? -m.mid : m.mid;
  const sl_ball zero = sl_exactly(0.0);
  if (size < MOMENT_FLOOR) return size + m.rad < MOMENT_FLOOR ? zero : sl_ball_either(zero, m);
  return size - m.rad >= MOMENT_FLOOR ? m : sl_ball_either(m, zero);
}

sl_status sl_bound_adamw_step(sl_ball *p, sl_ball *m, sl_ball *v, const float *p0, const float *m0,
                              const float *v0, const float *g, const sl_adamw *scalars, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const sl_ball gi = sl_ball_mul(sl_of_float(g[i]), sl_of_float(scalars->grad_scale));
    const sl_ball m1 = floored(sl_ball_fma(sl_of_float(scalars->b1), sl_of_float(m0[i]),
                                           sl_ball_mul(sl_of_float(scalars->one_b1), gi)));
    const sl_ball square = sl_ball_mul(sl_ball_mul(sl_of_float(scalars->one_b2), gi), gi);
    const sl_ball v1 = floored(sl_ball_fma(sl_of_float(scalars->b2), sl_of_float(v0[i]), square));
    const sl_ball root = sl_ball_add(sl_ball_sqrt(sl_ball_mul(v1, sl_of_float(scalars->c2))),
                                     sl_of_float(scalars->eps));
    const sl_ball update = sl_ball_div(sl_ball_mul(m1, sl_of_float(scalars->c1)), root);
    const sl_ball kept = sl_ball_mul(sl_of_float(p0[i]), sl_of_float(scalars->decay));
    p[i] = sl_ball_slack(sl_ball_fma(sl_of_float(-scalars->lr), update, kept));
    m[i] = sl_ball_slack(m1);
    v[i] = sl_ball_slack(v1);
  }
  return SL_OK;
}
