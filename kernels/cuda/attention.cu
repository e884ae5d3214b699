/* Causal grouped-query attention, forward and decode (spec T3.1, T3.2). Two passes over keys in tiles of 32: exact maximum, then sum and
 * weighted values; scores are recomputed, never stored. Operations 6 d a pair; bytes: q and o once, k and v once for 16 queries (or for
 * the query heads of a group in decoding, which is bound by reading the cache: 8 d bytes a key). */
#include "cuda.h"

using namespace sl;

namespace {

constexpr int tile_keys = lanes, tile_rows = 16, block_threads = 128, rows_a_warp = tile_rows / (block_threads / lanes);

/* Rows of keys or values: component c of key j at at[j * key + c * component]. */
struct strided {
  const float *at;
  size_t key, component;
};

/* Up to tile_rows query rows of d components that share keys: row r sees the keys [0, first_keys + r * more_keys). */
struct rows_of_queries {
  const float *q;
  float *o, *row_max, *row_scale;
  size_t q_step, stat_step; /* from row to row */
  int n;
  size_t first_keys, more_keys, d;
  float scale;
};

} // namespace

/* Shared memory of a block, in floats. */
static __host__ __device__ size_t shared_floats(size_t d) { return tile_rows * d + tile_keys * (d + 1) + tile_keys * d + tile_rows * (tile_keys + 1) + tile_rows; }

static __device__ void load_keys(float *to, size_t pitch, strided from, size_t first, size_t end, size_t d) {
  for (size_t e = threadIdx.x; e < tile_keys * d; e += block_threads) {
    const size_t j = e / d, c = e % d;
    if (first + j < end) to[j * pitch + c] = from.at[(first + j) * from.key + c * from.component];
  }
}

/* Score of a query row and the key of this lane: a dot over d (spec N3.2). */
static __device__ __forceinline__ float score(const float *q, const float *k, size_t d, float scale) {
  float total = 0.0f;
  for (size_t begin = 0; begin < d; begin += dot_chunk) {
    const size_t end = begin + dot_chunk < d ? begin + dot_chunk : d;
    float chain = 0.0f;
    for (size_t c = begin; c < end; c++) chain = __fmaf_rn(q[c], k[c], chain);
    total = __fadd_rn(total, chain);
  }
  return __fmul_rn(total, scale);
}

