/* The one matrix product of the cuda backend: C[m][n] = sum over k of A(m, k) B(n, k), each element in the order of spec N3.2.
 * Operations 2 M N K; bytes 4 (M K + N K + 2 M N) when tiles stay in L2. At 128 x 128 tiles a block does 32 flop for each byte it
 * loads, so the floor is the fma rate. Chain and total of the 8 x 8 results of a thread stay in registers; tiles of k come by
 * asynchronous copies, two buffers; a flush every SL_DOT_CHUNK terms is 1/256 of the fmas. */
#ifndef SLUICE_CUDA_GEMM_H
#define SLUICE_CUDA_GEMM_H

#include "cuda.h"

namespace sl {

/* How k is cut: chunks of SL_DOT_CHUNK over [0, k), or the device's token chunks begin[0..n]. */
struct chunking {
  const uint32_t *begin; /* NULL: uniform */
  size_t n, k, base;     /* base: the token that row 0 of the operands is */
};

static inline chunking uniform_chunks(size_t k) { return {nullptr, (k + dot_chunk - 1) / dot_chunk, k, 0}; }

/* An operand: element (row, k) lies at p[row * ld + k] if k is contiguous, else at p[k * ld + row]. */
struct operand {
  const float *p;
  size_t ld, rows;
};

struct product {
  float *c;
  size_t ldc;
  operand a, b;
  chunking chunks;
  const float *bias; /* by column of C, or NULL */
  int accumulate;    /* totals start from C instead of +0 */
};

/* Starts copying rows [row0, row0 + Rows) and k [k0, k0 + depth) of an operand; rows beyond its end become 0. */
template <int Rows, int Depth, bool KContiguous, int Threads>
static __device__ __forceinline__ void load_tile(float (*to)[Rows + 4], const operand &o, size_t row0, size_t k0, int depth) {
  for (int e = static_cast<int>(threadIdx.x); e < Rows * Depth; e += Threads) {
    const int r = KContiguous ? e / Depth : e % Rows, k = KContiguous ? e % Depth : e / Rows;
    if (k >= depth) continue;
    const size_t row = row0 + static_cast<size_t>(r), at = k0 + static_cast<size_t>(k);
    if (row < o.rows)
      __pipeline_memcpy_async(&to[k][r], KContiguous ? &o.p[row * o.ld + at] : &o.p[at * o.ld + row], sizeof(float));
    else
      to[k][r] = 0.0f;
  }
}

/* Walks k: tile by tile within a chunk, chunk after chunk. */
struct walk {
  size_t chunk, k, end;
};

static __device__ __forceinline__ void enter_chunk(walk &w, const chunking &c) {
  if (w.chunk >= c.n) return;
  w.k = c.begin ? c.begin[w.chunk] : w.chunk * dot_chunk;
  w.end = c.begin ? c.begin[w.chunk + 1] : (w.k + dot_chunk < c.k ? w.k + dot_chunk : c.k);
}

template <int Depth> static __device__ __forceinline__ int depth_of(const walk &w) {
  return w.end - w.k < Depth ? static_cast<int>(w.end - w.k) : Depth;
}

template <int Depth> static __device__ __forceinline__ void advance(walk &w, const chunking &c) {
  w.k += Depth;
  if (w.k >= w.end) {
    w.chunk++;
    enter_chunk(w, c);
  }
}

/* Column (or row) j of a thread's results: groups of up to four neighbours, the groups of all threads side by side. */
template <int PerThread, int ThreadsAcross> static __device__ __forceinline__ int spread(int thread, int j) {
  constexpr int group = PerThread < 4 ? PerThread : 4;
  return j / group * (ThreadsAcross * group) + thread * group + j % group;
}

template <int BM, int BN, int BK, int TM, int TN, bool AK, bool BK_>
__global__ void __launch_bounds__((BM / TM) * (BN / TN)) gemm_kernel(product p) {
  constexpr int across = BN / TN, down = BM / TM, threads = across * down;
  SL_SHARED(float, a_tile, [2][BK][BM + 4]); /* +4: rows stay 16-byte aligned, transposed stores fall two to a bank */
  SL_SHARED(float, b_tile, [2][BK][BN + 4]);
  const int tx = static_cast<int>(threadIdx.x) % across, ty = static_cast<int>(threadIdx.x) / across;
  const size_t m0 = static_cast<size_t>(blockIdx.x) * BM, n0 = static_cast<size_t>(blockIdx.y) * BN;
  float chain[TM][TN], total[TM][TN];
#pragma unroll
  for (int i = 0; i < TM; i++)
#pragma unroll
    for (int j = 0; j < TN; j++) {
      const size_t m = m0 + static_cast<size_t>(spread<TM, down>(ty, i)), n = n0 + static_cast<size_t>(spread<TN, across>(tx, j));
      chain[i][j] = 0.0f;
      total[i][j] = p.accumulate && m < p.a.rows && n < p.b.rows ? p.c[m * p.ldc + n] : 0.0f;
    }

  walk load = {0, 0, 0}, use;
  enter_chunk(load, p.chunks);
  use = load;
  int buffer = 0;
  if (load.chunk < p.chunks.n) {
    load_tile<BM, BK, AK, threads>(a_tile[0], p.a, m0, load.k - p.chunks.base, depth_of<BK>(load));
    load_tile<BN, BK, BK_, threads>(b_tile[0], p.b, n0, load.k - p.chunks.base, depth_of<BK>(load));
  }
  __pipeline_commit();
  while (use.chunk < p.chunks.n) {
    advance<BK>(load, p.chunks);
    if (load.chunk < p.chunks.n) {
      load_tile<BM, BK, AK, threads>(a_tile[1 - buffer], p.a, m0, load.k - p.chunks.base, depth_of<BK>(load));
      load_tile<BN, BK, BK_, threads>(b_tile[1 - buffer], p.b, n0, load.k - p.chunks.base, depth_of<BK>(load));
    }
    __pipeline_commit();
    __pipeline_wait_prior(1);
    __syncthreads();
    const int depth = depth_of<BK>(use);
    for (int k = 0; k < depth; k++) {
      float a[TM], b[TN];
#pragma unroll
      for (int i = 0; i < TM; i++) a[i] = a_tile[buffer][k][spread<TM, down>(ty, i)];
#pragma unroll
      for (int j = 0; j < TN; j++) b[j] = b_tile[buffer][k][spread<TN, across>(tx, j)];
#pragma unroll
      for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j++) chain[i][j] = __fmaf_rn(a[i], b[j], chain[i][j]);
    }
    __syncthreads();
    const size_t chunk = use.chunk;
    advance<BK>(use, p.chunks);
    if (use.chunk != chunk) {
#pragma unroll
      for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j++) {
          total[i][j] = __fadd_rn(total[i][j], chain[i][j]);
          chain[i][j] = 0.0f;
        }
    }
    buffer = 1 - buffer;
  }
  __pipeline_wait_prior(0);
