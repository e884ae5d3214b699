/* The table of ops (spec E2.4). */
#include "op.h"

#include <string.h>

static const sl_op *const ops[] = {&sl_op_linear,
                                   &sl_op_linear_input_grad,
                                   &sl_op_linear_weight_grad,
                                   &sl_op_embedding,
                                   &sl_op_embedding_grad,
                                   &sl_op_add,
                                   &sl_op_rmsnorm,
                                   &sl_op_rmsnorm_backward,
                                   &sl_op_swiglu,
                                   &sl_op_swiglu_backward,
                                   &sl_op_rope,
                                   &sl_op_attention,
                                   &sl_op_attention_backward,
                                   &sl_op_softmax,
                                   &sl_op_logprob,
                                   &sl_op_logprob_backward,
                                   &sl_op_adamw,
                                   &sl_op_clip_grad_norm,
                                   &sl_op_advantages,
                                   &sl_op_gated_loss};

size_t sl_op_count(void) { return sizeof ops / sizeof *ops; }
const sl_op *sl_op_at(size_t index) { return ops[index]; }

const sl_op *sl_op_find(const char *name) {
  for (size_t i = 0; i < sl_op_count(); i++)
    if (strcmp(ops[i]->name, name) == 0) return ops[i];
  return NULL;
}