/* Outs: results a thread holds, d <= 8 * Outs. All threads of the block call this together. */
template <int Outs> static __device__ void attend(float *memory, const rows_of_queries &r, strided keys, strided values) {
  float *q = memory, *k = q + tile_rows * r.d, *v = k + tile_keys * (r.d + 1), *p = v + tile_keys * r.d, *inverse = p + tile_rows * (tile_keys + 1);
  const int lane = lane_of_thread(), first_row = static_cast<int>(threadIdx.x) / lanes * rows_a_warp;
  const size_t end = r.first_keys + static_cast<size_t>(r.n - 1) * r.more_keys;
  for (size_t e = threadIdx.x; e < static_cast<size_t>(r.n) * r.d; e += block_threads) q[e] = r.q[e / r.d * r.q_step + e % r.d];

  float max[rows_a_warp];
  for (int i = 0; i < rows_a_warp; i++) max[i] = -INFINITY;
  for (size_t tile = 0; tile < end; tile += tile_keys) {
    __syncthreads();
    load_keys(k, r.d + 1, keys, tile, end, r.d);
    __syncthreads();
    for (int i = 0; i < rows_a_warp; i++) {
      const int row = first_row + i;
      if (row >= r.n || tile + static_cast<size_t>(lane) >= r.first_keys + static_cast<size_t>(row) * r.more_keys) continue;
      const float s = score(q + static_cast<size_t>(row) * r.d, k + static_cast<size_t>(lane) * (r.d + 1), r.d, r.scale);
      max[i] = s > max[i] ? s : max[i];
    }
  }
  for (int i = 0; i < rows_a_warp; i++) max[i] = __fadd_rn(warp_max(max[i]), 0.0f);

  float sum[rows_a_warp], part[rows_a_warp], chain[Outs], total[Outs];
  for (int i = 0; i < rows_a_warp; i++) sum[i] = part[i] = 0.0f;
#pragma unroll
  for (int i = 0; i < Outs; i++) chain[i] = total[i] = 0.0f;
  for (size_t tile = 0; tile < end; tile += tile_keys) {
    __syncthreads();
    load_keys(k, r.d + 1, keys, tile, end, r.d);
    load_keys(v, r.d, values, tile, end, r.d);
    __syncthreads();
    for (int i = 0; i < rows_a_warp; i++) {
      const int row = first_row + i;
      if (row >= r.n) continue;
      float e = 0.0f;
      if (tile + static_cast<size_t>(lane) < r.first_keys + static_cast<size_t>(row) * r.more_keys)
        e = sl_fn_exp(__fadd_rn(score(q + static_cast<size_t>(row) * r.d, k + static_cast<size_t>(lane) * (r.d + 1), r.d, r.scale), -max[i]));
      p[row * (tile_keys + 1) + lane] = e;
      part[i] = __fadd_rn(part[i], e); /* a lane of spec N3.6: +0 for keys that are not seen does not show */
    }
    if ((tile + tile_keys) % sum_chunk == 0 || tile + tile_keys >= end)
      for (int i = 0; i < rows_a_warp; i++) {
        sum[i] = __fadd_rn(sum[i], warp_sum(part[i]));
        part[i] = 0.0f;
      }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < Outs; i++) {
      const size_t e = threadIdx.x + static_cast<size_t>(i) * block_threads, row = e / r.d, c = e % r.d;
      if (row >= static_cast<size_t>(r.n)) continue;
      const size_t seen = r.first_keys + row * r.more_keys, stop = seen < tile + tile_keys ? seen : tile + tile_keys;
      for (size_t j = tile; j < stop; j++) {
        chain[i] = __fmaf_rn(p[row * (tile_keys + 1) + (j - tile)], v[(j - tile) * r.d + c], chain[i]);
        if ((j + 1) % dot_chunk == 0) {
          total[i] = __fadd_rn(total[i], chain[i]);
          chain[i] = 0.0f;
        }
      }
    }
  }
  for (int i = 0; i < rows_a_warp; i++) {
    const int row = first_row + i;
    if (row >= r.n || lane != 0) continue;
    inverse[row] = __fdiv_rn(1.0f, sum[i]);
    if (r.row_max) r.row_max[static_cast<size_t>(row) * r.stat_step] = max[i], r.row_scale[static_cast<size_t>(row) * r.stat_step] = inverse[row];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < Outs; i++) {
    const size_t e = threadIdx.x + static_cast<size_t>(i) * block_threads, row = e / r.d, c = e % r.d;
    if (row < static_cast<size_t>(r.n)) r.o[row * r.q_step + c] = __fmul_rn(inverse[row], __fadd_rn(total[i], chain[i]));
  }
  __syncthreads();
}

struct forward_problem {
  float *o, *row_max, *row_scale;
  const float *q, *k, *v;
  const uint32_t *seq;
  size_t n_seq, heads, kv_heads, d;
  float scale;
};

/* Blocks (x: sequence and head; y: tiles of 16 queries, strided). */
template <int Outs> static __global__ void __launch_bounds__(block_threads) forward_kernel(forward_problem a) {
  SL_DYNAMIC_SHARED(float, memory);
  for (size_t x = blockIdx.x; x < a.n_seq * a.heads; x += gridDim.x) {
    const size_t s = x / a.heads, h = x % a.heads, first = a.seq[s], n = a.seq[s + 1] - first;
    const size_t kv = (first * a.kv_heads + h / (a.heads / a.kv_heads)) * a.d, step = a.heads * a.d;
    for (size_t row = static_cast<size_t>(blockIdx.y) * tile_rows; row < n; row += static_cast<size_t>(gridDim.y) * tile_rows) {
      const size_t at = (first + row) * a.heads + h, left = n - row;
      const rows_of_queries r = {a.q + at * a.d, a.o + at * a.d, a.row_max + at, a.row_scale + at, step, a.heads, left < tile_rows ? static_cast<int>(left) : tile_rows,
                                 row + 1, 1, a.d, a.scale};
      const strided keys = {a.k + kv, a.kv_heads * a.d, 1}, values = {a.v + kv, a.kv_heads * a.d, 1};
      attend<Outs>(memory, r, keys, values);
    }
  }
}

struct decode_problem {
  float *o;
  const float *q, *k_cache, *v_cache;
  const uint32_t *slot, *position;
  size_t b, heads, kv_heads, d, capacity;
  float scale;
};

