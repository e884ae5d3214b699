/* Balls of embedding, norms, residual, SwiGLU, rotary embedding and linear layers (spec T1, T2). */
#include "balls_make.h"

#include "ci/products/equiv/bound_linear.h"
#include "reference/kernels.h"

#include <stdlib.h>

static sl_status embedding(sl_kernel_balls *b, const sl_problem *p) {
  const size_t t = p->size[SL_LAYER_T], d = p->size[SL_LAYER_D];
  float *y = calloc(t * d + 1, sizeof *y);
  if (!y) return SL_ERR_MEMORY;
  sl_ref_embedding_forward(y, p->array[1].data, p->array[2].data, t, d);
  const sl_status status = sl_balls_exact(b, p, 0, d, y);
  free(y);
  return status;
}

static sl_status norms(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p) {
  const sl_array *a = p->array;
  const size_t t = p->size[SL_LAYER_T], d = p->size[SL_LAYER_D];
  if (kernel == SL_KERNEL_rmsnorm_forward) {
    sl_ball *y = sl_balls_rows(b, p, 0, d), *rstd = sl_balls_rows(b, p, 1, 1);
    if (!y || !rstd) return SL_ERR_MEMORY;
    return sl_bound_rmsnorm_forward(y, rstd, a[2].data, a[3].data, t, d, 1e-6f);
  }
  const int is_dx = kernel == SL_KERNEL_rmsnorm_backward;
  sl_ball *dx = is_dx ? sl_balls_rows(b, p, 0, d) : sl_balls_of(b, p, 1);
  if (!dx) return SL_ERR_MEMORY;
  if (is_dx)
    return sl_bound_rmsnorm_backward(dx, a[1].data, a[2].data, a[3].data, a[4].data,
                                     p->size[SL_LAYER_ALIAS] ? a[0].data : a[5].data, t, d);
  return sl_bound_rmsnorm_weight_grad(dx, a[1].data, a[2].data, a[3].data, a[4].data, a[0].data,
                                      p->size[SL_LAYER_N_SEQ], d);
}

static sl_status elementwise(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p) {
  const sl_array *a = p->array;
  const size_t n = p->size[SL_LAYER_T], alias = p->size[SL_LAYER_ALIAS];
  const int rotates = kernel == SL_KERNEL_rope_forward || kernel == SL_KERNEL_rope_backward;
  sl_ball *y = sl_balls_rows(b, p, 0, rotates ? p->size[SL_LAYER_D] : 0);
  if (!y) return SL_ERR_MEMORY;
  if (kernel == SL_KERNEL_residual_add)
    return sl_bound_residual_add(y, alias == 1 ? a[0].data : a[1].data,
                                 alias == 2 ? a[0].data : a[2].data, n);
  if (kernel == SL_KERNEL_swiglu_forward)
    return sl_bound_swiglu_forward(y, a[1].data, a[2].data, n);
  if (kernel == SL_KERNEL_swiglu_backward) {
    sl_ball *dup = sl_balls_of(b, p, 1);
    return dup ? sl_bound_swiglu_backward(y, dup, a[2].data, a[3].data, a[4].data, n)
               : SL_ERR_MEMORY;
  }
  const size_t heads = p->size[SL_LAYER_HEADS], d = p->size[SL_LAYER_D];
  return kernel == SL_KERNEL_rope_forward
             ? sl_bound_rope_forward(y, a[0].data, a[1].data, a[2].data, a[3].data, n, heads, d)
             : sl_bound_rope_backward(y, a[0].data, a[1].data, a[2].data, a[3].data, n, heads, d);
}

sl_status sl_balls_layer(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p,
                         const void *token) {
  const sl_array *a = p->array;
  (void)token;
  switch (kernel) {
    case SL_KERNEL_embedding_forward:
      return embedding(b, p);
    case SL_KERNEL_embedding_grad: {
      sl_ball *total = sl_balls_rows(b, p, 1, p->size[SL_LAYER_D]);
      if (!total) return SL_ERR_MEMORY;
      return sl_bound_embedding_grad(total, a[1].data, a[2].data, a[3].data, a[0].data,
                                     p->size[SL_LAYER_N_SEQ], p->size[SL_LAYER_D],
                                     p->size[SL_LAYER_VOCAB]);
    }
    case SL_KERNEL_rmsnorm_forward:
    case SL_KERNEL_rmsnorm_backward:
    case SL_KERNEL_rmsnorm_weight_grad:
      return norms(b, kernel, p);
    default:
      return elementwise(b, kernel, p);
  }
}

static sl_status input_grad(sl_kernel_balls *b, const sl_problem *p) {
  sl_linear_part parts[SL_PARTS_MAX];
  const size_t n = p->size[SL_N_PARTS];
  sl_ball *dx = sl_balls_rows(b, p, 0, p->size[SL_K]);
  if (!dx) return SL_ERR_MEMORY;
  for (size_t i = 0; i < n; i++)
    parts[i] = (sl_linear_part){p->array[1 + 2 * i].data, p->array[2 + 2 * i].data, NULL,
                                p->size[SL_PART_N + i]};
  return sl_bound_linear_input_grad(dx, parts, n, p->size[SL_T], p->size[SL_K]);
}

static sl_status weight_grad(sl_kernel_balls *b, const sl_problem *p) {
  const sl_array *a = p->array;
  sl_ball *dw = sl_balls_rows(b, p, 1, p->size[SL_K]),
          *db = a[2].data ? sl_balls_of(b, p, 2) : NULL;
  if (!dw || (a[2].data && !db)) return SL_ERR_MEMORY;
  return sl_bound_linear_weight_grad(dw, db, a[1].data, a[2].data, a[3].data, a[4].data, a[0].data,
                                     p->size[SL_N_SEQ], p->size[SL_N], p->size[SL_K]);
}

sl_status sl_balls_linear(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p,
                          const void *token) {
  const sl_array *a = p->array;
  (void)token;
  if (kernel == SL_KERNEL_linear_input_grad) return input_grad(b, p);
  if (kernel == SL_KERNEL_linear_weight_grad) return weight_grad(b, p);
  sl_ball *y = sl_balls_rows(b, p, 0, p->size[SL_N]);
  if (!y) return SL_ERR_MEMORY;
  return sl_bound_linear_forward(y, a[1].data, a[2].data, a[3].data, p->size[SL_T], p->size[SL_N],
                                 p->size[SL_K]);
}
