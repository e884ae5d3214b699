/* Elementwise kernels, norms and embeddings: cpu equals plain, bit for bit (spec T1). */
#include "kernel_test.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t sizes[] = {0,  1,  2,  3,   7,   8,   15,  16,  17,   31,   32,   33,  63,
                               64, 65, 96, 127, 255, 256, 257, 509, 1023, 1024, 1025, 2051};
#define SIZES (sizeof sizes / sizeof *sizes)

typedef struct {
  const float *a, *b, *c, *rstd, *cosine, *sine;
  const uint32_t *ids, *seq;
  size_t n, t, d, n_seq, vocab;
} inputs;

static sl_status add(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_residual_add(ctx, out, x->a, x->b, x->n);
}

static sl_status add_in_place(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  memcpy(out, x->a, x->n * sizeof *out);
  return sl_residual_add(ctx, out, out, x->b, x->n);
}

static sl_status gate(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_swiglu_forward(ctx, out, x->a, x->b, x->n);
}

static sl_status gate_grad(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_swiglu_backward(ctx, out, out + x->n, x->c, x->a, x->b, x->n);
}

static void check_elementwise(size_t n, kind k, uint64_t seed) {
  source s = seeded(seed);
  float *a = new_floats(&s, k, n), *b = new_floats(&s, k, n), *c = new_floats(&s, k, n);
  inputs x = {.a = a, .b = b, .c = c, .n = n};
  cr_expect(all_contexts_agree("residual_add", add, &x, NULL, n), "n %zu, seed %llu", n,
            (unsigned long long)seed);
  cr_expect(all_contexts_agree("residual_add in place", add_in_place, &x, NULL, n),
            "n %zu, seed %llu", n, (unsigned long long)seed);
  cr_expect(all_contexts_agree("swiglu_forward", gate, &x, NULL, n), "n %zu, seed %llu", n,
            (unsigned long long)seed);
  cr_expect(all_contexts_agree("swiglu_backward", gate_grad, &x, NULL, 2 * n), "n %zu, seed %llu",
            n, (unsigned long long)seed);
  free_floats(a), free_floats(b), free_floats(c);
}

Test(elementwise, sizes) {
  for (size_t i = 0; i < SIZES; i++)
    for (kind k = USUAL; k < KINDS; k++) check_elementwise(sizes[i], k, 1000 + i);
}

Test(elementwise, more_than_a_range_a_thread) { check_elementwise(150001, USUAL, 7); }

static sl_status norm(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_rmsnorm_forward(ctx, out, out + x->t * x->d, x->a, x->b, x->t, x->d, 1e-6f);
}

static sl_status norm_grad(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_rmsnorm_backward(ctx, out, x->c, x->a, x->b, x->rstd, NULL, x->t, x->d);
}

/* dx aliases the residual */
static sl_status norm_grad_residual(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  memcpy(out, x->c, x->t * x->d * sizeof *out);
  return sl_rmsnorm_backward(ctx, out, x->c, x->a, x->b, x->rstd, out, x->t, x->d);
}

static sl_status norm_weight_grad(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_rmsnorm_weight_grad(ctx, out, x->c, x->a, x->rstd, x->seq, x->n_seq, x->d);
}

static void check_norm(size_t n_seq, uint32_t longest, size_t d, kind k, uint64_t seed) {
  source s = seeded(seed);
  uint32_t *seq = random_seq(&s, n_seq, longest);
  const size_t t = seq[n_seq];
  float *a = new_floats(&s, k, t * d), *b = new_floats(&s, k, d), *c = new_floats(&s, k, t * d),
        *r = new_floats(&s, USUAL, t), *total = new_floats(&s, k, d);
  inputs x = {.a = a, .b = b, .c = c, .rstd = r, .seq = seq, .t = t, .d = d, .n_seq = n_seq};
  const unsigned long long shown = seed;
  cr_expect(all_contexts_agree("rmsnorm_forward", norm, &x, NULL, t * (d + 1)),
            "t %zu, d %zu, seed %llu", t, d, shown);
  cr_expect(all_contexts_agree("rmsnorm_backward", norm_grad, &x, NULL, t * d),
            "t %zu, d %zu, seed %llu", t, d, shown);
  cr_expect(all_contexts_agree("rmsnorm_backward, residual", norm_grad_residual, &x, NULL, t * d),
            "t %zu, d %zu, seed %llu", t, d, shown);
  cr_expect(all_contexts_agree("rmsnorm_weight_grad", norm_weight_grad, &x, total, d),
            "t %zu, d %zu, seed %llu", t, d, shown);
  free_floats(a), free_floats(b), free_floats(c), free_floats(r), free_floats(total), free(seq);
}

Test(norm, sizes) {
  for (size_t i = 1; i < SIZES; i++)
    for (kind k = USUAL; k < KINDS; k++) check_norm(4, 9, sizes[i], k, 2000 + i);
}

