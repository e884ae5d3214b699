/* Gradient of causal grouped-query attention (spec T3.4). Two kernels: dq by query tiles, dk and dv by key tiles; both recompute scores in
 * tiles of 32, so nothing of size T x T is stored. Operations 14 d a pair; bytes: q, k, v, o, do and their gradients once a tile row.
 * No atomics: one block owns each result and walks heads and query tiles in the order of the clause. */
#include "cuda.h"

using namespace sl;

namespace {

constexpr int tile = lanes, tile_rows = 16, block_threads = 128, rows_a_warp = tile_rows / (block_threads / lanes);

struct problem {
  float *dq, *dk, *dv;
  const float *d_o, *q, *k, *v, *row_max, *row_scale, *delta; /* delta (T, H): D of the clause */
  const uint32_t *seq;
  size_t n_seq, heads, kv_heads, d;
  float scale;
};

} // namespace

static __device__ __forceinline__ float dot_d(const float *a, const float *b, size_t d) {
  float total = 0.0f;
  for (size_t begin = 0; begin < d; begin += dot_chunk) {
    const size_t end = begin + dot_chunk < d ? begin + dot_chunk : d;
    float chain = 0.0f;
    for (size_t c = begin; c < end; c++) chain = __fmaf_rn(a[c], b[c], chain);
    total = __fadd_rn(total, chain);
  }
  return total;
}

static __global__ void delta_kernel(float *delta, const float *d_o, const float *o, size_t rows, size_t d) {
  for (size_t i = thread_of_grid(); i < rows; i += threads_of_grid()) delta[i] = dot_d(d_o + i * d, o + i * d, d);
}

/* rows x d values at `step` from row to row into shared memory at `pitch`. */
static __device__ void load_rows(float *to, size_t pitch, const float *from, size_t step, size_t rows, size_t d) {
  for (size_t e = threadIdx.x; e < rows * d; e += block_threads) to[e / d * pitch + e % d] = from[e / d * step + e % d];
}

static __host__ __device__ size_t shared_floats(size_t d) { return 2 * tile_rows * d + 2 * tile * (d + 1) + 2 * tile_rows * (tile + 1) + 3 * tile; }

/* dq of 16 queries of one head: keys in tiles, ascending. */
template <int Outs> static __global__ void __launch_bounds__(block_threads) query_kernel(problem a) {
  SL_DYNAMIC_SHARED(float, memory);
  float *q = memory, *d_o = q + tile_rows * a.d, *k = d_o + tile_rows * a.d, *v = k + tile * (a.d + 1), *ds = v + tile * (a.d + 1);
  const int lane = lane_of_thread(), first_row = static_cast<int>(threadIdx.x) / lanes * rows_a_warp;
  for (size_t x = blockIdx.x; x < a.n_seq * a.heads; x += gridDim.x) {
    const size_t s = x / a.heads, h = x % a.heads, first = a.seq[s], n = a.seq[s + 1] - first;
    const size_t kv = (first * a.kv_heads + h / (a.heads / a.kv_heads)) * a.d, key_step = a.kv_heads * a.d, step = a.heads * a.d;
    for (size_t row0 = static_cast<size_t>(blockIdx.y) * tile_rows; row0 < n; row0 += static_cast<size_t>(gridDim.y) * tile_rows) {
      const size_t rows = n - row0 < tile_rows ? n - row0 : tile_rows, at = ((first + row0) * a.heads + h) * a.d, end = row0 + rows;
      load_rows(q, a.d, a.q + at, step, rows, a.d);
      load_rows(d_o, a.d, a.d_o + at, step, rows, a.d);
      float chain[Outs], total[Outs];
#pragma unroll
      for (int i = 0; i < Outs; i++) chain[i] = total[i] = 0.0f;
      for (size_t t0 = 0; t0 < end; t0 += tile) {
        const size_t keys = end - t0 < tile ? end - t0 : tile;
        __syncthreads();
        load_rows(k, a.d + 1, a.k + kv + t0 * key_step, key_step, keys, a.d);
        load_rows(v, a.d + 1, a.v + kv + t0 * key_step, key_step, keys, a.d);
        __syncthreads();
        for (int i = 0; i < rows_a_warp; i++) {
          const size_t row = static_cast<size_t>(first_row + i), j = t0 + static_cast<size_t>(lane);
          if (row >= rows || j > row0 + row) continue;
          const size_t stat = (first + row0 + row) * a.heads + h;
          const float sc = __fmul_rn(dot_d(q + row * a.d, k + static_cast<size_t>(lane) * (a.d + 1), a.d), a.scale);
          const float p = __fmul_rn(sl_fn_exp(__fadd_rn(sc, -a.row_max[stat])), a.row_scale[stat]);
          const float dp = dot_d(d_o + row * a.d, v + static_cast<size_t>(lane) * (a.d + 1), a.d);
          ds[row * (tile + 1) + static_cast<size_t>(lane)] = __fmul_rn(p, __fadd_rn(dp, -a.delta[stat]));
        }
        __syncthreads();
#pragma unroll
        for (int i = 0; i < Outs; i++) {
          const size_t e = threadIdx.x + static_cast<size_t>(i) * block_threads, row = e / a.d, c = e % a.d;
          if (row >= rows) continue;
          const size_t seen = row0 + row + 1, stop = seen < t0 + tile ? seen : t0 + tile;
          for (size_t j = t0; j < stop; j++) {
            chain[i] = __fmaf_rn(ds[row * (tile + 1) + (j - t0)], k[(j - t0) * (a.d + 1) + c], chain[i]);
            if ((j + 1) % dot_chunk == 0) total[i] = __fadd_rn(total[i], chain[i]), chain[i] = 0.0f;
          }
        }
      }
#pragma unroll
      for (int i = 0; i < Outs; i++) {
        const size_t e = threadIdx.x + static_cast<size_t>(i) * block_threads, row = e / a.d, c = e % a.d;
        if (row < rows) a.dq[at + row * step + c] = __fmul_rn(a.scale, __fadd_rn(total[i], chain[i]));
      }
      __syncthreads();
    }
  }
}

