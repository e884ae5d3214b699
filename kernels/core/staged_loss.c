/* Holds the outputs of the gated loss until every token is checked, so that the caller's arrays
 * stay untouched if one has an error (check.h, spec O4.2). */
#include "check.h"
#include "verify.h"

#include <math.h>

sl_status sl_refuse_token(sl_context *ctx, const char *what, float x, size_t token, size_t s) {
  return sl_fail(&ctx->error, SL_ERR_NONFINITE, "gated_loss: %s[%zu] (sequence %zu) is %g", what,
                 token, s, (double)x);
}

sl_staged_loss sl_stage_loss(sl_context *ctx, size_t n_seq, size_t staged_t, size_t t) {
  const size_t chunks = t / SL_SUM_CHUNK + n_seq;
  sl_staged_loss staged = {0};
  staged.sums = sl_workspace(ctx, n_seq * sizeof *staged.sums + chunks * sizeof *staged.chunk +
                                      2 * staged_t * sizeof *staged.d);
  if (!staged.sums) return staged;
  staged.chunk = (double *)(void *)(staged.sums + n_seq);
  staged.d = (float *)(void *)(staged.chunk + chunks);
  staged.e = staged.d + staged_t;
  return staged;
}

sl_status sl_commit_loss(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                         const sl_staged_loss *staged, const sl_gated_loss_batch *batch) {
  for (size_t s = 0; s < batch->n_seq; s++)
    for (size_t i = batch->seq[s]; i < batch->seq[s + 1]; i++)
      if (!isfinite(staged->d[i]))
        return sl_refuse_token(ctx, "the gradient of token", staged->d[i], i, s);
  SL_VERIFY((void *)staged->sums == (void *)ctx->workspace);
  for (size_t s = 0; s < batch->n_seq; s++) {
    sums[s] = staged->sums[s];
    for (size_t i = batch->seq[s]; i < batch->seq[s + 1]; i++) {
      d[i] = staged->d[i];
      if (e) e[i] = staged->e[i];
    }
  }
  return SL_OK;
}
