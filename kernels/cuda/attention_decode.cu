/* Attention of one new token a sequence over its cache (spec T3.2), the keys split over blocks. The split is the clause's own: chunks of a
 * dot over keys are chains of their own, so blocks make chunk results and the last kernel adds them in order. Scores of the one row, not of
 * T rows, are kept between the kernels: 4 bytes a key and query head.
 *
 * Floor. The cache is read once: 8 d bytes a key and kv head, at the bandwidth of memory (4.8 TB/s, H200); 2 d group fmas on them are less
 * than that takes for groups of up to 8 heads (5.6 fmas a byte are free), which share the loads. Beside it scores are written once and read
 * three times (16 group bytes a key), and chunk results of 4 d group bytes each 256 keys. */
#include "attention_tile.cuh"

using namespace sl;

namespace {

struct decode_problem {
  float *o;
  const float *q, *k_cache, *v_cache;
  const uint32_t *slot, *position;
  size_t b, heads, kv_heads, d, capacity;
  float *scores;  /* (b, heads, capacity): s, then exp(s - M) */
  float *maxima;  /* (b, heads, key_blocks) */
  float *partial; /* (b, heads, chunks, d) */
  size_t key_blocks, chunks;
  float scale;
  unsigned long long *faults;
};

/* What a block works on: n keys of the cache of one sequence and kv head, and its query heads, of which `heads` from `head`. */
struct decode_part {
  size_t row, keys, cache; /* row of the first query head, in rows of (b, heads) */
  int heads;
};

}  // namespace

/* Part x of (sequence, kv head, group of up to Heads heads). keys is 0 where the position is not in the cache. */
template <int Heads>
static __device__ __forceinline__ decode_part part_of(const decode_problem &a, size_t x) {
  const size_t group = a.heads / a.kv_heads, groups = (group + Heads - 1) / Heads, i = x / groups / a.kv_heads, g = x / groups % a.kv_heads;
  const size_t head = x % groups * Heads, left = group - head;
  decode_part p = {i * a.heads + g * group + head, a.position[i] + static_cast<size_t>(1), (a.slot[i] * a.kv_heads + g) * a.d * a.capacity,
                   left < Heads ? static_cast<int>(left) : Heads};
  if (p.keys > a.capacity) {
    if (threadIdx.x == 0) leave_fault(a.faults, SL_KERNEL_attention_decode, SL_FAULT_position, i);
    p.keys = 0;
  }
  return p;
}

static __device__ __forceinline__ size_t parts_of(const decode_problem &a, int heads) {
  return a.b * a.kv_heads * ((a.heads / a.kv_heads + static_cast<size_t>(heads) - 1) / static_cast<size_t>(heads));
}

/* Scores of this thread's key with Heads query rows (spec N3.2); q (Heads, d) in shared memory. */
template <int Heads>
static __device__ __forceinline__ void key_scores(float (&s)[Heads], const float *q, const float *k, size_t d, size_t capacity) {
  float chain[Heads];
#pragma unroll
  for (int h = 0; h < Heads; h++) s[h] = 0.0f;
  for (size_t begin = 0; begin < d; begin += dot_chunk) {
    const size_t end = begin + dot_chunk < d ? begin + dot_chunk : d;
#pragma unroll
    for (int h = 0; h < Heads; h++) chain[h] = 0.0f;
#pragma unroll 8
    for (size_t c = begin; c < end; c++) {
      const float x = k[c * capacity];
#pragma unroll
      for (int h = 0; h < Heads; h++) chain[h] = __fmaf_rn(q[c * Heads + static_cast<size_t>(h)], x, chain[h]);
    }
#pragma unroll
    for (int h = 0; h < Heads; h++) s[h] = __fadd_rn(s[h], chain[h]);
  }
}

/* The block's maximum of each head into maxima (spec N3.7); of threads without a key s is -inf. */
template <int Threads, int Heads>
static __device__ __forceinline__ void block_maxima(const decode_problem &a, const decode_part &p, const float (&s)[Heads], size_t block) {
  SL_SHARED(float, warp_result, [Threads / lanes][Heads]);
  const int warp = static_cast<int>(threadIdx.x) / lanes;
#pragma unroll
  for (int h = 0; h < Heads; h++) {
    const float m = warp_max(s[h]);
    if (lane_of_thread() == 0) warp_result[warp][h] = m;
  }
  __syncthreads();
  const int h = static_cast<int>(threadIdx.x);
  if (h >= p.heads) return;
  float m = -INFINITY;
  for (int w = 0; w < Threads / lanes; w++) m = warp_result[w][h] > m ? warp_result[w][h] : m;
  a.maxima[(p.row + static_cast<size_t>(h)) * a.key_blocks + block] = m;
}

