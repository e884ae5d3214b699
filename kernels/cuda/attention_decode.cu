/* Attention of one new token a sequence over its cache (spec T3.2). The split over blocks is the
 * clause's own: a block makes the results of key chunks - m, l and the values' chains w - in one
 * pass over the cache, and a second kernel joins them in order. A score is in shared memory only.
 *
 * Floor. The cache is read once: 8 d bytes per key and kv head, at the bandwidth of memory (4.8
 * TB/s, H200, 20 bytes per cycle and multiprocessor). Up to 8 query heads of a group share the
 * loads; 2 d fmas per key and head are less than the bytes take (5.6 fmas per byte are free).
 * Beside the cache, (d
 * + 2) floats per chunk and head are written and read: group / 64 of its bytes, 11 % for 7 heads.
 *
 * In flight: a chunk's values are being copied while its scores are computed, the next chunk's keys
 * while its values are weighted. A block has 16 to 32 KiB in flight at d = 64, 32 to 64 at d = 128;
 * by shared memory a multiprocessor of 228 KiB holds 6 blocks, or 3: 96 KiB and more, where 4.8
 * TB/s for 0.7 us asks for 25. Instructions a chunk of 7 heads at d = 64, of the 6300 that a
 * multiprocessor issues in the time of its bytes: 1400 of scores, 1000 of weights, 1600 of values,
 * 800 of copies. Few sequences get one block per chunk; many get at most decode_blocks and at least
 * one per part. A block takes every splits-th chunk, so that unused capacity costs little. */
#include "attention_tile.cuh"

using namespace sl;

namespace {

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

}  // namespace

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

/* Blocks (part, split): chunks split, split + splits, ... of the part. Heads: of a thread in
 * the values. */
template <int Heads, bool Both>
static __global__ void __launch_bounds__(decode_threads, 1)
    attention_decode_chunks(decode_problem a) {
  SL_DYNAMIC_SHARED(float4, dynamic); /* for its alignment */
  decode_memory memory;
  memory.d = static_cast<int>(a.d), memory.pitch = (memory.d + 3) / 4 * 4;
  memory.keys = reinterpret_cast<float *>(dynamic),
  memory.values = memory.keys + (Both ? key_chunk * memory.d : 0);
  memory.q = memory.values + key_chunk * memory.pitch,
  memory.weights = memory.q + decode_heads * memory.d;
  for (size_t x = blockIdx.x; x < a.b * a.kv_heads * a.groups * a.splits; x += gridDim.x) {
    const decode_part p = part_of(a, x / a.splits);
    size_t chunk = x % a.splits;
    if (keys_of(p, chunk) == 0) continue;
    copy_keys(a, memory, p, chunk);
    for (int i = static_cast<int>(threadIdx.x); i < memory.d * decode_heads; i += decode_threads) {
      const int h = i / memory.d, c = i % memory.d;
      memory.q[c * decode_heads + h] =
          h < p.heads ? a.q[(p.row + static_cast<size_t>(h)) * a.d + static_cast<size_t>(c)] : 0.0f;
    }
    for (int i = static_cast<int>(threadIdx.x) + p.heads * key_chunk; i < decode_heads * key_chunk;
         i += decode_threads)
      memory.weights[i] = 0.0f;
    for (; keys_of(p, chunk) > 0; chunk += a.splits)
      decode_chunk<Heads, Both>(a, memory, p, chunk, chunk + a.splits);
    __pipeline_wait_prior(0);
    __syncthreads();
  }
}

/* What joins a row's chunks [begin, begin + Threads), one thread per chunk: factors a and b of the
 * clause, and l; M goes through `max`. */
template <int Threads>
struct decode_joints {
  float before[Threads], chunk[Threads], sum[Threads], warp_max[Threads / lanes];
};

template <int Threads>
static __device__ __forceinline__ void make_joints(decode_joints<Threads> &joints, float &max,
                                                   const float *maxima, const float *sums,
                                                   size_t n) {
  const int thread = static_cast<int>(threadIdx.x), lane = lane_of_thread(), warp = thread / lanes;
  const bool is_present = threadIdx.x < n;
  const float m = is_present ? maxima[thread] : -INFINITY;
  joints.sum[thread] = is_present ? sums[thread] : 0.0f;
  float joined = m, before = max;
  for (int h = 1; h < lanes; h *= 2) {
    const float other = __shfl_up_sync(all_lanes, joined, h);
    if (lane >= h) joined = fmaxf(joined, other);
  }
  const float previous = __shfl_up_sync(all_lanes, joined, 1);
  if (lane == lanes - 1) joints.warp_max[warp] = joined;
  __syncthreads();
  for (int w = 0; w < Threads / lanes; w++) {
    max = fmaxf(max, joints.warp_max[w]);
    if (w < warp) before = max;
  }
  if (lane > 0) before = fmaxf(before, previous);
  /* One of a and b is 1, the other is this. */
  const float factor = sl_fn_exp(__fadd_rn(fminf(before, m), -fmaxf(before, m)));
  joints.before[thread] = before < m ? factor : 1.0f;
  joints.chunk[thread] = m < before ? factor : 1.0f;
  __syncthreads();
}

