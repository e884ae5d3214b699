/* Backends on a vendor's library: the products of linear layers by sgemm, summed in whatever order
 * that library chooses. Opt-in, by name: their bits are not those of spec T2; the error is bounded
 * (sl_vendor_dot_bound) and every record names them (spec N1.6). */
#ifndef SLUICE_VENDOR_H
#define SLUICE_VENDOR_H

#include <sluice/kernels.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "openblas+cpu/ISA": linear_forward, linear_input_grad and linear_weight_grad by OpenBLAS, all
 * else by the cpu backend. Runs of one build with one thread count on one machine agree; nothing
 * else is claimed. */
const sl_backend *sl_openblas_backend(void);

/* The backend "cublas", "cublas+cuda" in records: the same three by cuBLAS in binary32, all else by
 * the cuda backend. Calls with the same sizes and alignments on one device with one version of
 * cuBLAS agree; nothing else is claimed. sl_simt_cublas_backend is the same source on the
 * simulator, over a stand-in for cuBLAS: for tests. */
const sl_backend *sl_cuda_cublas_backend(void);
const sl_backend *sl_simt_cublas_backend(void);

/* 1 if that kernel of the context is a vendor's: within the bound, not with the bits of plain. */
int sl_vendor_bounded(const sl_context *ctx, sl_kernel_id kernel);

/* How far n products, added in any order to a value that stands among them, may lie from the exact
 * sum, with or without fma: each of them passes through at most n + 1 roundings, so the error is at
 * most g * magnitude with g = (n + 1) u / (1 - (n + 1) u), u = 2^-24, and magnitude the sum of
 * their absolute values; besides, each product may lose half of the least subnormal, 2^-150.
 * Infinite where (n + 1) u >= 1/2. Nothing may overflow. */
double sl_vendor_dot_bound(size_t n, double magnitude);

#ifdef __cplusplus
}
#endif
#endif
