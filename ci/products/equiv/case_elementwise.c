/* Cases of embedding, norms, residual, SwiGLU and rotary embedding (spec T1). */
#include "problem.h"
#include "sizes.h"

#include <math.h>
#include <stdio.h>

enum {
  T = SL_LAYER_T,
  D = SL_LAYER_D,
  VOCAB = SL_LAYER_VOCAB,
  N_SEQ = SL_LAYER_N_SEQ,
  ALIAS = SL_LAYER_ALIAS,
  HEADS = SL_LAYER_HEADS
};

void sl_make_embedding_forward(sl_problem *p) {
  size_t budget = sl_budget(p, 200000);
  p->size[T] = sl_size(p, "t", 0, 300, &budget), p->size[D] = sl_size(p, "d", 0, 700, &budget),
  p->size[VOCAB] = sl_size(p, "vocab", 1, 90, &budget);
  sl_add(p, "y", SL_F32, SL_OUT, p->size[T] * p->size[D]);
  sl_add_floats(p, "table", SL_IN, p->size[VOCAB] * p->size[D]);
  sl_add_ids(p, "ids", p->size[T], p->size[VOCAB]);
  sl_shape(p, "t %zu, d %zu, vocab %zu", p->size[T], p->size[D], p->size[VOCAB]);
}

sl_status sl_run_embedding_forward(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_embedding_forward(ctx, at[0], at[1], at[2], p->size[T], p->size[D], p->size[VOCAB]);
}

void sl_make_embedding_grad(sl_problem *p) {
  size_t budget = sl_budget(p, 300000);
  p->size[VOCAB] = sl_size(p, "vocab", 1, 90, &budget),
  p->size[D] = sl_size(p, "d", 0, 150, &budget);
  const uint32_t *seq =
      sl_add_seq(p, budget < 3 * SL_DOT_CHUNK ? budget : 3 * SL_DOT_CHUNK, &p->size[N_SEQ]);
  const size_t t = seq[p->size[N_SEQ]];
  sl_add_total(p, "total", p->size[VOCAB] * p->size[D]);
  sl_add_floats(p, "dy", SL_IN, t * p->size[D]);
  sl_add_ids(p, "ids", t, p->size[VOCAB]);
  sl_shape(p, "t %zu in %zu sequences, d %zu, vocab %zu", t, p->size[N_SEQ], p->size[D],
           p->size[VOCAB]);
}

sl_status sl_run_embedding_grad(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_embedding_grad(ctx, at[1], at[2], at[3], at[0], p->size[N_SEQ], p->size[D],
                           p->size[VOCAB]);
}

static void norm_size(sl_problem *p) {
  size_t budget = sl_budget(p, 100000);
  p->size[D] = sl_size(p, "d", 1, 2 * SL_SUM_CHUNK + 40, &budget),
  p->size[T] = sl_size(p, "t", 0, 60, &budget);
  sl_shape(p, "t %zu, d %zu", p->size[T], p->size[D]);
}

void sl_make_rmsnorm_forward(sl_problem *p) {
  norm_size(p);
  sl_add(p, "y", SL_F32, SL_OUT, p->size[T] * p->size[D]);
  sl_add(p, "rstd", SL_F32, SL_OUT, p->size[T]);
  sl_add_floats(p, "x", SL_IN, p->size[T] * p->size[D]);
  sl_add_floats(p, "w", SL_IN, p->size[D]);
}

sl_status sl_run_rmsnorm_forward(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_rmsnorm_forward(ctx, at[0], at[1], at[2], at[3], p->size[T], p->size[D], 1e-6f);
}

/* With a residual in one of two problems, which is dx itself in every other of those. */
void sl_make_rmsnorm_backward(sl_problem *p) {
  norm_size(p);
  const size_t n = p->size[T] * p->size[D];
  p->size[ALIAS] = sl_source_below(&p->source, 4) == 0;
  if (p->size[ALIAS])
    sl_add_floats(p, "dx", SL_INOUT, n);
  else
    sl_add(p, "dx", SL_F32, SL_OUT, n);
  sl_add_floats(p, "dy", SL_IN, n);
  sl_add_floats(p, "x", SL_IN, n);
  sl_add_floats(p, "w", SL_IN, p->size[D]);
  sl_add_floats(p, "rstd", SL_IN, p->size[T]);
  if (sl_source_below(&p->source, 2))
    sl_add_floats(p, "residual", SL_IN, n);
  else
    sl_drop(p);
}

sl_status sl_run_rmsnorm_backward(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_rmsnorm_backward(ctx, at[0], at[1], at[2], at[3], at[4], p->size[ALIAS] ? at[0] : at[5],
                             p->size[T], p->size[D]);
}

