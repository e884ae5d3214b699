/* Packs of a weight for the context of a run (spec T2.4): used in some problems; it must never
 * change the result. */
#ifndef SLUICE_EQUIV_PACK_H
#define SLUICE_EQUIV_PACK_H

#include <sluice/kernels.h>

/* *packed becomes the pack of w (n, k), to be released with sl_memory_free, or NULL where the
 * context does not pack or `use` is 0. */
sl_status sl_pack_weight(void **packed, sl_context *ctx, const float *w, size_t n, size_t k,
                         sl_pack_kind kind, int use);

#endif
