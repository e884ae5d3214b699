/* Checks of data that kernels refuse, with the place (spec N1.5, T1.1). Not public. */
#ifndef SLUICE_CHECK_H
#define SLUICE_CHECK_H

#include "context.h"

/* SL_ERR_INPUT if an id (of an unmasked slot, where mask is not NULL) is not below vocab; the message names its index. */
sl_status sl_check_ids(sl_context *ctx, const char *kernel, const uint32_t *ids, const uint8_t *mask, size_t t, size_t vocab);

/* SL_ERR_NONFINITE if an element is NaN or infinite; the message names its index. */
sl_status sl_check_finite(sl_context *ctx, const char *kernel, const float *x, size_t n);

#endif
