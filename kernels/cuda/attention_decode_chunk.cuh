/* One chunk of keys in a block of attention_decode.cu: its copies, scores, weights and the chains
 * of its values (spec T3.2). */
#ifndef SLUICE_CUDA_ATTENTION_DECODE_CHUNK_CUH
#define SLUICE_CUDA_ATTENTION_DECODE_CHUNK_CUH

#include "attention_tile.cuh"

namespace sl {

constexpr int decode_threads = 64, decode_heads = 8, decode_blocks = 2048;
constexpr int quads = key_chunk / 4, decode_warps = decode_threads / lanes,
              warp_heads = decode_heads / decode_warps;
/* Keys of a lane, where a warp has a head's chunk. */
constexpr int keys_each = (key_chunk + lanes - 1) / lanes;
static_assert(key_chunk % 4 == 0 && key_chunk <= 2 * lanes,
              "keys are taken in fours; lanes of a chunk's sum take two weights at most");

struct decode_problem {
  float *o;
  const float *q, *k_cache, *v_cache;
  const uint32_t *slot, *position;
  size_t b, heads, kv_heads, d, capacity, slots;
  float *maxima, *sums, *values; /* of chunks: (b, heads, chunks), and (b, heads, chunks, d) */
  size_t chunks, splits, groups; /* blocks a part; parts of up to decode_heads heads of a kv head */
  float scale;
  bool vector_keys, vector_values;
  unsigned long long *faults;
};

/* What a block works on: the cache of one sequence and kv head, up to decode_heads of its query
 * heads, and its keys there. */
struct decode_part {
  size_t row, keys; /* row of the first query head, in rows of (b, heads) */
  int heads;
  const float *k, *v;
};

/* Its shared memory; each begins at a multiple of 16 bytes. Keys and values take turns in one place
 * where the kernel is not for both. */
struct decode_memory {
  float *keys, *values; /* (d, key_chunk), (key_chunk, pitch) */
  float *q;             /* (d, decode_heads) */
  float *weights; /* (decode_heads, key_chunk): scores, then weights; +0 beyond the last head */
  int d, pitch;
};

/* Whether sequence i has a slot, and its new token a position in it. */
static __device__ __forceinline__ bool in_cache(const decode_problem &a, size_t i) {
  return a.position[i] < a.capacity && a.slot[i] < a.slots;
}

/* Part x of (sequence, kv head, group of heads). keys is 0 where the slot or the position is not in
 * the cache. */
static __device__ __forceinline__ decode_part part_of(const decode_problem &a, size_t x) {
  const size_t group = a.heads / a.kv_heads, i = x / a.groups / a.kv_heads,
               g = x / a.groups % a.kv_heads;
  const size_t head = x % a.groups * decode_heads, left = group - head,
               cache = (a.slot[i] * a.kv_heads + g) * a.d * a.capacity;
  decode_part p = {i * a.heads + g * group + head, a.position[i] + static_cast<size_t>(1),
                   left < decode_heads ? static_cast<int>(left) : decode_heads, a.k_cache + cache,
                   a.v_cache + cache};
  if (!in_cache(a, i)) {
    if (threadIdx.x == 0)
      leave_fault(a.faults, SL_KERNEL_attention_decode,
                  p.keys > a.capacity ? SL_FAULT_position : SL_FAULT_slot, i);
    p.keys = 0;
  }
  return p;
}

/* Keys of a chunk; 0 beyond the last. */
static __device__ __forceinline__ int keys_of(const decode_part &p, size_t chunk) {
  const size_t first = chunk * key_chunk;
  return first >= p.keys              ? 0
         : p.keys - first < key_chunk ? static_cast<int>(p.keys - first)
                                      : key_chunk;
}

/* Starts copying a chunk's keys: rows of one component. Four keys at a time may hold some that are
 * not there: those become 0. */
static __device__ __forceinline__ void copy_keys(const decode_problem &a,
                                                 const decode_memory &memory, const decode_part &p,
                                                 size_t chunk) {
  const int n = keys_of(p, chunk), thread = static_cast<int>(threadIdx.x),
            unit = 4 * (thread % quads), left = n - unit;
  if (left > 0) {
    const float *from =
        p.k + chunk * key_chunk + static_cast<size_t>(thread / quads) * a.capacity + unit;
#pragma unroll 4
    for (int c = thread / quads; c < memory.d;
         c += decode_threads / quads, from += decode_threads / quads * a.capacity) {
      float *const to = memory.keys + c * key_chunk + unit;
      if (a.vector_keys && left >= 4) {
        __pipeline_memcpy_async(to, from, 16);
        continue;
      }
#pragma unroll
      for (int e = 0; e < 4; e++)
        if (e < left)
          __pipeline_memcpy_async(to + e, from + e, 4);
        else
          to[e] = 0.0f;
    }
  }
  __pipeline_commit();
}

/* Starts copying a chunk's values, which lie together. */
static __device__ __forceinline__ void copy_values(const decode_problem &a,
                                                   const decode_memory &memory,
                                                   const decode_part &p, size_t chunk) {
  const int n = keys_of(p, chunk) * memory.pitch, thread = static_cast<int>(threadIdx.x);
  const float *const from = p.v + chunk * key_chunk * a.d;
  if (a.vector_values) { /* pitch is d */
#pragma unroll 4
    for (int i = 4 * thread; i < n; i += 4 * decode_threads)
      __pipeline_memcpy_async(memory.values + i, from + i, 16);
  } else {
    for (int i = thread; i < n; i += decode_threads) {
      const int row = i / memory.pitch, c = i % memory.pitch;
      if (c < memory.d)
        __pipeline_memcpy_async(memory.values + i, from + row * memory.d + c, 4);
      else
        memory.values[i] = 0.0f;
    }
  }
  __pipeline_commit();
}

/* Scores of a chunk (spec N3.2): four keys by two heads a thread. */
static __device__ __forceinline__ void chunk_scores(const decode_memory &memory, int heads, int n,
                                                    float scale) {
  for (int i = static_cast<int>(threadIdx.x); i < quads * decode_heads / 2; i += decode_threads) {
    const int key = 4 * (i % quads), head = 2 * (i / quads);
    if (key >= n || head >= heads) continue;
    float total[2][4] = {};
    for (int begin = 0; begin < memory.d; begin += dot_chunk) {
      const int end = begin + dot_chunk < memory.d ? begin + dot_chunk : memory.d;
      float chain[2][4] = {};
#pragma unroll 8
      for (int c = begin; c < end; c++) {
        const float4 k = load4(memory.keys + c * key_chunk + key);
        const float2 q =
            SL_LOAD(reinterpret_cast<const float2 *>(memory.q + c * decode_heads + head));
#pragma unroll
        for (int e = 0; e < 4; e++) {
          chain[0][e] = __fmaf_rn(q.x, component_of(k, e), chain[0][e]);
          chain[1][e] = __fmaf_rn(q.y, component_of(k, e), chain[1][e]);
        }
      }
#pragma unroll
      for (int e = 0; e < 4; e++)
        total[0][e] = __fadd_rn(total[0][e], chain[0][e]),
        total[1][e] = __fadd_rn(total[1][e], chain[1][e]);
    }
#pragma unroll
    for (int h = 0; h < 2; h++)
      SL_STORE(reinterpret_cast<float4 *>(memory.weights + (head + h) * key_chunk + key),
               make_float4(__fmul_rn(total[h][0], scale), __fmul_rn(total[h][1], scale),
                           __fmul_rn(total[h][2], scale), __fmul_rn(total[h][3], scale)));
  }
}

/* A head's weights in place of its scores, by a warp; m and l of the chunk (spec N3.6, N3.7) to
 * their places. A lane of the sum is a lane. */
static __device__ __forceinline__ void chunk_weights(float *weights, int n, float *max,
                                                     float *sum) {
  const int lane = lane_of_thread();
  float s[keys_each], m = -INFINITY, l = 0.0f;
#pragma unroll
  for (int e = 0; e < keys_each; e++) {
    s[e] = lane + e * lanes < n ? weights[lane + e * lanes] : -INFINITY;
    m = fmaxf(m, s[e]);
  }
  m = __fadd_rn(warp_max(m), 0.0f);
#pragma unroll
  for (int e = 0; e < keys_each; e++) {
    const float p = sl_fn_exp(__fadd_rn(s[e], -m));
    l = __fadd_rn(l, p);
    if (lane + e * lanes < n) weights[lane + e * lanes] = p;
  }
  l = warp_sum(l);
  if (lane == 0) *max = m, *sum = l;
}

/* Chains of a chunk's values from component c on: four components by Heads heads a thread. */
template <int Heads>
static __device__ __forceinline__ void chunk_values(float (&w)[Heads][4],
                                                    const decode_memory &memory, int head, int c,
                                                    int n) {
  const float *const weights = memory.weights + head * key_chunk, *const values = memory.values + c;
#pragma unroll
  for (int h = 0; h < Heads; h++)
#pragma unroll
    for (int e = 0; e < 4; e++) w[h][e] = 0.0f;
  int j = 0;
#pragma unroll 1
  for (; j + 4 <= n; j += 4) {
    float4 p[Heads];
#pragma unroll
    for (int h = 0; h < Heads; h++) p[h] = load4(weights + h * key_chunk + j);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float4 v =
          load4(values + (SL_PLANTED(decode_keys_swapped) ? j + 3 - i : j + i) * memory.pitch);
#pragma unroll
      for (int h = 0; h < Heads; h++)
#pragma unroll
        for (int e = 0; e < 4; e++)
          w[h][e] = __fmaf_rn(component_of(p[h], SL_PLANTED(decode_keys_swapped) ? 3 - i : i),
                              component_of(v, e), w[h][e]);
    }
  }
#pragma unroll 1
  for (; j < n; j++) {
    const float4 v = load4(values + j * memory.pitch);
#pragma unroll
    for (int h = 0; h < Heads; h++)
#pragma unroll
      for (int e = 0; e < 4; e++)
        w[h][e] = __fmaf_rn(weights[h * key_chunk + j], component_of(v, e), w[h][e]);
  }
}