#pragma unroll
  for (int i = 0; i < TM; i++)
#pragma unroll
    for (int j = 0; j < TN; j++) {
      const size_t m = m0 + static_cast<size_t>(spread<TM, down>(ty, i)), n = n0 + static_cast<size_t>(spread<TN, across>(tx, j));
      if (m < p.a.rows && n < p.b.rows) p.c[m * p.ldc + n] = p.bias ? __fadd_rn(total[i][j], p.bias[n]) : total[i][j];
    }
}

/* Small tiles serve decoding's few rows, and the simulator; which tile runs can not show. */
template <bool AK, bool BK_> static inline void launch_gemm(sl_context *ctx, const product &p) {
  if (p.a.rows == 0 || p.b.rows == 0) return;
  const bool large = p.a.rows >= 64 && p.b.rows >= 64;
  const unsigned bm = large ? 128 : 16, bn = large ? 128 : 16;
  const dim3 grid(static_cast<unsigned>((p.a.rows + bm - 1) / bm), static_cast<unsigned>((p.b.rows + bn - 1) / bn), 1);
  if (large)
    SL_LAUNCH((gemm_kernel<128, 128, 16, 8, 8, AK, BK_>), grid, 256, 0, ctx->device->stream, p);
  else
    SL_LAUNCH((gemm_kernel<16, 16, 8, 2, 2, AK, BK_>), grid, 64, 0, ctx->device->stream, p);
}

} // namespace sl

#endif