/* A thread a key: scores of the keys [block * Threads, ...). */
template <int Threads, int Heads>
static __global__ void __launch_bounds__(Threads) attention_decode_scores(decode_problem a) {
  SL_DYNAMIC_SHARED(float, q); /* (d, Heads) */
  for (size_t x = blockIdx.x; x < parts_of(a, Heads) * a.key_blocks; x += gridDim.x) {
    const decode_part p = part_of<Heads>(a, x / a.key_blocks);
    const size_t block = x % a.key_blocks, key = block * Threads + threadIdx.x;
    if (block * Threads >= p.keys) continue;
    for (size_t e = threadIdx.x; e < a.d * Heads; e += Threads)
      q[e] = static_cast<int>(e % Heads) < p.heads ? a.q[(p.row + e % Heads) * a.d + e / Heads] : 0.0f;
    __syncthreads();
    float s[Heads];
#pragma unroll
    for (int h = 0; h < Heads; h++) s[h] = -INFINITY;
    if (key < p.keys) {
      key_scores<Heads>(s, q, a.k_cache + p.cache + key, a.d, a.capacity);
#pragma unroll
      for (int h = 0; h < Heads; h++) {
        s[h] = __fmul_rn(s[h], a.scale);
        if (h < p.heads) a.scores[(p.row + static_cast<size_t>(h)) * a.capacity + key] = s[h];
      }
    }
    block_maxima<Threads, Heads>(a, p, s, block);
    __syncthreads();
  }
}

/* The row's maximum from those of its blocks. */
template <int KeyThreads>
static __device__ __forceinline__ float row_maximum(const decode_problem &a, size_t row, size_t keys) {
  float m = -INFINITY;
  for (size_t block = 0; block * KeyThreads < keys; block++) {
    const float x = a.maxima[row * a.key_blocks + block];
    m = x > m ? x : m;
  }
  return __fadd_rn(m, 0.0f);
}

/* A block a chunk of keys: weights exp(s - M) of it, kept in place of the scores and in shared memory, then its chain for each component.
 */
template <int KeyThreads, int Threads, int Heads>
static __global__ void __launch_bounds__(Threads) attention_decode_values(decode_problem a) {
  SL_SHARED(float, weight, [dot_chunk][Heads]);
  SL_SHARED(float, max, [Heads]);
  for (size_t x = blockIdx.x; x < parts_of(a, Heads) * a.chunks; x += gridDim.x) {
    const decode_part p = part_of<Heads>(a, x / a.chunks);
    const size_t chunk = x % a.chunks, first = chunk * dot_chunk, left = p.keys - first;
    if (first >= p.keys) continue;
    const int keys = left < dot_chunk ? static_cast<int>(left) : dot_chunk, thread = static_cast<int>(threadIdx.x);
    if (thread < p.heads) max[thread] = row_maximum<KeyThreads>(a, p.row + static_cast<size_t>(thread), p.keys);
    __syncthreads();
    for (int e = thread; e < keys * Heads; e += Threads) {
      const int h = e / keys, j = e % keys;
      float w = 0.0f;
      if (h < p.heads) {
        float *const s = &a.scores[(p.row + static_cast<size_t>(h)) * a.capacity + first + static_cast<size_t>(j)];
        *s = w = sl_fn_exp(__fadd_rn(*s, -max[h]));
      }
      weight[j][h] = w;
    }
    __syncthreads();
    for (size_t c = threadIdx.x; c < a.d; c += Threads) {
      const float *const v = a.v_cache + p.cache + first * a.d + c;
      float chain[Heads];
#pragma unroll
      for (int h = 0; h < Heads; h++) chain[h] = 0.0f;
#pragma unroll 8
      for (int i = 0; i < keys; i++) {
        const int j = SL_PLANTED(decode_keys_swapped) ? keys - 1 - i : i;
        const float y = v[static_cast<size_t>(j) * a.d];
#pragma unroll
        for (int h = 0; h < Heads; h++) chain[h] = __fmaf_rn(weight[j][h], y, chain[h]);
      }
#pragma unroll
      for (int h = 0; h < Heads; h++)
        if (h < p.heads) a.partial[((p.row + static_cast<size_t>(h)) * a.chunks + chunk) * a.d + c] = chain[h];
    }
    __syncthreads();
  }
}