/* The chunk's values, of all components and heads, to their places. */
template <int Heads>
static __device__ __forceinline__ void store_values(const decode_problem &a,
                                                    const decode_memory &memory,
                                                    const decode_part &p, size_t chunk, int n) {
  const int units = memory.pitch / 4;
  for (int i = static_cast<int>(threadIdx.x); i < units * (decode_heads / Heads);
       i += decode_threads) {
    const int c = 4 * (i % units), head = i / units * Heads;
    if (head >= p.heads) continue;
    float w[Heads][4];
    chunk_values<Heads>(w, memory, head, c, n);
#pragma unroll
    for (int h = 0; h < Heads; h++) {
      if (head + h >= p.heads) continue;
      float *const to =
          a.values + ((p.row + static_cast<size_t>(head + h)) * a.chunks + chunk) * a.d + c;
      if (memory.pitch == memory.d)
        SL_STORE(reinterpret_cast<float4 *>(to), make_float4(w[h][0], w[h][1], w[h][2], w[h][3]));
      else
        for (int e = 0; e < 4 && c + e < memory.d; e++) to[e] = w[h][e];
    }
  }
}

/* One chunk, whose keys are in flight; the copy of those of `next` starts as soon as their place is
 * free. */
template <int Heads, bool Both>
static __device__ __forceinline__ void decode_chunk(const decode_problem &a,
                                                    const decode_memory &memory,
                                                    const decode_part &p, size_t chunk,
                                                    size_t next) {
  const int n = keys_of(p, chunk), warp = static_cast<int>(threadIdx.x) / lanes;
  __pipeline_wait_prior(0);
  __syncthreads();
  if (Both) copy_values(a, memory, p, chunk);
  chunk_scores(memory, p.heads, n, a.scale);
  __syncthreads();
  if (Both)
    copy_keys(a, memory, p, next);
  else
    copy_values(a, memory, p, chunk);
#pragma unroll 1
  for (int h = warp * warp_heads; h < (warp + 1) * warp_heads; h++) {
    const size_t to = (p.row + static_cast<size_t>(h)) * a.chunks + chunk;
    if (h < p.heads) chunk_weights(memory.weights + h * key_chunk, n, a.maxima + to, a.sums + to);
  }
  __pipeline_wait_prior(Both ? 1 : 0);
  if (!SL_PLANTED(decode_no_barrier)) __syncthreads();
  store_values<Heads>(a, memory, p, chunk, n);
  if (!Both) {
    __syncthreads();
    copy_keys(a, memory, p, next);
  }
}

}  // namespace sl

#endif
