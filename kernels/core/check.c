/* Checks of data that kernels refuse, with the place (spec N1.5, T1.1). */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>

sl_status sl_check_ids(sl_context *ctx, const char *kernel, const uint32_t *ids,
                       const uint8_t *mask, size_t t, size_t vocab) {
  for (size_t i = 0; i < t; i++)
    if (ids[i] >= vocab && (!mask || mask[i]))
      return sl_fail(&ctx->error, SL_ERR_INPUT, "%s: token[%zu] is %u, but the vocabulary has %zu",
                     kernel, i, ids[i], vocab);
  return SL_OK;
}

/* 1 if an element is NaN or infinite; no early exit, so that it runs in vectors, as fast
 * as memory. */
static int block_nonfinite(const float *x, size_t n) {
  int bad = 0;
  for (size_t i = 0; i < n; i++) bad |= !(fabsf(x[i]) <= FLT_MAX);
  return bad;
}

typedef struct {
  const float *x;
  atomic_int bad;
} finite_job;

static void finite_range(void *arg, size_t begin, size_t end, int thread) {
  finite_job *j = arg;
  (void)thread;
  if (block_nonfinite(j->x + begin, end - begin)) atomic_store(&j->bad, 1);
}

/* On all threads, as what follows: one core reads less than the memory gives. */
sl_status sl_check_finite(sl_context *ctx, const char *kernel, const float *x, size_t n) {
  enum { RANGE = 1 << 16 };
  finite_job j = {.x = x};
  const sl_status status = sl_parallel_for(ctx, n, RANGE, finite_range, &j);
  if (status || !atomic_load(&j.bad)) return status;
  for (size_t i = 0; i < n; i++)
    if (!isfinite(x[i]))
      return sl_fail(&ctx->error, SL_ERR_NONFINITE, "%s: element [%zu] is %g", kernel, i,
                     (double)x[i]);
  return SL_OK;
}

sl_status sl_check_seq(sl_context *ctx, const char *kernel, const uint32_t *seq, size_t n_seq) {
  if (n_seq && seq[0] != 0)
    return sl_fail(&ctx->error, SL_ERR_INPUT, "%s: seq[0] is %u, not 0", kernel, seq[0]);
  for (size_t s = 0; s < n_seq; s++)
    if (seq[s + 1] < seq[s])
      return sl_fail(&ctx->error, SL_ERR_INPUT, "%s: seq[%zu] is %u, below seq[%zu] = %u", kernel,
                     s + 1, seq[s + 1], s, seq[s]);
  return SL_OK;
}

sl_status sl_check_attention(sl_context *ctx, const char *kernel, const uint32_t *seq, size_t n_seq,
                             size_t heads, size_t kv_heads, size_t d) {
  if (heads == 0 || kv_heads == 0 || heads % kv_heads)
    return sl_fail(&ctx->error, SL_ERR_USAGE, "%s: %zu kv heads do not divide %zu query heads",
                   kernel, kv_heads, heads);
  if (d == 0) return sl_fail(&ctx->error, SL_ERR_USAGE, "%s: a head has no component", kernel);
  return sl_check_seq(ctx, kernel, seq, n_seq);
}

sl_status sl_check_indices(sl_context *ctx, const char *kernel, const char *name,
                           const uint32_t *index, size_t n, size_t limit, const char *what) {
  for (size_t i = 0; i < n; i++)
    if (index[i] >= limit)
      return sl_fail(&ctx->error, SL_ERR_INPUT, "%s: %s[%zu] is %u, but %s %zu", kernel, name, i,
                     index[i], what, limit);
  return SL_OK;
}

sl_status sl_check_lengths(sl_context *ctx, const char *kernel, const uint32_t *length, size_t n,
                           size_t capacity) {
  for (size_t i = 0; i < n; i++)
    if (length[i] > capacity)
      return sl_fail(&ctx->error, SL_ERR_INPUT, "%s: length[%zu] is %u, but the cache holds %zu",
                     kernel, i, length[i], capacity);
  return SL_OK;
}

sl_status sl_check_sampling(sl_context *ctx, const sl_sampling *sampling, size_t vocab) {
  if (!(sampling->temperature >= 0.0f && isfinite(sampling->temperature)))
    return sl_fail(&ctx->error, SL_ERR_USAGE,
                   "sample: temperature must be 0 (greedy) or positive, not %g",
                   (double)sampling->temperature);
  if (!(sampling->top_p > 0.0 && sampling->top_p <= 1.0))
    return sl_fail(&ctx->error, SL_ERR_USAGE, "sample: top_p must lie in (0, 1], not %g",
                   sampling->top_p);
  if (vocab == 0 || vocab > UINT32_MAX)
    return sl_fail(&ctx->error, SL_ERR_USAGE, "sample: a vocabulary of %zu tokens", vocab);
  return SL_OK;
}

sl_status sl_fail_logits(sl_context *ctx, const float *logits, float inv_temperature, size_t row,
                         size_t vocab) {
  for (size_t v = 0; v < vocab; v++)
    if (!isfinite(logits[v] * inv_temperature))
      return sl_fail(&ctx->error, SL_ERR_NONFINITE,
                     "sample: logit[%zu][%zu] is %g, times 1/temperature %g", row, v,
                     (double)logits[v], (double)inv_temperature);
  return sl_fail(&ctx->error, SL_ERR_NONFINITE,
                 "sample: the logits of row [%zu] lie too far apart for binary32", row);
}
