/* Where each tensor lies in the flat weights (spec T5.3). */
#include "transformer.h"

static size_t tensor_size(const sl_ref_model *m, sl_ref_tensor tensor) {
  const size_t q = m->heads * m->head_dim, kv = m->kv_heads * m->head_dim, d = m->hidden;
  const size_t bias = m->no_bias ? 0 : 1, norm = m->qk_norm ? m->head_dim : 0;
  const size_t sizes[SL_REF_LAYER_TENSORS] = {d,      q * d,      bias * q,   kv * d,    bias * kv,
                                              kv * d, bias * kv,  norm,       norm,      d * q,
                                              d,      m->ffn * d, m->ffn * d, d * m->ffn};
  return sizes[tensor];
}

static size_t tensors_before(const sl_ref_model *m, sl_ref_tensor tensor) {
  size_t n = 0;
  for (sl_ref_tensor i = 0; i < tensor; i++) n += tensor_size(m, i);
  return n;
}

size_t sl_ref_layer_offset(const sl_ref_model *m, size_t layer, sl_ref_tensor tensor) {
  return m->vocab * m->hidden + layer * tensors_before(m, SL_REF_LAYER_TENSORS) +
         tensors_before(m, tensor);
}

size_t sl_ref_norm_offset(const sl_ref_model *m) {
  return sl_ref_layer_offset(m, m->layers, SL_REF_NORM1);
}
size_t sl_ref_head_offset(const sl_ref_model *m) {
  return m->tied ? 0 : sl_ref_norm_offset(m) + m->hidden;
}
size_t sl_ref_weights(const sl_ref_model *m) {
  return sl_ref_norm_offset(m) + m->hidden + (m->tied ? 0 : m->vocab * m->hidden);
}
