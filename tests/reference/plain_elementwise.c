/* Plain against reference: norms, elementwise kernels, RoPE, AdamW (bounds rmsnorm_*, add,
 * swiglu_*, rope, adamw). */
#include "compare.h"
#include "inputs.h"
#include "plain_context.h"
#include "reference/rope.h"

#include <math.h>

static const size_t widths[] = {1, 2, 3, 31, 33, 255, 257, 1023, 1025, 2100};
#define N_WIDTHS (sizeof widths / sizeof *widths)
#define ROWS 3

Test(plain_elementwise, rmsnorm) {
  inputs_begin("rmsnorm");
  sl_context *ctx = plain_context();
  comparison y = comparison_of("rmsnorm_forward y", SL_KERNEL_rmsnorm_forward),
             r = comparison_of("rmsnorm_forward rstd", SL_KERNEL_rmsnorm_forward);
  comparison b = comparison_of("rmsnorm_backward dx", SL_KERNEL_rmsnorm_backward);
  for (size_t l = 0; l < N_WIDTHS; l++)
    for (input_kind kind = 0; kind < KINDS; kind++) {
      const size_t d = widths[l], n = ROWS * d;
      const float eps = kind == SUBNORMAL ? 0x1p-100f : 1e-6f;
      const float *x = fill(n, kind, kind == SUBNORMAL ? 0x1p+80f : 1.0f),
                  *w = fill(d, SPREAD, 1.0f);
      const float *dy = fill(n, kind, 1.0f), *residual = kind % 2 ? fill(n, RANDOM, 1.0f) : NULL;
      float *out = take_floats(n), *rstd = take_floats(ROWS), *dx = take_floats(n);
      double *exact = take_doubles(n), *exact_rstd = take_doubles(ROWS);
      sl_ball *bound = take_balls(n), *bound_rstd = take_balls(ROWS);
      cr_assert_eq(sl_rmsnorm_forward(ctx, out, rstd, x, w, ROWS, d, eps), SL_OK);
      cr_assert_eq(sl_ref_rmsnorm_forward(exact, exact_rstd, x, w, ROWS, d, eps), SL_OK);
      cr_assert_eq(sl_bound_rmsnorm_forward(bound, bound_rstd, x, w, ROWS, d, eps), SL_OK);
      compare_floats(&y, out, exact, bound, n);
      compare_floats(&r, rstd, exact_rstd, bound_rstd, ROWS);
      cr_assert_eq(sl_rmsnorm_backward(ctx, dx, dy, x, w, rstd, residual, ROWS, d), SL_OK);
      cr_assert_eq(sl_ref_rmsnorm_backward(exact, dy, x, w, rstd, residual, ROWS, d), SL_OK);
      cr_assert_eq(sl_bound_rmsnorm_backward(bound, dy, x, w, rstd, residual, ROWS, d), SL_OK);
      compare_floats(&b, dx, exact, bound, n);
    }
  comparison_end(&y, SLACK_LIMIT);
  comparison_end(&r, SLACK_LIMIT);
  comparison_end(&b, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

/* Gates of every size: SiLU's derivative cancels near -1.28 and vanishes far out. */
static float *gate_values(size_t n, input_kind kind) {
  float *g = fill(n, kind, kind == RANDOM ? 20.0f : 1.0f);
  for (size_t i = 0; kind == CANCELLING && i < n; i++) g[i] = -1.2784645f + g[i] * 0x1p-10f;
  return g;
}

Test(plain_elementwise, residual_and_swiglu) {
  inputs_begin("residual_add, swiglu");
  sl_context *ctx = plain_context();
  comparison a = comparison_of("residual_add y", SL_KERNEL_residual_add),
             f = comparison_of("swiglu_forward y", SL_KERNEL_swiglu_forward);
  comparison g = comparison_of("swiglu_backward dgate", SL_KERNEL_swiglu_backward),
             u = comparison_of("swiglu_backward dup", SL_KERNEL_swiglu_backward);
  for (input_kind kind = 0; kind < KINDS; kind++) {
    const size_t n = 3001;
    const float *gate = gate_values(n, kind), *up = fill(n, kind, 1.0f),
                *dy = fill(n, kind == SUBNORMAL ? RANDOM : kind, 1.0f);
    float *y = take_floats(n), *z = take_floats(n);
    double *exact = take_doubles(n), *exact_z = take_doubles(n);
    sl_ball *bound = take_balls(n), *bound_z = take_balls(n);
    cr_assert_eq(sl_residual_add(ctx, y, up, dy, n), SL_OK);
    cr_assert_eq(sl_ref_residual_add(exact, up, dy, n), SL_OK);
    cr_assert_eq(sl_bound_residual_add(bound, up, dy, n), SL_OK);
    compare_floats(&a, y, exact, bound, n);
    cr_assert_eq(sl_swiglu_forward(ctx, y, gate, up, n), SL_OK);
    cr_assert_eq(sl_ref_swiglu_forward(exact, gate, up, n), SL_OK);
    cr_assert_eq(sl_bound_swiglu_forward(bound, gate, up, n), SL_OK);
    compare_floats(&f, y, exact, bound, n);
    cr_assert_eq(sl_swiglu_backward(ctx, y, z, dy, gate, up, n), SL_OK);
    cr_assert_eq(sl_ref_swiglu_backward(exact, exact_z, dy, gate, up, n), SL_OK);
    cr_assert_eq(sl_bound_swiglu_backward(bound, bound_z, dy, gate, up, n), SL_OK);
    compare_floats(&g, y, exact, bound, n);
    compare_floats(&u, z, exact_z, bound_z, n);
  }
  comparison_end(&a, SLACK_LIMIT);
  comparison_end(&f, SLACK_LIMIT);
  comparison_end(&g, SLACK_LIMIT);
  comparison_end(&u, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

Test(plain_elementwise, rope) {
  inputs_begin("rope");
  sl_context *ctx = plain_context();
  comparison f = comparison_of("rope_forward x", SL_KERNEL_rope_forward),
             b = comparison_of("rope_backward dx", SL_KERNEL_rope_backward);
  const size_t t = 50, heads = 3, d = 16, positions = 400, n = t * heads * d;
  float *cosine = take_floats(positions * d / 2), *sine = take_floats(positions * d / 2);
  const sl_ref_rope plain = {.kind = SL_REF_PLAIN};
  sl_ref_rope_tables(cosine, sine, positions, d, 1000000.0, &plain);
  uint32_t *position = take_words(t);
  for (size_t i = 0; i < t; i++) position[i] = (uint32_t)(next_u64() % positions);
  for (input_kind kind = 0; kind < KINDS; kind++) {
    const float *x0 = fill(n, kind, 1.0f);
    float *x = copy_floats(x0, n);
    double *exact = take_doubles(n);
    sl_ball *bound = take_balls(n);
    cr_assert_eq(sl_rope_forward(ctx, x, position, cosine, sine, t, heads, d, positions), SL_OK);
    cr_assert_eq(sl_ref_rope_forward(exact, x0, position, cosine, sine, t, heads, d), SL_OK);
    cr_assert_eq(sl_bound_rope_forward(bound, x0, position, cosine, sine, t, heads, d), SL_OK);
    compare_floats(&f, x, exact, bound, n);
    x = copy_floats(x0, n);
    cr_assert_eq(sl_rope_backward(ctx, x, position, cosine, sine, t, heads, d, positions), SL_OK);
    cr_assert_eq(sl_ref_rope_backward(exact, x0, position, cosine, sine, t, heads, d), SL_OK);
    cr_assert_eq(sl_bound_rope_backward(bound, x0, position, cosine, sine, t, heads, d), SL_OK);
    compare_floats(&b, x, exact, bound, n);
  }
  comparison_end(&f, SLACK_LIMIT);
  comparison_end(&b, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

/* A few moments sit at the floor 2^-100, where a last bit decides. */
static float *moments(size_t n, input_kind kind, int positive) {
  float *m = fill(n, kind, 1.0f);
  for (size_t i = 0; i < n; i++) {
    if (i % 17 == 0) m[i] = 0x1p-100f * (1.0f + 0x1p-3f * m[i]);
    if (positive) m[i] = fabsf(m[i]);
  }
  return m;
}

Test(plain_elementwise, adamw) {
  inputs_begin("adamw_step");
  sl_context *ctx = plain_context();
  comparison p = comparison_of("adamw_step p", SL_KERNEL_adamw_step),
             m = comparison_of("adamw_step m", SL_KERNEL_adamw_step);
  comparison v = comparison_of("adamw_step v", SL_KERNEL_adamw_step);
  const size_t n = 3001;
  for (input_kind kind = 0; kind < KINDS; kind++)
    for (int early = 0; early < 2; early++) {
      const sl_adamw scalars = {
          early ? 1.0f : 0.37f,   0.9f,  0.999f, 0.1f,     0.001f, early ? 10.0f : 1.0f,
          early ? 1000.0f : 1.0f, 3e-4f, 1e-8f,  0.99997f, 0};
      const float *p0 = fill(n, kind, 1.0f), *m0 = moments(n, kind, 0), *v0 = moments(n, kind, 1),
                  *g = fill(n, kind, 1.0f);
      float *np = copy_floats(p0, n), *nm = copy_floats(m0, n), *nv = copy_floats(v0, n);
      double *ep = take_doubles(n), *em = take_doubles(n), *ev = take_doubles(n);
      sl_ball *bp = take_balls(n), *bm = take_balls(n), *bv = take_balls(n);
      cr_assert_eq(sl_adamw_step(ctx, np, nm, nv, g, &scalars, n), SL_OK);
      cr_assert_eq(sl_ref_adamw_step(ep, em, ev, p0, m0, v0, g, &scalars, n), SL_OK);
      cr_assert_eq(sl_bound_adamw_step(bp, bm, bv, p0, m0, v0, g, &scalars, n), SL_OK);
      compare_floats(&p, np, ep, bp, n);
      compare_floats(&m, nm, em, bm, n);
      compare_floats(&v, nv, ev, bv, n);
    }
  comparison_end(&p, SLACK_LIMIT);
  comparison_end(&m, SLACK_LIMIT);
  comparison_end(&v, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}
