/* What the kernels refuse, with the place (spec N1.5, N4.1, T1.1). Internal. */
#ifndef SLUICE_CHECK_H
#define SLUICE_CHECK_H

#include "context.h"

/* The entry check of every kernel, called before any backend: null pointers, misaligned ones, sizes
 * whose product overflows, shapes that make no sense, and those contents that are cheap to check
 * (not where the context's memory is on a device). check_arguments.c, check_loss.c. */
#define SL_KERNEL(name, params, args, storage, clause, bound) \
  sl_status sl_check_##name(sl_context *ctx, SL_UNPAREN params);
#include <sluice/kernels.def>
#undef SL_KERNEL

/* What a backend's gated loss staged for t tokens and the batch's sequences. */
typedef struct {
  sl_loss_sums *sums;
  /* One for each chunk of spec O1.2; those of sequence s, which begins at token lo, start at lo /
   * SL_SUM_CHUNK + s. */
  double *chunk;
  float *d, *e;
} sl_staged_loss;

/* SL_ERR_NONFINITE that names a token of sequence s and the quantity of it that is x. */
sl_status sl_refuse_token(sl_context *ctx, const char *what, float x, size_t token, size_t s);

/* Takes the context's workspace for it, d and e for staged_t of the t tokens: all or none. sums is
 * NULL where there is no memory. */
sl_staged_loss sl_stage_loss(sl_context *ctx, size_t n_seq, size_t staged_t, size_t t);
/* Copies it to the outputs (e may be NULL), or returns SL_ERR_NONFINITE with the first token whose
 * gradient is not finite (spec O4.2). */
sl_status sl_commit_loss(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                         const sl_staged_loss *staged, const sl_gated_loss_batch *batch);

/* SL_ERR_INPUT if an id (of an unmasked slot, where mask is not NULL) is not below vocab; the
 * message names its index. */
sl_status sl_check_ids(sl_context *ctx, const char *kernel, const uint32_t *ids,
                       const uint8_t *mask, size_t t, size_t vocab);

/* SL_ERR_NONFINITE if an element is NaN or infinite; the message names its index. */
sl_status sl_check_finite(sl_context *ctx, const char *kernel, const float *x, size_t n);

/* SL_ERR_INPUT if offsets do not start at 0 or decrease (spec N4.1). */
sl_status sl_check_seq(sl_context *ctx, const char *kernel, const uint32_t *seq, size_t n_seq);

/* SL_ERR_USAGE for shapes that attention cannot have: no head, kv_heads that do not divide heads,
 * no component; then sl_check_seq where n_seq is not 0. */
sl_status sl_check_attention(sl_context *ctx, const char *kernel, const uint32_t *seq, size_t n_seq,
                             size_t heads, size_t kv_heads, size_t d);

/* SL_ERR_INPUT "kernel: name[i] is x, but WHAT limit" for the first index that is not
 * below limit. */
sl_status sl_check_indices(sl_context *ctx, const char *kernel, const char *name,
                           const uint32_t *index, size_t n, size_t limit, const char *what);
/* SL_ERR_INPUT if a length is above the cache's capacity; the message names its index. */
sl_status sl_check_lengths(sl_context *ctx, const char *kernel, const uint32_t *length, size_t n,
                           size_t capacity);

/* SL_ERR_USAGE for settings of spec N5.5 that make no sense, or an empty vocabulary. */
sl_status sl_check_sampling(sl_context *ctx, const sl_sampling *sampling, size_t vocab);

/* SL_ERR_NONFINITE that names the first of the logits [0, vocab) of that row that is, or becomes,
 * non-finite when tempered, or else says that their spread overflows. For a row whose softmax sums
 * came out non-finite. */
sl_status sl_fail_logits(sl_context *ctx, const float *logits, float inv_temperature, size_t row,
                         size_t vocab);

#endif