void sl_make_rmsnorm_weight_grad(sl_problem *p) {
  size_t budget = sl_budget(p, 200000);
  p->size[D] = sl_size(p, "d", 1, 300, &budget);
  const uint32_t *seq =
      sl_add_seq(p, budget < 3 * SL_DOT_CHUNK ? budget : 3 * SL_DOT_CHUNK, &p->size[N_SEQ]);
  const size_t t = seq[p->size[N_SEQ]];
  sl_add_total(p, "total", p->size[D]);
  sl_add_floats(p, "dy", SL_IN, t * p->size[D]);
  sl_add_floats(p, "x", SL_IN, t * p->size[D]);
  sl_add_floats(p, "rstd", SL_IN, t);
  sl_shape(p, "t %zu in %zu sequences, d %zu", t, p->size[N_SEQ], p->size[D]);
}

sl_status sl_run_rmsnorm_weight_grad(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_rmsnorm_weight_grad(ctx, at[1], at[2], at[3], at[4], at[0], p->size[N_SEQ], p->size[D]);
}

static size_t flat_size(sl_problem *p) {
  size_t budget = sl_budget(p, 60000);
  p->size[T] = sl_size(p, "n", 0, budget, &budget);
  sl_shape(p, "n %zu", p->size[T]);
  return p->size[T];
}

/* y is its own array, or a, or b. */
void sl_make_residual_add(sl_problem *p) {
  const size_t n = flat_size(p);
  p->size[ALIAS] = sl_source_below(&p->source, 3);
  if (p->size[ALIAS])
    sl_add_floats(p, "y", SL_INOUT, n);
  else
    sl_add(p, "y", SL_F32, SL_OUT, n);
  sl_add_floats(p, "a", SL_IN, n);
  sl_add_floats(p, "b", SL_IN, n);
}

sl_status sl_run_residual_add(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_residual_add(ctx, at[0], p->size[ALIAS] == 1 ? at[0] : at[1],
                         p->size[ALIAS] == 2 ? at[0] : at[2], p->size[T]);
}

void sl_make_swiglu_forward(sl_problem *p) {
  const size_t n = flat_size(p);
  sl_add(p, "y", SL_F32, SL_OUT, n);
  sl_add_floats(p, "gate", SL_IN, n);
  sl_add_floats(p, "up", SL_IN, n);
}

sl_status sl_run_swiglu_forward(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_swiglu_forward(ctx, at[0], at[1], at[2], p->size[T]);
}

void sl_make_swiglu_backward(sl_problem *p) {
  const size_t n = flat_size(p);
  sl_add(p, "dgate", SL_F32, SL_OUT, n);
  sl_add(p, "dup", SL_F32, SL_OUT, n);
  sl_add_floats(p, "dy", SL_IN, n);
  sl_add_floats(p, "gate", SL_IN, n);
  sl_add_floats(p, "up", SL_IN, n);
}

sl_status sl_run_swiglu_backward(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_swiglu_backward(ctx, at[0], at[1], at[2], at[3], at[4], p->size[T]);
}

enum { ROPE_POSITIONS = 40 };

static void make_rope(sl_problem *p, const char *name) {
  size_t budget = sl_budget(p, 60000);
  p->size[D] = 2 * sl_size(p, "d/2", 1, 70, &budget),
  p->size[HEADS] = sl_size(p, "heads", 0, 9, &budget),
  p->size[T] = sl_size(p, "t", 0, 200, &budget);
  sl_add_floats(p, name, SL_INOUT, p->size[T] * p->size[HEADS] * p->size[D]);
  sl_add_ids(p, "position", p->size[T], ROPE_POSITIONS);
  sl_add_floats(p, "cos_table", SL_IN, ROPE_POSITIONS * p->size[D] / 2);
  sl_add_floats(p, "sin_table", SL_IN, ROPE_POSITIONS * p->size[D] / 2);
  sl_shape(p, "t %zu, heads %zu, d %zu", p->size[T], p->size[HEADS], p->size[D]);
}

void sl_make_rope_forward(sl_problem *p) { make_rope(p, "x"); }
void sl_make_rope_backward(sl_problem *p) { make_rope(p, "dx"); }

sl_status sl_run_rope_forward(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_rope_forward(ctx, at[0], at[1], at[2], at[3], p->size[T], p->size[HEADS], p->size[D],
                         ROPE_POSITIONS);
}

sl_status sl_run_rope_backward(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_rope_backward(ctx, at[0], at[1], at[2], at[3], p->size[T], p->size[HEADS], p->size[D],
                          ROPE_POSITIONS);
}