/* Sum of a row's weights (spec N3.6): a warp a chunk, the chunk results ascending; every thread of the block gets it. */
template <int Threads>
static __device__ __forceinline__ float block_sum(const float *weights, size_t keys) {
  constexpr int warps = Threads / lanes;
  SL_SHARED(float, chunk_sum, [warps]);
  const size_t warp = threadIdx.x / lanes, lane = threadIdx.x % lanes;
  float total = 0.0f;
  for (size_t round = 0; round < keys; round += warps * sum_chunk) {
    const size_t begin = round + warp * sum_chunk, end = begin + sum_chunk < keys ? begin + sum_chunk : keys;
    float part = 0.0f;
    for (size_t j = begin + lane; j < end; j += lanes) part = __fadd_rn(part, weights[j]);
    part = warp_sum(part);
    if (lane == 0) chunk_sum[warp] = part;
    __syncthreads();
    for (int w = 0; w < warps; w++) total = __fadd_rn(total, chunk_sum[w]); /* +0 beyond the last */
    __syncthreads();
  }
  return total;
}

/* A block a row of (b, heads): 1 / l, and the chunk results of each component in order. */
template <int Threads>
static __global__ void __launch_bounds__(Threads) attention_decode_combine(decode_problem a) {
  for (size_t row = blockIdx.x; row < a.b * a.heads; row += gridDim.x) {
    const size_t keys = a.position[row / a.heads] + static_cast<size_t>(1);
    if (keys > a.capacity) continue;
    const float inverse = __fdiv_rn(1.0f, block_sum<Threads>(a.scores + row * a.capacity, keys));
    for (size_t c = threadIdx.x; c < a.d; c += Threads) {
      float total = 0.0f;
      for (size_t i = 0; i * dot_chunk < keys; i++) total = __fadd_rn(total, a.partial[(row * a.chunks + i) * a.d + c]);
      a.o[row * a.d + c] = __fmul_rn(inverse, total);
    }
  }
}

/* KeyThreads keys a block of the first kernel; Threads components a block of the others. */
template <int KeyThreads, int Threads, int Heads>
static sl_status launch_decode(sl_context *ctx, decode_problem a) {
  const size_t rows = a.b * a.heads;
  a.key_blocks = (a.capacity + KeyThreads - 1) / KeyThreads, a.chunks = (a.capacity + dot_chunk - 1) / dot_chunk;
  a.scores = static_cast<float *>(sl_device_workspace(ctx, rows * (a.capacity + a.key_blocks + a.chunks * a.d) * sizeof(float)));
  if (!a.scores) return ctx->error.status;
  a.maxima = a.scores + rows * a.capacity, a.partial = a.maxima + rows * a.key_blocks;
  const size_t parts = a.b * a.kv_heads * ((a.heads / a.kv_heads + Heads - 1) / Heads), q_bytes = a.d * Heads * sizeof(float);
  SL_LAUNCH((attention_decode_scores<KeyThreads, Heads>), grid_for(parts * a.key_blocks), KeyThreads, q_bytes, ctx->device->stream, a);
  SL_LAUNCH((attention_decode_values<KeyThreads, Threads, Heads>), grid_for(parts * a.chunks), Threads, 0, ctx->device->stream, a);
  SL_LAUNCH(attention_decode_combine<Threads>, grid_for(rows), Threads, 0, ctx->device->stream, a);
  return sl_device_status(ctx, "attention_decode");
}

sl_status SL_DEVICE_NAME(attention_decode)(sl_context *ctx, float *o, const float *q, const float *k_cache, const float *v_cache,
                                           const uint32_t *slot, const uint32_t *position, size_t b, size_t heads, size_t kv_heads,
                                           size_t d, size_t capacity) {
  if (d > 256) return attention_too_large(ctx, "attention_decode", d);
  if (b == 0 || capacity == 0) return SL_OK;
  decode_problem a = {};
  a.o = o, a.q = q, a.k_cache = k_cache, a.v_cache = v_cache, a.slot = slot, a.position = position;
  a.b = b, a.heads = heads, a.kv_heads = kv_heads, a.d = d, a.capacity = capacity;
  a.scale = attention_scale(d), a.faults = ctx->device->faults;
  if (ctx->device->smallest_tiles) return launch_decode<64, 32, 2>(ctx, a);
  return d <= 64 ? launch_decode<256, 64, 8>(ctx, a) : launch_decode<256, 128, 8>(ctx, a);
}
