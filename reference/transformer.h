/* The architectures of the spec over the real numbers (T1 to T5): forward and backward in binary64
 * on OpenBLAS, and forward in MPFR at any precision for tiny shapes. RoPE tables are the binary32
 * ones of the spec (T1.9), then taken as exact. */
#ifndef SLUICE_REFERENCE_TRANSFORMER_H
#define SLUICE_REFERENCE_TRANSFORMER_H

#include "real.h"
#include "rope.h"

#include <sluice/status.h>

#include <stdint.h>

typedef struct {
  size_t layers, hidden, heads, kv_heads, head_dim, ffn, vocab;
  double eps, theta;
  int tied;
  int no_bias, qk_norm; /* T5.5: zeros are Qwen2, both 1 are Qwen3 */
  sl_ref_rope rope;
} sl_ref_model;

/* Packed tokens (spec N4.1): ids are read, target is what each position is asked for; masked rows
 * give 0 and take no gradient. */
typedef struct {
  const uint32_t *seq, *ids, *target;
  const uint8_t *mask;
  size_t n_seq;
  double inv_temperature;
} sl_ref_tokens;

/* The tensors of a layer in registry order (spec T5.3); those that a model lacks have no elements.
 */
typedef enum {
  SL_REF_NORM1,
  SL_REF_Q,
  SL_REF_Q_BIAS,
  SL_REF_K,
  SL_REF_K_BIAS,
  SL_REF_V,
  SL_REF_V_BIAS,
  SL_REF_Q_NORM,
  SL_REF_K_NORM,
  SL_REF_O,
  SL_REF_NORM2,
  SL_REF_GATE,
  SL_REF_UP,
  SL_REF_DOWN,
  SL_REF_LAYER_TENSORS
} sl_ref_tensor;

/* Weights are one flat array in registry order: embedding, layers, final norm, head if not tied.
 * Offsets in elements. */
size_t sl_ref_weights(const sl_ref_model *m);
size_t sl_ref_layer_offset(const sl_ref_model *m, size_t layer, sl_ref_tensor tensor);
size_t sl_ref_norm_offset(const sl_ref_model *m);
size_t sl_ref_head_offset(const sl_ref_model *m); /* 0, the embedding, if tied */

/* A forward pass with all it keeps for the backward pass. */
typedef struct sl_ref_run sl_ref_run;

/* logp and entropy (t). SL_ERR_MEMORY leaves *run untouched. The run borrows model, weights and
 * tokens. */
sl_status sl_ref_forward(sl_ref_run **run, const sl_ref_model *m, const double *weights,
                         const sl_ref_tokens *tokens, double *logp, double *entropy);
/* Adds to grad (sl_ref_weights) the gradient of sum_t dlogp_t logp_t + dentropy_t entropy_t by the
 * weights. */
sl_status sl_ref_backward(const sl_ref_run *run, const double *dlogp, const double *dentropy,
                          double *grad);
/* Adds to grad the gradient of sum dz z; z, dz (t, vocab), z the logits before temperature. */
sl_status sl_ref_backward_logits(const sl_ref_run *run, const double *dz, double *grad);
/* log p (t, vocab); the run owns it. */
const double *sl_ref_log_probs(const sl_ref_run *run);
void sl_ref_run_destroy(sl_ref_run *run);

/* The same forward pass in MPFR; precision is that of the weights. */
sl_status sl_ref_forward_mpfr(sl_reals *logp, sl_reals *entropy, const sl_ref_model *m,
                              const sl_reals *weights, const sl_ref_tokens *tokens);

#endif
