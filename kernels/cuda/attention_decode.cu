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
#include "attention_decode_chunk.cuh"

using namespace sl;

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
