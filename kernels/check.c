/* Checks of data that kernels refuse, with the place (spec N1.5, T1.1). */
#include "check.h"

#include <math.h>

sl_status sl_check_ids(sl_context *ctx, const char *kernel, const uint32_t *ids, const uint8_t *mask, size_t t, size_t vocab) {
  for (size_t i = 0; i < t; i++)
    if (ids[i] >= vocab && (!mask || mask[i]))
      return sl_fail(&ctx->error, SL_ERR_INPUT, "%s: token[%zu] is %u, but the vocabulary has %zu", kernel, i, ids[i], vocab);
  return SL_OK;
}

sl_status sl_check_finite(sl_context *ctx, const char *kernel, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(x[i])) return sl_fail(&ctx->error, SL_ERR_NONFINITE, "%s: element [%zu] is %g", kernel, i, (double)x[i]);
  return SL_OK;
}
