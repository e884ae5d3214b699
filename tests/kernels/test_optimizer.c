/* Gradient square sum and AdamW: cpu equals plain, bit for bit (spec N6). */
#include "kernel_test.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sluice/objective.h>
#include <string.h>

static const size_t sizes[] = {0,  1,   2,   7,   15,   16,   17,   31,   32,
                               33, 255, 256, 257, 1023, 1024, 1025, 3000, 40001};
#define SIZES (sizeof sizes / sizeof *sizes)

typedef struct {
  const float *g;
  size_t n;
  sl_adamw step;
} inputs;

static sl_status square(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  double sum = 0.0;
  const sl_status status = sl_grad_square_sum(ctx, &sum, x->g, x->n);
  memcpy(out, &sum, sizeof sum);
  return status;
}

/* out: p, m, v */
static sl_status step(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_adamw_step(ctx, out, out + x->n, out + 2 * x->n, x->g, &x->step, x->n);
}

Test(optimizer, sizes) {
  for (size_t i = 0; i < SIZES; i++)
    for (kind k = USUAL; k < KINDS; k++) {
      source s = seeded(7000 + i);
      const size_t n = sizes[i];
      float *g = new_floats(&s, k, n), *state = new_floats(&s, k, 3 * n);
      for (size_t j = 2 * n; j < 3 * n; j++) state[j] = fabsf(state[j]);
      sl_adamw_state powers = {1.0, 1.0};
      inputs x = {g, n, sl_adamw_scalars(&powers, 0.9f, 0.99f, 1e-8f, 0.01f, 0.75f)};
      x.step.decay = sl_adamw_decay(0.01f, 0.1);
      cr_expect(all_contexts_agree("grad_square_sum", square, &x, NULL, 2), "n %zu, kind %d", n,
                (int)k);
      cr_expect(all_contexts_agree("adamw_step", step, &x, state, 3 * n), "n %zu, kind %d", n,
                (int)k);
      free_floats(g), free_floats(state);
    }
}

/* Where one level of chunk results ends, where their list is longer than a chunk, and tails of both
 * (spec N3.8). */
Test(optimizer, square_sums_of_many_chunks) {
  static const size_t chunks[] = {31,
                                  32,
                                  33,
                                  63,
                                  64,
                                  65,
                                  SL_SUM_CHUNK - 1,
                                  SL_SUM_CHUNK,
                                  SL_SUM_CHUNK + 1,
                                  2 * SL_SUM_CHUNK + 33};
  for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
    for (int more = -1; more < 2; more++) {
      source s = seeded(7100 + i);
      const size_t n = chunks[i] * SL_SUM_CHUNK + (size_t)more;
      float *g = new_floats(&s, MIXED, n);
      inputs x = {.g = g, .n = n};
      cr_expect(all_contexts_agree("grad_square_sum", square, &x, NULL, 2), "n %zu", n);
      free_floats(g);
    }
}

/* spec N6.3: moments decay to a zero, not to subnormals. */
Test(optimizer, small_moments_become_zero) {
  sl_context *const *list;
  const size_t contexts = cpu_contexts(&list);
  const float g[3] = {0.0f, -0.0f, 0.0f};
  const sl_adamw step = {1.0f, 0.5f, 0.5f, 0.5f, 0.5f, 1.0f, 1.0f, 0.1f, 1e-8f, 1.0f, 0};
  for (size_t c = 0; c <= contexts; c++) {
    float p[3] = {1, 1, 1}, m[3] = {0x1p-99f, -0x1p-100f, 0x1p-100f},
          v[3] = {0x1p-99f, 0x1p-100f, 0x1.8p-100f};
    cr_assert_eq(sl_adamw_step(c < contexts ? list[c] : plain_context(), p, m, v, g, &step, 3),
                 SL_OK);
    const float want_m[3] = {0x1p-100f, 0.0f, 0.0f}, want_v[3] = {0x1p-100f, 0.0f, 0.0f};
    cr_expect(same_bits("m", m, want_m, sizeof m));
    cr_expect(same_bits("v", v, want_v, sizeof v));
  }
}

Test(optimizer, a_gradient_that_is_not_finite_is_named) {
  enum { N = 200000, BAD = 150003 }; /* several threads look; the first place is named */
  sl_context *const *list;
  const size_t contexts = cpu_contexts(&list);
  float *g = zero_floats(N);
  g[N - 1] = NAN;
  for (size_t c = 0; c <= contexts; c++)
    for (int what = 0; what < 3; what++) {
      sl_context *ctx = c < contexts ? list[c] : plain_context();
      double sum = 7.0;
      g[BAD] = what == 0 ? NAN : what == 1 ? INFINITY : -INFINITY;
      cr_expect_eq(sl_grad_square_sum(ctx, &sum, g, N), SL_ERR_NONFINITE);
      cr_expect_not_null(strstr(sl_context_error(ctx)->message, "[150003]"), "%s",
                         sl_context_error(ctx)->message);
      cr_expect_eq(sum, 7.0);
    }
  free_floats(g);
}
