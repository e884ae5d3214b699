/* Cases of the linear layers (spec T2). */
#include "bound_linear.h"
#include "pack.h"
#include "problem.h"

#include <stdio.h>

sl_status sl_pack_weight(void **packed, sl_context *ctx, const float *w, size_t n, size_t k,
                         sl_pack_kind kind, int use) {
  const size_t bytes = use ? sl_linear_pack_bytes(ctx, n, k, kind) : 0;
  *packed = NULL;
  if (bytes == 0) return SL_OK;
  const sl_status status = sl_memory_alloc(ctx, packed, bytes);
  return status ? status : sl_linear_pack(ctx, *packed, w, n, k, kind);
}

static void sizes(sl_problem *p, size_t budget) {
  p->size[SL_K] = sl_size(p, "k", 0, 2 * SL_DOT_CHUNK + 40, &budget);
  p->size[SL_N] = sl_size(p, "n", 0, 150, &budget),
  p->size[SL_T] = sl_size(p, "t", 0, 150, &budget);
  p->size[SL_PACK] = sl_source_below(&p->source, 2);
}

void sl_make_linear_forward(sl_problem *p) {
  sizes(p, sl_budget(p, 400000));
  const size_t t = p->size[SL_T], n = p->size[SL_N], k = p->size[SL_K];
  sl_add(p, "y", SL_F32, SL_OUT, t * n);
  sl_add_floats(p, "x", SL_IN, t * k);
  sl_add_floats(p, "w", SL_IN, n * k);
  if (sl_source_below(&p->source, 2))
    sl_add_floats(p, "bias", SL_IN, n);
  else
    sl_drop(p);
  sl_shape(p, "t %zu, n %zu, k %zu, %s bias, %s", t, n, k, p->array[3].data ? "with" : "no",
           p->size[SL_PACK] ? "packed" : "not packed");
}

sl_status sl_run_linear_forward(sl_context *ctx, const sl_problem *p, void *const *at) {
  const size_t n = p->size[SL_N], k = p->size[SL_K];
  void *packed;
  sl_status status =
      sl_pack_weight(&packed, ctx, at[2], n, k, SL_PACK_FORWARD, (int)p->size[SL_PACK]);
  if (!status)
    status = sl_linear_forward(ctx, at[0], at[1], at[2], packed, at[3], p->size[SL_T], n, k);
  sl_memory_free(ctx, packed);
  return status;
}

/* A pack has no meaning of its own: what is compared is the product that it gives. */
void sl_make_linear_pack(sl_problem *p) {
  sl_make_linear_forward(p);
  p->size[SL_PACK] = 1;
}

sl_status sl_run_linear_pack(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_run_linear_forward(ctx, p, at);
}

void sl_make_linear_input_grad(sl_problem *p) {
  size_t budget = sl_budget(p, 400000);
  p->size[SL_K] = sl_size(p, "k", 0, 150, &budget), p->size[SL_T] = sl_size(p, "t", 0, 60, &budget);
  p->size[SL_N_PARTS] =
      sl_source_below(&p->source, 8) ? 1 + sl_source_below(&p->source, SL_PARTS_MAX) : 0,
  p->size[SL_PACK] = sl_source_below(&p->source, 2);
  sl_add(p, "dx", SL_F32, SL_OUT, p->size[SL_T] * p->size[SL_K]);
  int n = sl_shape(p, "t %zu, k %zu, %s, parts", p->size[SL_T], p->size[SL_K],
                   p->size[SL_PACK] ? "packed" : "not packed");
  for (size_t i = 0; i < p->size[SL_N_PARTS]; i++) {
    size_t left = budget / SL_PARTS_MAX + 1;
    p->size[SL_PART_N + i] = sl_size(p, "n", 0, SL_DOT_CHUNK + 40, &left);
    sl_add_floats(p, "part.dy", SL_IN, p->size[SL_T] * p->size[SL_PART_N + i]);
    sl_add_floats(p, "part.w", SL_IN, p->size[SL_PART_N + i] * p->size[SL_K]);
    n += snprintf(p->shape + n, sizeof p->shape - (size_t)n, " %zu", p->size[SL_PART_N + i]);
  }
}

sl_status sl_run_linear_input_grad(sl_context *ctx, const sl_problem *p, void *const *at) {
  sl_linear_part parts[SL_PARTS_MAX];
  void *packs[SL_PARTS_MAX] = {NULL};
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < p->size[SL_N_PARTS]; i++) {
    const size_t n = p->size[SL_PART_N + i];
    status = sl_pack_weight(&packs[i], ctx, at[2 + 2 * i], n, p->size[SL_K], SL_PACK_INPUT_GRAD,
                            (int)p->size[SL_PACK]);
    parts[i] = (sl_linear_part){at[1 + 2 * i], at[2 + 2 * i], packs[i], n};
  }
  if (!status)
    status =
        sl_linear_input_grad(ctx, at[0], parts, p->size[SL_N_PARTS], p->size[SL_T], p->size[SL_K]);
  for (size_t i = 0; i < SL_PARTS_MAX; i++) sl_memory_free(ctx, packs[i]);
  return status;
}

void sl_make_linear_weight_grad(sl_problem *p) {
  size_t budget = sl_budget(p, 400000);
  p->size[SL_N] = sl_size(p, "n", 0, 150, &budget),
  p->size[SL_K] = sl_size(p, "k", 0, 150, &budget);
  const uint32_t *seq =
      sl_add_seq(p, budget < 3 * SL_DOT_CHUNK ? budget : 3 * SL_DOT_CHUNK, &p->size[SL_N_SEQ]);
  const size_t t = seq[p->size[SL_N_SEQ]];
  sl_add_total(p, "dw", p->size[SL_N] * p->size[SL_K]);
  if (sl_source_below(&p->source, 2))
    sl_add_total(p, "db", p->size[SL_N]);
  else
    sl_drop(p);
  sl_add_floats(p, "dy", SL_IN, t * p->size[SL_N]);
  sl_add_floats(p, "x", SL_IN, t * p->size[SL_K]);
  sl_shape(p, "t %zu in %zu sequences, n %zu, k %zu", t, p->size[SL_N_SEQ], p->size[SL_N],
           p->size[SL_K]);
}

sl_status sl_run_linear_weight_grad(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_linear_weight_grad(ctx, at[1], at[2], at[3], at[4], at[0], p->size[SL_N_SEQ],
                               p->size[SL_N], p->size[SL_K]);
}
