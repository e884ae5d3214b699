/* Draws one token a row from logits (spec N5.5, T4.4): softmax sums and integer weights by chunks
 * over the whole device, then one block per row.
 *
 * Floor. Logits are read twice (8 bytes each; once for greedy), 4 bytes at 4.8 TB/s (H200) being
 * 0.8 ps; each takes an exp for its row's sums and one for its weight, 40 binary64 operations: 1.2
 * ps at 34 Tflop/s of binary64. So the two exps are the floor, and memory near it. With top-k or
 * top-p weights are kept (4 bytes), and the row's block reads them six times from the second-level
 * cache: not for the path that matters. */
#include "vector.h"

#include "sample_scan.cuh"

#include "kernels/core/philox.h"

#include <sluice/random.h>

using namespace sl;

namespace {

struct sample_row {
  float max, log_sum, entropy;
};

struct sample_problem {
  uint32_t *token;
  float *logp, *entropy;
  const float *logits;
  const uint32_t *sequence, *position;
  size_t b, vocab, chunks;
  sl_sampling sampling;
  float inv_temperature;
  float *chunk_max, *chunk_sum, *chunk_moment; /* (b, chunks): m, l, u of spec N3.9 */
  u64 *chunk_weight;                           /* (b, chunks) */
  sample_row *row;
  float *weight; /* (b, vocab), whole numbers; only where top-k or top-p is on */
  unsigned long long *faults;
};

/* What top-k and top-p leave of the order (weight descending, index ascending): weights above the
 * edge, and those at it up to an index. */
struct kept_weights {
  uint32_t edge; /* bits: those of floats >= 0 are ordered as the floats */
  size_t end;
  __device__ bool holds(float weight, size_t v) const {
    const uint32_t bits = __float_as_uint(weight);
    return bits > edge || (bits == edge && v < end);
  }
};

/* How much of it is wanted: `count` weights or, where that is 0, the shortest prefix that
 * weighs `need`. */
struct demand {
  u64 count;
  double need;
  __device__ bool met_by(u64 amount) const {
    return count ? amount >= count : static_cast<double>(amount) >= need;
  }
  __device__ u64 amount_of(float weight) const { return count ? 1 : static_cast<u64>(weight); }
};

}  // namespace

static __device__ __forceinline__ float tempered(const sample_problem &a, size_t row, size_t v) {
  return __fmul_rn(a.logits[row * a.vocab + v], a.inv_temperature);
}

/* floor(2^40 exp(z - M)): a float holds it exactly. */
static __device__ __forceinline__ float weight_of(const sample_problem &a, float logit, float max) {
  return floorf(
      __fmul_rn(0x1p40f, sl_fn_exp(__fadd_rn(__fmul_rn(logit, a.inv_temperature), -max))));
}

/* One warp per chunk of a row: its maximum and its sums (spec N3.9). */
static __global__ void __launch_bounds__(128) sample_chunks(sample_problem a) {
  for (size_t x = warp_of_grid(); x < a.b * a.chunks; x += warps_of_grid()) {
    const size_t row = x / a.chunks, begin = x % a.chunks * sum_chunk, lane = threadIdx.x % lanes;
    const size_t end = begin + sum_chunk < a.vocab ? begin + sum_chunk : a.vocab;
    float m = -INFINITY, sum = 0.0f, moment = 0.0f;
    const auto logit = [&](size_t v) { return tempered(a, row, v); };
    strided(begin + lane, end, logit, [&](size_t, float z) { m = z > m ? z : m; });
    m = __fadd_rn(warp_max(m), 0.0f);
    if (SL_PLANTED(sample_uninitialised)) sum = a.chunk_sum[x];
    strided(begin + lane, end, logit, [&](size_t, float z) {
      const float y = __fadd_rn(z, -m), e = sl_fn_exp(y);
      sum = __fadd_rn(sum, e);
      moment = __fmaf_rn(e, y, moment);
    });
    sum = warp_sum(sum), moment = warp_sum(moment);
    if (lane == 0) a.chunk_max[x] = m, a.chunk_sum[x] = sum, a.chunk_moment[x] = moment;
  }
}

/* One block per row: its chunks together. The factors are made by all threads, the two chains
 * by one. */