Test(norm, sequences_around_a_chunk) {
  for (uint32_t longest = 1; longest <= 3 * SL_DOT_CHUNK; longest = longest * 2 + 1)
    check_norm(3, longest, 19, USUAL, 2100 + longest);
  check_norm(0, 1, 8, USUAL, 2200);
  check_norm(300, 12, 96, USUAL, 2300);
}

static sl_status embed(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_embedding_forward(ctx, out, x->a, x->ids, x->t, x->d, x->vocab);
}

static sl_status embed_grad(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_embedding_grad(ctx, out, x->c, x->ids, x->seq, x->n_seq, x->d, x->vocab);
}

static void check_embedding(size_t n_seq, uint32_t longest, size_t d, uint32_t vocab, kind k,
                            uint64_t seed) {
  source s = seeded(seed);
  uint32_t *seq = random_seq(&s, n_seq, longest);
  const size_t t = seq[n_seq];
  uint32_t *ids = malloc((t + 1) * sizeof *ids);
  for (size_t i = 0; i < t; i++) ids[i] = next_below(&s, vocab);
  float *table = new_floats(&s, k, vocab * d), *dy = new_floats(&s, k, t * d);
  inputs x = {
      .a = table, .c = dy, .ids = ids, .seq = seq, .t = t, .d = d, .n_seq = n_seq, .vocab = vocab};
  const unsigned long long shown = seed;
  cr_expect(all_contexts_agree("embedding_forward", embed, &x, NULL, t * d),
            "t %zu, d %zu, seed %llu", t, d, shown);
  cr_expect(all_contexts_agree("embedding_grad", embed_grad, &x, table, vocab * d),
            "t %zu, d %zu, seed %llu", t, d, shown);
  free_floats(table), free_floats(dy), free(ids), free(seq);
}

Test(embedding, shapes) {
  for (size_t i = 1; i < 20; i++) check_embedding(5, 20, sizes[i], 7, (kind)(i % KINDS), 3000 + i);
  for (uint32_t longest = 1; longest <= 3 * SL_DOT_CHUNK; longest = longest * 2 + 1)
    check_embedding(3, longest, 19, 23, MIXED, 3100 + longest);
  check_embedding(400, 12, 96, 1, USUAL, 3200);
  check_embedding(400, 12, 96, 5000, USUAL, 3300);
  check_embedding(0, 1, 8, 3, USUAL, 3400);
}

Test(embedding, an_id_beyond_the_vocabulary_is_named) {
  sl_context *const *list;
  const size_t n = cpu_contexts(&list);
  const uint32_t ids[] = {0, 2, 5, 1}, seq[] = {0, 4};
  const float x[12] = {0};
  float y[12] = {1, 2, 3};
  for (size_t i = 0; i < n; i++) {
    cr_assert_eq(sl_embedding_forward(list[i], y, x, ids, 4, 3, 4), SL_ERR_INPUT);
    cr_assert_not_null(strstr(sl_context_error(list[i])->message, "token[2] is 5"), "%s",
                       sl_context_error(list[i])->message);
    cr_assert_eq(sl_embedding_grad(list[i], y, x, ids, seq, 1, 3, 4), SL_ERR_INPUT);
    cr_assert_not_null(strstr(sl_context_error(list[i])->message, "token[2] is 5"), "%s",
                       sl_context_error(list[i])->message);
    cr_assert_eq(y[2], 3.0f);
  }
}

enum { POSITIONS = 50 };

static sl_status turn(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_rope_forward(ctx, out, x->ids, x->cosine, x->sine, x->t, x->n, x->d, POSITIONS);
}

static sl_status turn_back(sl_context *ctx, void *arg, float *out) {
  const inputs *x = arg;
  return sl_rope_backward(ctx, out, x->ids, x->cosine, x->sine, x->t, x->n, x->d, POSITIONS);
}

static void check_rope(size_t t, size_t heads, size_t d, kind k, uint64_t seed) {
  source s = seeded(seed);
  uint32_t *position = malloc((t + 1) * sizeof *position);
  for (size_t i = 0; i < t; i++) position[i] = next_below(&s, POSITIONS);
  float *cosine = new_floats(&s, USUAL, POSITIONS * d / 2),
        *sine = new_floats(&s, USUAL, POSITIONS * d / 2), *x0 = new_floats(&s, k, t * heads * d);
  inputs x = {.ids = position, .cosine = cosine, .sine = sine, .t = t, .n = heads, .d = d};
  const unsigned long long shown = seed;
  cr_expect(all_contexts_agree("rope_forward", turn, &x, x0, t * heads * d),
            "t %zu, d %zu, seed %llu", t, d, shown);
  cr_expect(all_contexts_agree("rope_backward", turn_back, &x, x0, t * heads * d),
            "t %zu, d %zu, seed %llu", t, d, shown);
  free_floats(cosine), free_floats(sine), free_floats(x0), free(position);
}

Test(rope, shapes) {
  for (size_t d = 2; d <= 128; d += d < 40 ? 2 : 22)
    for (kind k = USUAL; k < KINDS; k++) check_rope(13, 3, d, k, 4000 + d);
  check_rope(3000, 8, 16, USUAL, 4200);
  check_rope(0, 8, 16, USUAL, 4300);
}