/* dk and dv of 16 keys of one kv head: the query heads of the group ascending, in each the queries ascending (spec N3.4, N3.5). */
template <int Outs> static __global__ void __launch_bounds__(block_threads) key_kernel(problem a) {
  SL_DYNAMIC_SHARED(float, memory);
  float *k = memory, *v = k + tile_rows * a.d, *q = v + tile_rows * a.d, *d_o = q + tile * (a.d + 1), *prob = d_o + tile * (a.d + 1);
  float *ds = prob + tile_rows * (tile + 1);
  const int lane = lane_of_thread(), first_row = static_cast<int>(threadIdx.x) / lanes * rows_a_warp;
  const size_t group = a.heads / a.kv_heads, key_step = a.kv_heads * a.d, step = a.heads * a.d;
  for (size_t x = blockIdx.x; x < a.n_seq * a.kv_heads; x += gridDim.x) {
    const size_t s = x / a.kv_heads, g = x % a.kv_heads, first = a.seq[s], n = a.seq[s + 1] - first;
    for (size_t row0 = static_cast<size_t>(blockIdx.y) * tile_rows; row0 < n; row0 += static_cast<size_t>(gridDim.y) * tile_rows) {
      const size_t rows = n - row0 < tile_rows ? n - row0 : tile_rows, at = ((first + row0) * a.kv_heads + g) * a.d;
      load_rows(k, a.d, a.k + at, key_step, rows, a.d);
      load_rows(v, a.d, a.v + at, key_step, rows, a.d);
      float dk_chain[Outs], dk_total[Outs], dv_chain[Outs], dv_total[Outs];
#pragma unroll
      for (int i = 0; i < Outs; i++) dk_chain[i] = dk_total[i] = dv_chain[i] = dv_total[i] = 0.0f;
      for (size_t h = g * group; h < (g + 1) * group; h++) {
        for (size_t t0 = row0 / tile * tile; t0 < n; t0 += tile) {
          const size_t queries = n - t0 < tile ? n - t0 : tile, q_at = ((first + t0) * a.heads + h) * a.d;
          __syncthreads();
          load_rows(q, a.d + 1, a.q + q_at, step, queries, a.d);
          load_rows(d_o, a.d + 1, a.d_o + q_at, step, queries, a.d);
          __syncthreads();
          for (int i = 0; i < rows_a_warp; i++) {
            const size_t row = static_cast<size_t>(first_row + i), l = static_cast<size_t>(lane);
            if (row >= rows || l >= queries || t0 + l < row0 + row) continue;
            const size_t stat = (first + t0 + l) * a.heads + h;
            const float sc = __fmul_rn(dot_d(q + l * (a.d + 1), k + row * a.d, a.d), a.scale);
            const float p = __fmul_rn(sl_fn_exp(__fadd_rn(sc, -a.row_max[stat])), a.row_scale[stat]);
            const float dp = dot_d(d_o + l * (a.d + 1), v + row * a.d, a.d);
            prob[row * (tile + 1) + l] = p;
            ds[row * (tile + 1) + l] = __fmul_rn(p, __fadd_rn(dp, -a.delta[stat]));
          }
          __syncthreads();
#pragma unroll
          for (int i = 0; i < Outs; i++) {
            const size_t e = threadIdx.x + static_cast<size_t>(i) * block_threads, row = e / a.d, c = e % a.d;
            if (row >= rows) continue;
            for (size_t j = t0 > row0 + row ? t0 : row0 + row; j < t0 + queries; j++) {
              dk_chain[i] = __fmaf_rn(ds[row * (tile + 1) + (j - t0)], q[(j - t0) * (a.d + 1) + c], dk_chain[i]);
              dv_chain[i] = __fmaf_rn(prob[row * (tile + 1) + (j - t0)], d_o[(j - t0) * (a.d + 1) + c], dv_chain[i]);
              if ((j + 1) % dot_chunk == 0 || j + 1 == n) {
                dk_total[i] = __fadd_rn(dk_total[i], dk_chain[i]), dk_chain[i] = 0.0f;
                dv_total[i] = __fadd_rn(dv_total[i], dv_chain[i]), dv_chain[i] = 0.0f;
              }
            }
          }
        }
      }
#pragma unroll
      for (int i = 0; i < Outs; i++) {
        const size_t e = threadIdx.x + static_cast<size_t>(i) * block_threads, row = e / a.d, c = e % a.d;
        if (row >= rows) continue;
        a.dk[at + row * key_step + c] = __fmul_rn(a.scale, dk_total[i]);
        a.dv[at + row * key_step + c] = dv_total[i];
      }
      __syncthreads();
    }
  }
}