template <int Threads>
static __global__ void __launch_bounds__(Threads) sample_rows(sample_problem a) {
  SL_SHARED(float, factor, [3][Threads]);
  SL_SHARED(float, warp_result, [Threads / lanes]);
  const size_t thread = threadIdx.x;
  for (size_t row = blockIdx.x; row < a.b; row += gridDim.x) {
    const size_t at = row * a.chunks;
    float m = -INFINITY;
    for (size_t c = thread; c < a.chunks; c += Threads)
      m = a.chunk_max[at + c] > m ? a.chunk_max[at + c] : m;
    m = warp_max(m);
    if (lane_of_thread() == 0) warp_result[thread / lanes] = m;
    __syncthreads();
    for (int w = 0; w < Threads / lanes; w++) m = warp_result[w] > m ? warp_result[w] : m;
    m = __fadd_rn(m, 0.0f);
    float l = 0.0f, u = 0.0f;
    for (size_t first = 0; first < a.chunks; first += Threads) {
      if (first + thread < a.chunks) {
        const size_t c = at + first + thread;
        const float d = __fadd_rn(a.chunk_max[c], -m);
        factor[0][thread] = sl_fn_exp(d), factor[1][thread] = a.chunk_sum[c];
        factor[2][thread] = __fmaf_rn(a.chunk_sum[c], d, a.chunk_moment[c]);
      }
      __syncthreads();
      const size_t left = a.chunks - first < Threads ? a.chunks - first : Threads;
      for (size_t i = 0; thread == 0 && i < left; i++) {
        u = __fmaf_rn(factor[2][i], factor[0][i], u);
        l = __fmaf_rn(factor[1][i], factor[0][i], l);
        if (SL_PLANTED(sample_divergent_barrier)) __syncthreads();
      }
      __syncthreads();
    }
    if (thread != 0) continue;
    if (!isfinite(l) || !isfinite(u)) leave_fault(a.faults, SL_KERNEL_sample, SL_FAULT_logit, row);
    const float log_sum = sl_fn_log(l);
    a.row[row] = sample_row{m, log_sum, __fadd_rn(log_sum, -__fdiv_rn(u, l))};
  }
}

/* One warp per chunk of a row: its weights, and their sum. */
static __global__ void __launch_bounds__(128) sample_weights(sample_problem a) {
  for (size_t x = warp_of_grid(); x < a.b * a.chunks; x += warps_of_grid()) {
    const size_t row = x / a.chunks, begin = x % a.chunks * sum_chunk, lane = threadIdx.x % lanes;
    const size_t end = begin + sum_chunk < a.vocab ? begin + sum_chunk : a.vocab;
    const float max = a.row[row].max;
    u64 sum = 0;
    strided(
        begin + lane, end, [&](size_t v) { return a.logits[row * a.vocab + v]; },
        [&](size_t v, float logit) {
          const float w = weight_of(a, logit, max);
          if (a.weight) a.weight[row * a.vocab + v] = w;
          sum += static_cast<u64>(w);
        });
    sum = warp_total(sum);
    if (lane == 0) a.chunk_weight[x] = sum;
  }
}

/* One digit of the edge: of the weights that are kept and begin as `edge` does above it, amounts
 * by digit; the largest digit from which on, with `above`, the demand is met, and what lies above
 * that digit. */
template <int Threads>
static __device__ __forceinline__ void find_digit(const float *weight, size_t vocab,
                                                  const kept_weights &kept, const demand &want,
                                                  int shift, uint32_t &edge, u64 &above) {
  SL_SHARED(u64, amount, [256]);
  SL_SHARED(u64, result, [2]);
  for (size_t i = threadIdx.x; i < 256; i += Threads) amount[i] = 0;
  __syncthreads();
  for (size_t v = threadIdx.x; v < vocab; v += Threads) {
    const float w = weight[v];
    const uint32_t bits = __float_as_uint(w);
    if (bits == 0 || !kept.holds(w, v) ||
        (static_cast<unsigned long long>(bits) >> (shift + 8)) != edge)
      continue;
    atomicAdd(&amount[bits >> shift & 255], want.amount_of(w));
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    int digit = 255;
    u64 sum = above;
    while (digit > 0 && !want.met_by(sum + amount[digit])) sum += amount[digit--];
    result[0] = static_cast<u64>(digit), result[1] = sum;
  }
  __syncthreads();
  edge = edge << 8 | static_cast<uint32_t>(result[0]), above = result[1];
  __syncthreads();
}

/* How many weights at the edge a demand takes, with `above` from those over it: the smallest number
 * that meets it, at most `equals`. */
