/* The one matrix product of the cuda backend (gemm.cu): C[m][n] = sum over k of A(m, k) B(n,
 * k), each element in the order of spec N3.2, N3.4 or N4.2. What linear.cu and head.cu ask of
 * it. Internal. */
#ifndef SLUICE_CUDA_GEMM_H
#define SLUICE_CUDA_GEMM_H

#include "cuda.h"

/* The two builds of these sources may be in one program. */
#define gemm_sizes SL_DEVICE_NAME(gemm_sizes)
#define gemm_scratch SL_DEVICE_NAME(gemm_scratch)
#define launch_gemm SL_DEVICE_NAME(launch_gemm)

namespace sl {

constexpr int parts_max = 4;

/* One part of the reduction: k terms. Element (row, k) of an operand lies at p[row * ld + k] where
 * its k is contiguous, else at p[k * ld + row]. */
struct gemm_part {
  const float *a, *b;
  size_t lda, ldb;
  unsigned k;
};

/* Chunks: SL_DOT_CHUNK terms within each part (spec N3.2, N3.4), or, where `begin` is given, the
 * device's table begin[0..n_chunks] of token numbers, counted from `base`, in one part (spec N4.2).
 * An empty chunk of a table adds +0. */
struct gemm_product {
  float *c; /* (m, n), rows ldc apart */
  size_t ldc;
  unsigned m, n;
  const uint32_t *m_used; /* device; only the first *m_used rows exist. NULL: all m do */
  gemm_part part[parts_max];
  int n_parts;
  const uint32_t *begin;
  unsigned base, n_chunks; /* n_chunks counts those of all parts */
  const float *bias;       /* (n), or NULL */
  int accumulate;          /* totals start from C instead of +0 */
};

enum gemm_layout {
  both_k,    /* k contiguous in A and B: forward */
  a_k_b_row, /* in A only: input gradients */
  both_row   /* in neither: weight gradients */
};

/* A product without chunks: the caller adds parts, or a table. */
static inline gemm_product product_of(float *c, size_t ldc, size_t m, size_t n) {
  gemm_product p = {};
  p.c = c, p.ldc = ldc, p.m = static_cast<unsigned>(m), p.n = static_cast<unsigned>(n);
  return p;
}

static inline void add_part(gemm_product *p, const float *a, size_t lda, const float *b, size_t ldb,
                            size_t k) {
  p->part[p->n_parts++] = {a, b, lda, ldb, static_cast<unsigned>(k)};
  p->n_chunks += static_cast<unsigned>((k + dot_chunk - 1) / dot_chunk);
}

static inline void set_table(gemm_product *p, const float *a, size_t lda, const float *b,
                             size_t ldb, const uint32_t *begin, size_t n_chunks, size_t base) {
  p->part[0] = {a, b, lda, ldb, 0};
  p->n_parts = 1, p->begin = begin, p->n_chunks = static_cast<unsigned>(n_chunks),
  p->base = static_cast<unsigned>(base);
}

/* Refuses what 32-bit indices can not hold. */
sl_status gemm_sizes(sl_context *ctx, const char *kernel, size_t m, size_t n, size_t k);

/* Floats of scratch with which launch_gemm is fastest: at most scratch_max, or a few chunks'
 * results with the smallest tiles. It works with any amount, even none, and the result is the same.
 */
constexpr size_t scratch_max = static_cast<size_t>(16) << 20;
size_t gemm_scratch(sl_context *ctx, gemm_layout layout, const gemm_product &p);

/* p.m x p.n results; the caller has seen to gemm_sizes. */
void launch_gemm(sl_context *ctx, gemm_layout layout, const gemm_product &p, float *scratch,
                 size_t scratch_floats);

}  // namespace sl

#endif
