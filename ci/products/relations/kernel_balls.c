/* Balls of a kernel's outputs: the dispatch, and values as the balls count them. */
#include "balls_make.h"

#include "ci/products/equiv/bound_linear.h"
#include "kernels/vendor/vendor.h"
#include "reference/kernels.h"

#include <stdlib.h>
#include <string.h>

static sl_balls_maker *maker_of(sl_kernel_id kernel) {
  switch (kernel) {
    case SL_KERNEL_linear_pack:
    case SL_KERNEL_linear_forward:
    case SL_KERNEL_linear_input_grad:
    case SL_KERNEL_linear_weight_grad:
      return sl_balls_linear;
    case SL_KERNEL_attention_forward:
    case SL_KERNEL_attention_backward:
    case SL_KERNEL_attention_decode:
    case SL_KERNEL_kv_store:
    case SL_KERNEL_kv_fork:
      return sl_balls_heads;
    case SL_KERNEL_logprob_forward:
    case SL_KERNEL_logprob_backward:
    case SL_KERNEL_sample:
      return sl_balls_logits;
    case SL_KERNEL_gated_loss:
      return sl_balls_loss;
    case SL_KERNEL_grad_square_sum:
    case SL_KERNEL_adamw_step:
    case SL_KERNEL_tensor_digest:
      return sl_balls_flat;
    default:
      return sl_balls_layer;
  }
}

sl_status sl_kernel_balls_make(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p,
                               const void *token) {
  *b = (sl_kernel_balls){0};
  return maker_of(kernel)(b, kernel, p, token);
}

void sl_kernel_balls_end(sl_kernel_balls *b) {
  for (size_t i = 0; i < b->outs; i++) free(b->out[i].balls);
  *b = (sl_kernel_balls){0};
}

sl_status sl_kernel_balls_any_order(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p) {
  *b = (sl_kernel_balls){0};
  for (size_t a = 0; a < p->arrays; a++) {
    if (p->array[a].role == SL_IN || !p->array[a].data) continue;
    sl_ball *balls = sl_balls_of(b, p, a);
    if (!balls) return SL_ERR_MEMORY;
    for (size_t i = 0; i < p->array[a].count; i++) {
      const sl_exact_sum e = sl_exact_linear(kernel, p, a, i);
      balls[i] = (sl_ball){e.sum, sl_bound_of_sum(&e)};
    }
  }
  return SL_OK;
}

static void of_sums(double *x, const sl_loss_sums *sums, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const sl_loss_sums *s = &sums[i];
    const double fields[SL_LOSS_FIELDS] = {s->objective,  s->centred,       s->kl,
                                           s->entropy,    s->y_sum,         s->y_square_sum,
                                           s->weight_sum, s->effective_sum, (double)s->ratio_max,
                                           s->tokens,     s->below_half,    s->clamped};
    memcpy(x + i * SL_LOSS_FIELDS, fields, sizeof fields);
  }
}

void sl_kernel_values(double *x, const sl_kernel_output *out, const sl_problem *p,
                      const void *data) {
  const sl_array *a = &p->array[out->array];
  const uint64_t *words = data;
  if (a->type == SL_SUMS)
    of_sums(x, data, a->count);
  else if (a->type == SL_U64)
    for (size_t i = 0; i < out->n; i++) x[i] = (double)(words[i / 4] >> (16 * (i % 4)) & 0xffff);
  else
    for (size_t i = 0; i < out->n; i++) x[i] = sl_format_read(out->type, data, i);
}