static __device__ __forceinline__ u64 equals_taken(const demand &want, u64 above, u64 each,
                                                   u64 equals) {
  u64 low = 0, high = equals;
  while (low < high) {
    const u64 middle = low + (high - low) / 2;
    if (want.met_by(above + middle * each))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/* The prefix of the order, within what is kept, that meets the demand. A zero weight is never
 * drawn, so an edge of 0 keeps all. */
template <int Threads, int Each>
static __device__ __forceinline__ kept_weights keep_prefix(const float *weight, size_t vocab,
                                                           const kept_weights &kept,
                                                           const demand &want) {
  uint32_t edge = 0;
  u64 above = 0, equals = 0;
  for (int shift = 24; shift >= 0; shift -= 8)
    find_digit<Threads>(weight, vocab, kept, want, shift, edge, above);
  if (edge == 0) return kept;
  const auto at_edge = [&](size_t v) -> u64 {
    return __float_as_uint(weight[v]) == edge && kept.holds(weight[v], v);
  };
  for (size_t v = threadIdx.x; v < vocab; v += Threads) equals += at_edge(v);
  equals = block_total<Threads>(equals);
  const u64 taken = equals_taken(want, above, want.amount_of(__uint_as_float(edge)), equals);
  return kept_weights{edge, find_item<Threads, Each>(vocab, taken - 1, at_edge).index + 1};
}

/* Sums of the kept weights of each chunk, one warp per chunk; returns the row's. */
template <int Threads>
static __device__ __forceinline__ u64 kept_sums(u64 *chunk_weight, const float *weight,
                                                size_t vocab, const kept_weights &kept) {
  u64 total = 0;
  for (size_t c = threadIdx.x / lanes; c * sum_chunk < vocab; c += Threads / lanes) {
    const size_t end = (c + 1) * sum_chunk < vocab ? (c + 1) * sum_chunk : vocab;
    u64 sum = 0;
    for (size_t v = c * sum_chunk + threadIdx.x % lanes; v < end; v += lanes)
      if (kept.holds(weight[v], v)) sum += static_cast<u64>(weight[v]);
    total += sum;
    sum = warp_total(sum);
    if (lane_of_thread() == 0) chunk_weight[c] = sum;
  }
  return block_total<Threads>(total); /* its barrier shows the chunks to all */
}

template <int Threads, int Each>
static __device__ __forceinline__ kept_weights truncate(const sample_problem &a, size_t row) {
  const float *const weight = a.weight + row * a.vocab;
  kept_weights kept = {0, a.vocab};
  if (a.sampling.top_k && a.sampling.top_k < a.vocab)
    kept = keep_prefix<Threads, Each>(weight, a.vocab, kept, demand{a.sampling.top_k, 0.0});
  u64 total = kept_sums<Threads>(a.chunk_weight + row * a.chunks, weight, a.vocab, kept);
  if (a.sampling.top_p < 1.0) {
    kept = keep_prefix<Threads, Each>(
        weight, a.vocab, kept, demand{0, -floor(-(a.sampling.top_p * static_cast<double>(total)))});
    kept_sums<Threads>(a.chunk_weight + row * a.chunks, weight, a.vocab, kept);
  }
  return kept;
}

/* The token of a row: the first whose cumulative weight passes mulhi(u, total), found by chunk and
 * then in it. */
template <int Threads, int Each>
static __device__ __forceinline__ size_t draw(const sample_problem &a, size_t row) {
  kept_weights kept = {0, a.vocab};
  if (a.weight) kept = truncate<Threads, Each>(a, row);
  const u64 *const chunk_weight = a.chunk_weight + row * a.chunks;
  u64 total = 0;
  for (size_t c = threadIdx.x; c < a.chunks; c += Threads) total += chunk_weight[c];
  total = block_total<Threads>(total);
  const u64 u = sl_philox_u64(a.sampling.seed, a.position[row], a.sequence[row], a.sampling.step,
                              SL_RANDOM_SAMPLING),
            x = __umul64hi(u, total);
  const crossing chunk =
      find_item<Threads, 1>(a.chunks, x, [&](size_t c) { return chunk_weight[c]; });
  const size_t begin = chunk.index * sum_chunk,
               n = a.vocab - begin < sum_chunk ? a.vocab - begin : sum_chunk;
  const float max = a.row[row].max;
  return begin + find_item<Threads, Each>(n, x - chunk.before, [&](size_t i) -> u64 {
                   const size_t v = begin + i;
                   const float w = a.weight ? a.weight[row * a.vocab + v]
                                            : weight_of(a, a.logits[row * a.vocab + v], max);
                   return kept.holds(w, v) ? static_cast<u64>(w) : 0;
                 }).index;
}

/* The lowest index of the row's maximum (spec N3.7). */
template <int Threads, int Each>
static __device__ __forceinline__ size_t greedy(const sample_problem &a, size_t row) {
  const float max = a.row[row].max;
  const size_t chunk = find_item<Threads, 1>(a.chunks, 0, [&](size_t c) -> u64 {
                         return a.chunk_max[row * a.chunks + c] == max;
                       }).index;
  const size_t begin = chunk * sum_chunk,
               n = a.vocab - begin < sum_chunk ? a.vocab - begin : sum_chunk;
  return begin + find_item<Threads, Each>(n, 0, [&](size_t i) -> u64 {
                   return tempered(a, row, begin + i) == max;
                 }).index;
}

/* One block per row. Nothing is written where the logits of any row are refused. */
template <int Threads>
static __global__ void __launch_bounds__(Threads) sample_tokens(sample_problem a) {
  constexpr int each = sum_chunk / Threads > 0 ? sum_chunk / Threads : 1;
  if (a.faults[SL_KERNEL_sample] != ~0ull) return;
  for (size_t row = blockIdx.x; row < a.b; row += gridDim.x) {
    const size_t v = a.sampling.temperature == 0.0f ? greedy<Threads, each>(a, row)
                                                    : draw<Threads, each>(a, row);
    if (threadIdx.x != 0) continue;
    const sample_row &r = a.row[row];
    a.token[row] = static_cast<uint32_t>(v);
    a.logp[row] = __fadd_rn(__fadd_rn(tempered(a, row, v), -r.max), -r.log_sum);
    a.entropy[row] = r.entropy;
  }
}

static sl_status place(sl_context *ctx, sample_problem *a) {
  const size_t chunks = a->b * a->chunks, greedy = a->sampling.temperature == 0.0f;
  const bool truncated =
      !greedy && ((a->sampling.top_k && a->sampling.top_k < a->vocab) || a->sampling.top_p < 1.0);
  const size_t bytes = chunks * (sizeof(u64) + 3 * sizeof(float)) + a->b * sizeof(sample_row);
  unsigned char *p = static_cast<unsigned char *>(
      sl_device_workspace(ctx, bytes + (truncated ? a->b * a->vocab * sizeof(float) : 0)));
  if (!p) return ctx->error.status;
  a->chunk_weight = reinterpret_cast<u64 *>(p);
  a->chunk_max = reinterpret_cast<float *>(a->chunk_weight + chunks);
  a->chunk_sum = a->chunk_max + chunks, a->chunk_moment = a->chunk_sum + chunks;
  a->row = reinterpret_cast<sample_row *>(a->chunk_moment + chunks);
  if (truncated) a->weight = reinterpret_cast<float *>(a->row + a->b);
  return SL_OK;
}

template <int Threads>
static void launch_sample(sl_context *ctx, const sample_problem &a) {
  const unsigned rows = blocks_for(a.b, 1), warps = blocks_for(a.b * a.chunks, 128 / lanes);
  SL_LAUNCH(sample_chunks, warps, 128, 0, ctx->device->stream, a);
  SL_LAUNCH(sample_rows<Threads>, rows, Threads, 0, ctx->device->stream, a);
  if (a.sampling.temperature != 0.0f)
    SL_LAUNCH(sample_weights, warps, 128, 0, ctx->device->stream, a);
  SL_LAUNCH(sample_tokens<Threads>, rows, Threads, 0, ctx->device->stream, a);
}

sl_status SL_DEVICE_NAME(sample)(sl_context *ctx, uint32_t *token, float *logp, float *entropy,
                                 const float *logits, const sl_sampling *sampling,
                                 const uint32_t *sequence, const uint32_t *position, size_t b,
                                 size_t vocab) {
  if (b == 0) return SL_OK;
  sample_problem a = {};
  a.token = token, a.logp = logp, a.entropy = entropy, a.logits = logits, a.sequence = sequence,
  a.position = position;
  a.b = b, a.vocab = vocab, a.chunks = (vocab + sum_chunk - 1) / sum_chunk, a.sampling = *sampling,
  a.faults = ctx->device->faults;
  a.inv_temperature = sampling->temperature == 0.0f ? 1.0f : 1.0f / sampling->temperature;
  SL_TRY(place(ctx, &a));
  if (ctx->device->smallest_tiles)
    launch_sample<64>(ctx, a);
  else
    launch_sample<256>(ctx, a);
  return sl_device_status(ctx, "sample");
}
