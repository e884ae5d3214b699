/* The three products of a linear layer that `sluice bench gemm` times. */
#ifndef SLUICE_GEMM_PRODUCT_H
#define SLUICE_GEMM_PRODUCT_H

#include <sluice/kernels.h>

/* y (t, n) = x (t, k) w (n, k)'; backward y is the gradient dy. The tokens are sequences of 256. */
typedef struct {
  size_t t, n, k, sequences;
  float *x, *w, *y, *dx, *dw;
  uint32_t *seq;
  void *forward_pack, *input_pack; /* of w; NULL without a context */
} sl_gemm_product;

/* Matrices of arbitrary numbers; ctx may be NULL. SL_ERR_MEMORY. */
sl_status sl_gemm_product_new(sl_gemm_product *p, sl_context *ctx, const size_t shape[3],
                              sl_error *err);
void sl_gemm_product_free(sl_gemm_product *p);

typedef struct {
  const char *name;
  int packs; /* w may be packed once for many products */
  sl_status (*ours)(sl_context *ctx, const sl_gemm_product *p, int packed);
  void (*blas)(const sl_gemm_product *p);
  int (*right)(const sl_gemm_product *p); /* is the result, which began at 0? */
} sl_gemm_pass;

enum { SL_GEMM_PASSES = 3 };
const sl_gemm_pass *sl_gemm_pass_at(size_t i);

#endif