/* One block per row of (b, heads), one thread per component: the chunks in order. */
template <int Threads>
static __global__ void __launch_bounds__(Threads) attention_decode_join(decode_problem a) {
  SL_SHARED(decode_joints<Threads>, joints, [1]);
  const size_t c = threadIdx.x;
  for (size_t row = blockIdx.x; row < a.b * a.heads; row += gridDim.x) {
    const size_t keys = a.position[row / a.heads] + static_cast<size_t>(1),
                 chunks = (keys + key_chunk - 1) / key_chunk;
    if (!in_cache(a, row / a.heads)) continue;
    float max = -INFINITY, l = 0.0f, o = 0.0f;
    for (size_t begin = 0; begin < chunks; begin += Threads) {
      const size_t first = row * a.chunks + begin,
                   n = chunks - begin < Threads ? chunks - begin : Threads;
      make_joints(joints[0], max, a.maxima + first, a.sums + first, n);
      if (c < a.d) {
#pragma unroll 8
        for (size_t i = 0; i < n; i++) {
          const size_t j = SL_PLANTED(decode_join_swapped) ? n - 1 - i : i;
          const float w = a.values[(first + j) * a.d + c], before = joints[0].before[j],
                      chunk = joints[0].chunk[j];
          l = __fmaf_rn(joints[0].sum[j], chunk, __fmul_rn(l, before));
          o = __fmaf_rn(w, chunk, __fmul_rn(o, before));
        }
      }
      __syncthreads();
    }
    if (c < a.d) a.o[row * a.d + c] = __fadd_rn(__fmul_rn(__fdiv_rn(1.0f, l), o), 0.0f);
  }
}

/* Threads: at least d. */
template <int Heads, bool Both, int Threads>
static sl_status launch_decode(sl_context *ctx, decode_problem a) {
  const size_t rows = a.b * a.heads, parts = a.b * a.kv_heads * a.groups, pitch = (a.d + 3) / 4 * 4;
  const size_t bytes =
      ((Both ? key_chunk * a.d : 0) + key_chunk * pitch + decode_heads * (a.d + key_chunk)) *
      sizeof(float);
  if (!shared_granted(attention_decode_chunks<Heads, Both>, bytes))
    return attention_too_large(ctx, "attention_decode", a.d);
  a.values =
      static_cast<float *>(sl_device_workspace(ctx, rows * a.chunks * (a.d + 2) * sizeof(float)));
  if (!a.values) return ctx->error.status;
  a.maxima = a.values + rows * a.chunks * a.d, a.sums = a.maxima + rows * a.chunks;
  const size_t splits = (decode_blocks + parts - 1) / parts;
  a.splits = splits < a.chunks ? splits : a.chunks;
  SL_LAUNCH((attention_decode_chunks<Heads, Both>), grid_for(parts * a.splits), decode_threads,
            bytes, ctx->device->stream, a);
  SL_LAUNCH(attention_decode_join<Threads>, grid_for(rows), Threads, 0, ctx->device->stream, a);
  return sl_device_status(ctx, "attention_decode");
}

sl_status SL_DEVICE_NAME(attention_decode)(sl_context *ctx, float *o, const float *q,
                                           const float *k_cache, const float *v_cache,
                                           const uint32_t *slot, const uint32_t *position, size_t b,
                                           size_t heads, size_t kv_heads, size_t d, size_t capacity,
                                           size_t slots) {
  if (d > 256) return attention_too_large(ctx, "attention_decode", d);
  if (b == 0 || capacity == 0) return SL_OK;
  const void *const keys[] = {k_cache}, *const values[] = {v_cache};
  decode_problem a = {};
  a.o = o, a.q = q, a.k_cache = k_cache, a.v_cache = v_cache, a.slot = slot, a.position = position;
  a.b = b, a.heads = heads, a.kv_heads = kv_heads, a.d = d, a.capacity = capacity, a.slots = slots;
  a.chunks = (capacity + key_chunk - 1) / key_chunk,
  a.groups = (heads / kv_heads + decode_heads - 1) / decode_heads;
  a.scale = attention_scale(d), a.faults = ctx->device->faults;
  a.vector_keys = copies_vectors(capacity, keys, 1), a.vector_values = copies_vectors(d, values, 1);
  if (d <= 64) return launch_decode<2, true, 64>(ctx, a);
  return d <= 128 ? launch_decode<4, true, 128>(ctx, a) : launch_decode<8, false, 256>(ctx, a);
}