/* A block a (sequence, kv head): the query heads of the group are its rows and share the loads. */
template <int Outs> static __global__ void __launch_bounds__(block_threads) decode_kernel(decode_problem a) {
  SL_DYNAMIC_SHARED(float, memory);
  const size_t group = a.heads / a.kv_heads;
  for (size_t x = blockIdx.x; x < a.b * a.kv_heads; x += gridDim.x) {
    const size_t i = x / a.kv_heads, g = x % a.kv_heads, cache = (a.slot[i] * a.kv_heads + g) * a.d * a.capacity;
    for (size_t h = 0; h < group; h += tile_rows) {
      const size_t at = (i * a.heads + g * group + h) * a.d, left = group - h;
      const rows_of_queries r = {a.q + at, a.o + at, nullptr, nullptr, a.d, 0, left < tile_rows ? static_cast<int>(left) : tile_rows, a.position[i] + static_cast<size_t>(1),
                                 0, a.d, a.scale};
      const strided keys = {a.k_cache + cache, 1, a.capacity}, values = {a.v_cache + cache, a.d, 1};
      attend<Outs>(memory, r, keys, values);
    }
  }
}

static float scale_of(size_t d) { return static_cast<float>(1.0 / sqrt(static_cast<double>(d))); }

template <int Outs> static void launch_forward(sl_context *ctx, const forward_problem &a, size_t longest) {
  const size_t bytes = shared_floats(a.d) * sizeof(float);
  cudaFuncSetAttribute(forward_kernel<Outs>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  const dim3 grid(blocks_for(a.n_seq * a.heads, 1), blocks_for(longest, tile_rows), 1);
  SL_LAUNCH(forward_kernel<Outs>, grid, block_threads, bytes, ctx->device->stream, a);
}

template <int Outs> static void launch_decode(sl_context *ctx, const decode_problem &a) {
  const size_t bytes = shared_floats(a.d) * sizeof(float);
  cudaFuncSetAttribute(decode_kernel<Outs>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  SL_LAUNCH(decode_kernel<Outs>, blocks_for(a.b * a.kv_heads, 1), block_threads, bytes, ctx->device->stream, a);
}

static sl_status head_too_large(sl_context *ctx, const char *kernel, size_t d) {
  return sl_fail(&ctx->error, SL_ERR_UNAVAILABLE, "%s: head size %zu is above 256, which this backend has", kernel, d);
}

sl_status SL_DEVICE_NAME(attention_forward)(sl_context *ctx, float *o, float *row_max, float *row_scale, const float *q, const float *k, const float *v,
                                            const uint32_t *seq, size_t n_seq, size_t heads, size_t kv_heads, size_t d) {
  const sl_status status = sl_device_offsets(ctx, seq, n_seq);
  if (status) return status;
  if (n_seq == 0) return SL_OK;
  const forward_problem a = {o, row_max, row_scale, q, k, v, ctx->device->seq, n_seq, heads, kv_heads, d, scale_of(d)};
  const size_t longest = ctx->device->longest;
  if (d > 256) return head_too_large(ctx, "attention_forward", d);
  if (d <= 16)
    launch_forward<2>(ctx, a, longest);
  else if (d <= 64)
    launch_forward<8>(ctx, a, longest);
  else if (d <= 128)
    launch_forward<16>(ctx, a, longest);
  else
    launch_forward<32>(ctx, a, longest);
  return sl_device_status(ctx, "attention_forward");
}

sl_status SL_DEVICE_NAME(attention_decode)(sl_context *ctx, float *o, const float *q, const float *k_cache, const float *v_cache, const uint32_t *slot,
                                           const uint32_t *position, size_t b, size_t heads, size_t kv_heads, size_t d, size_t capacity) {
  if (b == 0) return SL_OK;
  const decode_problem a = {o, q, k_cache, v_cache, slot, position, b, heads, kv_heads, d, capacity, scale_of(d)};
  if (d > 256) return head_too_large(ctx, "attention_decode", d);
  if (d <= 16)
    launch_decode<2>(ctx, a);
  else if (d <= 64)
    launch_decode<8>(ctx, a);
  else if (d <= 128)
    launch_decode<16>(ctx, a);
  else
    launch_decode<32>(ctx, a);
  return sl_device_status(ctx, "attention_decode");
}
