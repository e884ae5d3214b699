/* Plain against reference: linear layers, token reductions, square sum (bounds dot, token_dot,
 * square_sum). */
#include "compare.h"
#include "plain_context.h"
#include "inputs.h"

#include <criterion/criterion.h>

static const size_t lengths[] = {0, 1, 3, 31, 255, 256, 257, 600, 2049};
#define N_LENGTHS (sizeof lengths / sizeof *lengths)

/* The partner of an operand of that kind: what makes it cancel, or lets it stay as it is. */
static float *partner(size_t n, input_kind kind) {
  float *x =
      kind == CANCELLING ? fill_paired(n, 1.0f) : fill(n, kind == SUBNORMAL ? RANDOM : kind, 1.0f);
  for (size_t i = 0; kind == ONE_SIDED && i < n; i++) x[i] = 1.0f;
  return x;
}

Test(plain_linear, forward) {
  inputs_begin("linear_forward");
  sl_context *ctx = plain_context();
  comparison c = comparison_of("linear_forward y", SL_KERNEL_linear_forward);
  for (size_t l = 0; l < N_LENGTHS; l++)
    for (input_kind kind = 0; kind < KINDS; kind++) {
      const size_t t = 3, n = 4, k = lengths[l];
      const float *x = fill(t * k, kind, 1.0f), *w = partner(n * k, kind),
                  *bias = kind % 2 ? fill(n, RANDOM, 1.0f) : NULL;
      float *y = take_floats(t * n);
      double *exact = take_doubles(t * n);
      sl_ball *bound = take_balls(t * n);
      cr_assert_eq(sl_linear_forward(ctx, y, x, w, NULL, bias, t, n, k), SL_OK);
      cr_assert_eq(sl_ref_linear_forward(exact, x, w, bias, t, n, k), SL_OK);
      cr_assert_eq(sl_bound_linear_forward(bound, x, w, bias, t, n, k), SL_OK);
      compare_floats(&c, y, exact, bound, t * n);
    }
  comparison_end(&c, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

Test(plain_linear, input_grad) {
  inputs_begin("linear_input_grad");
  sl_context *ctx = plain_context();
  comparison c = comparison_of("linear_input_grad dx", SL_KERNEL_linear_input_grad);
  for (size_t l = 0; l < N_LENGTHS; l++)
    for (input_kind kind = 0; kind < KINDS; kind++) {
      const size_t t = 2, k = 3, n0 = lengths[l], n1 = lengths[N_LENGTHS - 1 - l];
      const sl_linear_part parts[] = {
          {fill(t * n0, kind, 1.0f), fill(n0 * k, kind == SUBNORMAL ? RANDOM : kind, 1.0f), NULL,
           n0},
          {fill(t * n1, kind, 1.0f), fill(n1 * k, RANDOM, 1.0f), NULL, n1}};
      float *dx = take_floats(t * k);
      double *exact = take_doubles(t * k);
      sl_ball *bound = take_balls(t * k);
      cr_assert_eq(sl_linear_input_grad(ctx, dx, parts, 2, t, k), SL_OK);
      cr_assert_eq(sl_ref_linear_input_grad(exact, parts, 2, t, k), SL_OK);
      cr_assert_eq(sl_bound_linear_input_grad(bound, parts, 2, t, k), SL_OK);
      compare_floats(&c, dx, exact, bound, t * k);
    }
  comparison_end(&c, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

/* Sequences of one token, none, and lengths that cross a chunk. */
static const uint32_t seq[] = {0, 1, 1, 258, 514, 530};
#define N_SEQ 5
#define TOKENS 530

Test(plain_linear, weight_grad) {
  inputs_begin("linear_weight_grad");
  sl_context *ctx = plain_context();
  comparison c = comparison_of("linear_weight_grad dw, db", SL_KERNEL_linear_weight_grad);
  for (input_kind kind = 0; kind < KINDS; kind++) {
    const size_t n = 3, k = 5;
    const float *dy = fill(TOKENS * n, kind, 1.0f), *x = partner(TOKENS * k, kind);
    const float *dw0 = fill(n * k, kind, 4.0f), *db0 = fill(n, RANDOM, 4.0f);
    float *dw = copy_floats(dw0, n * k), *db = copy_floats(db0, n);
    double *exact = take_doubles(n * k), *exact_b = take_doubles(n);
    sl_ball *bound = take_balls(n * k), *bound_b = take_balls(n);
    cr_assert_eq(sl_linear_weight_grad(ctx, dw, db, dy, x, seq, N_SEQ, n, k), SL_OK);
    cr_assert_eq(sl_ref_linear_weight_grad(exact, exact_b, dw0, db0, dy, x, seq, N_SEQ, n, k),
                 SL_OK);
    cr_assert_eq(sl_bound_linear_weight_grad(bound, bound_b, dw0, db0, dy, x, seq, N_SEQ, n, k),
                 SL_OK);
    compare_floats(&c, dw, exact, bound, n * k);
    compare_floats(&c, db, exact_b, bound_b, n);
  }
  comparison_end(&c, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

Test(plain_linear, norm_weight_and_embedding_grad) {
  inputs_begin("rmsnorm_weight_grad, embedding_grad");
  sl_context *ctx = plain_context();
  comparison c = comparison_of("rmsnorm_weight_grad total", SL_KERNEL_rmsnorm_weight_grad);
  comparison e = comparison_of("embedding_grad total", SL_KERNEL_embedding_grad);
  for (input_kind kind = 0; kind < KINDS; kind++) {
    const size_t d = 7, vocab = 11;
    const float *dy = fill(TOKENS * d, kind, 1.0f), *x = partner(TOKENS * d, kind),
                *rstd = fill(TOKENS, RANDOM, 2.0f);
    const float *total0 = fill(vocab * d, kind, 4.0f);
    uint32_t *ids = take_words(TOKENS);
    for (size_t i = 0; i < TOKENS; i++) ids[i] = (uint32_t)(next_u64() % vocab);
    float *total = copy_floats(total0, d), *table = copy_floats(total0, vocab * d);
    double *exact = take_doubles(vocab * d);
    sl_ball *bound = take_balls(vocab * d);
    cr_assert_eq(sl_rmsnorm_weight_grad(ctx, total, dy, x, rstd, seq, N_SEQ, d), SL_OK);
    cr_assert_eq(sl_ref_rmsnorm_weight_grad(exact, total0, dy, x, rstd, seq, N_SEQ, d), SL_OK);
    cr_assert_eq(sl_bound_rmsnorm_weight_grad(bound, total0, dy, x, rstd, seq, N_SEQ, d), SL_OK);
    compare_floats(&c, total, exact, bound, d);
    cr_assert_eq(sl_embedding_grad(ctx, table, dy, ids, seq, N_SEQ, d, vocab), SL_OK);
    cr_assert_eq(sl_ref_embedding_grad(exact, total0, dy, ids, seq, N_SEQ, d, vocab), SL_OK);
    cr_assert_eq(sl_bound_embedding_grad(bound, total0, dy, ids, seq, N_SEQ, d, vocab), SL_OK);
    compare_floats(&e, table, exact, bound, vocab * d);
  }
  comparison_end(&c, SLACK_LIMIT);
  comparison_end(&e, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

Test(plain_linear, square_sum) {
  inputs_begin("grad_square_sum");
  sl_context *ctx = plain_context();
  comparison c = comparison_of("grad_square_sum sum", SL_KERNEL_grad_square_sum);
  static const size_t long_ones[] = {33 * SL_SUM_CHUNK, SL_SUM_CHUNK * SL_SUM_CHUNK,
                                     SL_SUM_CHUNK * SL_SUM_CHUNK + SL_SUM_CHUNK + 1};
  for (size_t i = 0; i < 52; i++)
    for (input_kind kind = 0; kind < KINDS; kind++) {
      const size_t n = i < 40 ? i : i < 49 ? 40 + (i - 40) * 487 : long_ones[i - 49];
      const float *g = fill(n, kind, 1.0f);
      double sum = -1.0, exact;
      sl_ball bound;
      cr_assert_eq(sl_grad_square_sum(ctx, &sum, g, n), SL_OK);
      cr_assert_eq(sl_ref_grad_square_sum(&exact, g, n), SL_OK);
      cr_assert_eq(sl_bound_grad_square_sum(&bound, g, n), SL_OK);
      compare_doubles(&c, &sum, &exact, &bound, 1);
    }
  comparison_end(&c, BINARY64_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}