template <int Outs> static void launch(sl_context *ctx, const problem &a, size_t longest) {
  const size_t bytes = shared_floats(a.d) * sizeof(float);
  cudaFuncSetAttribute(query_kernel<Outs>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  cudaFuncSetAttribute(key_kernel<Outs>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  const unsigned tiles = blocks_for(longest, tile_rows);
  SL_LAUNCH(query_kernel<Outs>, dim3(blocks_for(a.n_seq * a.heads, 1), tiles, 1), block_threads, bytes, ctx->device->stream, a);
  SL_LAUNCH(key_kernel<Outs>, dim3(blocks_for(a.n_seq * a.kv_heads, 1), tiles, 1), block_threads, bytes, ctx->device->stream, a);
}

sl_status SL_DEVICE_NAME(attention_backward)(sl_context *ctx, float *dq, float *dk, float *dv, const float *d_o, const float *o, const float *q,
                                             const float *k, const float *v, const float *row_max, const float *row_scale, const uint32_t *seq,
                                             size_t n_seq, size_t heads, size_t kv_heads, size_t d) {
  const sl_status status = sl_device_offsets(ctx, seq, n_seq);
  if (status) return status;
  const size_t rows = n_seq ? seq[n_seq] * heads : 0;
  if (rows == 0) return SL_OK;
  if (d > 256) return sl_fail(&ctx->error, SL_ERR_UNAVAILABLE, "attention_backward: head size %zu is above 256, which this backend has", d);
  float *delta = static_cast<float *>(sl_device_workspace(ctx, rows * sizeof *delta));
  if (!delta) return ctx->error.status;
  SL_LAUNCH(delta_kernel, blocks_for(rows, 128), 128, 0, ctx->device->stream, delta, d_o, o, rows, d);
  const problem a = {dq, dk, dv, d_o, q, k, v, row_max, row_scale, delta, ctx->device->seq, n_seq, heads, kv_heads, d,
                     static_cast<float>(1.0 / sqrt(static_cast<double>(d)))};
  const size_t longest = ctx->device->longest;
  if (d <= 16)
    launch<2>(ctx, a, longest);
  else if (d <= 64)
    launch<8>(ctx, a, longest);
  else if (d <= 128)
    launch<16>(ctx, a, longest);
  else
    launch<32>(ctx, a, longest);
  return sl_device_status(ctx, "attention_backward");
}
