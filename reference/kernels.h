/* The exact result of every kernel on its own binary32 inputs, in binary64 or MPFR (spec T1 to T4,
 * O, N5, N6): sl_ref_NAME. Written from the mathematics of a clause, not from its order of
 * operations. Shapes and layouts are those of spec/kernels.def. Errors of the binary64 ones are
 * about 2^-29 of the bound of bounds.h. All return SL_OK or SL_ERR_MEMORY unless said otherwise. */
#ifndef SLUICE_REFERENCE_KERNELS_H
#define SLUICE_REFERENCE_KERNELS_H

#include <sluice/status.h>
#include <sluice/types.h>

/* The fields of sl_loss_sums in their order, as columns of gated_loss's `sums` (n_seq,
 * SL_LOSS_FIELDS). */
enum {
  SL_LOSS_OBJECTIVE,
  SL_LOSS_CENTRED,
  SL_LOSS_KL,
  SL_LOSS_ENTROPY,
  SL_LOSS_Y,
  SL_LOSS_Y_SQUARE,
  SL_LOSS_WEIGHT,
  SL_LOSS_EFFECTIVE,
  SL_LOSS_RATIO_MAX,
  SL_LOSS_TOKENS,
  SL_LOSS_BELOW_HALF,
  SL_LOSS_CLAMPED,
  SL_LOSS_FIELDS
};

/* gated_loss: SL_ERR_UNAVAILABLE for an expression gate, SL_ERR_NONFINITE as the kernel; e may be
 * NULL. */
#define OUT double
#define SL_ORACLE(name, params) sl_status sl_ref_##name params;
#include "oracle.def"
#undef SL_ORACLE
#undef OUT

/* The effective update ratio of an update of n_groups groups of sequences (spec O5.3), rounded once
 * to binary64; statuses as gated_loss. */
sl_status sl_ref_effective_ratio(double *eur, const sl_objective *objective,
                                 const sl_gated_loss_batch *batch, const uint32_t *group,
                                 size_t n_groups);

/* Rows whose result is exact: copies, digests, and the token of a draw (spec N5.5, with exp
 * correctly rounded by MPFR). */
void sl_ref_embedding_forward(float *y, const float *table, const uint32_t *ids, size_t t,
                              size_t d);
void sl_ref_kv_store(float *k_cache, float *v_cache, const float *k, const float *v,
                     const uint32_t *slot, const uint32_t *position, size_t t, size_t kv_heads,
                     size_t d, size_t capacity);
void sl_ref_kv_fork(float *k_cache, float *v_cache, const uint32_t *to, const uint32_t *from,
                    const uint32_t *length, size_t n, size_t kv_heads, size_t d, size_t capacity);
sl_status sl_ref_sample_token(uint32_t *token, const float *logits, const sl_sampling *sampling,
                              const uint32_t *sequence, const uint32_t *position, size_t b,
                              size_t vocab);
void sl_ref_tensor_digest(uint64_t *digest, const float *x, size_t n); /* low and high 64 bits */

#endif
