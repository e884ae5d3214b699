/* Log-prob and entropy fused with the head (spec T4.1, T4.2), and what its gradient shares with it.
 * Logits exist only for a tile of rows x vocabulary, within a fixed workspace. Masked rows cost
 * nothing: the others are gathered on the device.
 *
 * Operations 2 t d vocab for the logits, an exp in binary64 for each (some 25 operations, half rate
 * on a device made for it). Bytes: the weights once a tile of rows, and each logit written and read
 * once, 8 bytes against 2 d operations: for d >= 896 the product's fma rate is the floor. Three
 * floats per row and chunk are all that is kept of a tile. */
#include "head.h"

namespace sl {

/* One warp: a ballot for each 32 rows gives each its place. Eight times 32 rows are read at once: a
 * warp alone waits for all that it reads. */
static __global__ void find_rows_kernel(head_rows rows, head_gather g, const uint32_t *chunk_begin,
                                        unsigned long long *faults) {
  constexpr int at_once = 8;
  const size_t lane = static_cast<size_t>(lane_of_thread());
  uint32_t found = 0;
  for (size_t r0 = lane; r0 - lane < g.n; r0 += at_once * lanes) {
    uint8_t is_unmasked[at_once];
    uint32_t target[at_once];
#pragma unroll
    for (int k = 0; k < at_once; k++)
      is_unmasked[k] = r0 + static_cast<size_t>(k * lanes) < g.n
                           ? g.mask[g.first + r0 + static_cast<size_t>(k * lanes)]
                           : 0;
#pragma unroll
    for (int k = 0; k < at_once; k++)
      target[k] = is_unmasked[k] ? g.target[g.first + r0 + static_cast<size_t>(k * lanes)] : 0;
#pragma unroll
    for (int k = 0; k < at_once; k++) {
      const size_t r = r0 + static_cast<size_t>(k * lanes);
      const uint32_t votes = __ballot_sync(all_lanes, is_unmasked[k] != 0),
                     at = found + static_cast<uint32_t>(__popc(votes & ((1u << lane) - 1)));
      if (r < g.n) rows.before[r] = at;
      if (is_unmasked[k]) rows.row[at] = static_cast<uint32_t>(r);
      if (is_unmasked[k] && target[k] >= g.vocab)
        leave_fault(faults, g.kernel, SL_FAULT_id, g.first + r);
      found += static_cast<uint32_t>(__popc(votes));
    }
  }
  if (lane == 0) rows.before[g.n] = found;
  __syncwarp();
  for (size_t c = lane; rows.table && c <= g.n_chunks; c += lanes)
    rows.table[c] = rows.before[chunk_begin[g.first_chunk + c] - g.first];
}

static __global__ void gather_kernel(head_rows rows, head_gather g) {
  const size_t n = *rows.used * g.d;
  for (size_t i = thread_of_grid(); i < n; i += threads_of_grid())
    rows.h[i] = g.h[(g.first + rows.row[i / g.d]) * g.d + i % g.d];
}

void gather_rows(sl_context *ctx, head_rows *rows, const head_gather &g) {
  const sl_device *device = ctx->device;
  rows->used = rows->before + g.n;
  SL_LAUNCH(find_rows_kernel, 1, lanes, 0, device->stream, *rows, g, device->chunk_begin,
            device->faults);
  SL_LAUNCH(gather_kernel, blocks_for(g.n * g.d, head_threads), head_threads, 0, device->stream,
            *rows, g);
}

head_tile head_tile_of(sl_context *ctx, size_t t, size_t d, size_t vocab) {
  static_assert(sum_chunk % dot_chunk == 0, "a tile's columns are whole chunks of both kinds");
  const bool smallest = ctx->device->smallest_tiles;
  const size_t chunks = vocab / sum_chunk + 1,
               most_columns = (smallest ? 1 : 8) * static_cast<size_t>(sum_chunk);
  const size_t columns = vocab < most_columns ? (vocab + 3) / 4 * 4 : most_columns,
               of_row = columns + 2 * d + 3 * chunks + 16;
  const size_t fit = (head_workspace_floats - scratch_max - 4096) / of_row,
               most_rows = smallest ? static_cast<size_t>(dot_chunk) : 2048;
  const size_t rows = fit < most_rows ? fit : most_rows;
  return {rows < dot_chunk ? 0 : t < rows ? t : rows, columns};
}

void launch_logits(sl_context *ctx, const head_rows &rows, size_t n, const float *w, size_t d,
                   size_t v, size_t columns, size_t ld, float *scratch, size_t scratch_floats) {
  gemm_product p = product_of(rows.logits, ld, n, columns);
  add_part(&p, rows.h, d, w + v * d, d, d);
  p.m_used = rows.used;
  launch_gemm(ctx, both_k, p, scratch, scratch_floats);
}

/* Chunk results (spec N3.9) of a tile's rows: stats[(chunk * 3 + i) * rows + row] is max, sum
 * or moment. */
struct head_stats {
  float *stats, *target_logit;
  size_t rows, chunks;
};

struct head_columns {
  size_t first, n, ld, vocab;
};

constexpr int of_lane = sum_chunk / lanes; /* elements of a chunk */

/* A lane's elements of a chunk of n, tempered: in registers, so that a logit is read once. A Full
 * chunk needs no test between the loads, so that all of them are in flight at once. */
template <bool Full>
static __device__ __forceinline__ void load_chunk(float (&y)[of_lane], const float *z, int n,
                                                  float inv_temperature) {
  const int lane = lane_of_thread();
#pragma unroll
  for (int e = 0; e < of_lane; e++)
    y[e] = Full || e * lanes + lane < n ? z[e * lanes + lane] : 0.0f;
#pragma unroll
  for (int e = 0; e < of_lane; e++)
    y[e] = Full || e * lanes + lane < n ? __fmul_rn(y[e], inv_temperature) : -INFINITY;
}

template <bool Full>
static __device__ __forceinline__ void add_chunk(float &sum, float &moment,
                                                 const float (&y)[of_lane], int n, float max) {
#pragma unroll
  for (int e = 0; e < of_lane; e++) {
    if (!Full && e * lanes + lane_of_thread() >= n) break;
    const float d = __fadd_rn(y[e], -max), p = sl_fn_exp(d);
    sum = __fadd_rn(sum, p);
    moment = __fmaf_rn(p, d, moment);
  }
}

/* A warp a (row, chunk). */
static __global__ void __launch_bounds__(head_threads, 3)
    chunk_stats_kernel(head_stats out, head_rows rows, head_columns columns, const uint32_t *target,
                       float inv_temperature) {
  const size_t chunks = (columns.n + sum_chunk - 1) / sum_chunk, used = *rows.used;
  for (size_t w = warp_of_grid(); w < used * chunks; w += warps_of_grid()) {
    const size_t i = w / chunks, chunk = w % chunks, left = columns.n - chunk * sum_chunk;
    const int n = static_cast<int>(left < sum_chunk ? left : sum_chunk);
    const float *z = rows.logits + i * columns.ld + chunk * sum_chunk;
    float y[of_lane], max = -INFINITY, sum = 0.0f, moment = 0.0f;
    if (n == sum_chunk)
      load_chunk<true>(y, z, n, inv_temperature);
    else
      load_chunk<false>(y, z, n, inv_temperature);
#pragma unroll
    for (int e = 0; e < of_lane; e++) max = y[e] > max ? y[e] : max;
    max = __fadd_rn(warp_max(max), 0.0f);
    if (n == sum_chunk)
      add_chunk<true>(sum, moment, y, n, max);
    else
      add_chunk<false>(sum, moment, y, n, max);
    sum = warp_sum(sum), moment = warp_sum(moment);
    if (lane_of_thread() != 0) continue;
    /* An id beyond the vocabulary has left a fault: any column will do. */
    const size_t id = target[rows.row[i]],
                 wanted = (id < columns.vocab ? id : 0) - columns.first - chunk * sum_chunk;
    if (wanted < static_cast<size_t>(n))
      out.target_logit[i] = __fmul_rn(z[wanted], inv_temperature);
    float *s = out.stats + (columns.first / sum_chunk + chunk) * 3 * out.rows + i;
    s[0] = max, s[out.rows] = sum, s[2 * out.rows] = moment;
  }
}

struct head_outputs {
  float *logp, *entropy, *row_max, *row_sum;
};

/* One thread per row, masked or not: its chunks ascending (spec N3.9). */
static __global__ void combine_stats_kernel(head_outputs out, head_stats in, head_rows rows,
                                            size_t first, size_t n) {
  for (size_t r = thread_of_grid(); r < n; r += threads_of_grid()) {
    float logp = 0.0f, entropy = 0.0f, max = 0.0f, sum = 0.0f;
    const size_t i = rows.before[r];
    if (rows.before[r + 1] > i) {
      const float *s = in.stats + i;
      max = -INFINITY;
#pragma unroll 8
      for (size_t c = 0; c < in.chunks; c++)
        max = s[3 * c * in.rows] > max ? s[3 * c * in.rows] : max;
      max = __fadd_rn(max, 0.0f);
      float moment = 0.0f;
#pragma unroll 4
      for (size_t c = 0; c < in.chunks; c++, s += 3 * in.rows) {
        const float d = __fadd_rn(s[0], -max), a = sl_fn_exp(d);
        moment = __fmaf_rn(__fmaf_rn(s[in.rows], d, s[2 * in.rows]), a, moment);
        sum = __fmaf_rn(s[in.rows], a, sum);
      }
      const float log_sum = sl_fn_log(sum);
      logp = __fadd_rn(__fadd_rn(in.target_logit[i], -max), -log_sum);
      entropy = __fadd_rn(log_sum, -__fdiv_rn(moment, sum));
    }
    out.logp[first + r] = logp, out.entropy[first + r] = entropy, out.row_max[first + r] = max,
                     out.row_sum[first + r] = sum;
  }
}

/* The arrays of the forward direction; returns the floats that they take. */
static size_t lay_out(float *base, head_rows *rows, head_stats *stats, float **scratch,
                      const head_tile &tile, size_t d, size_t vocab, size_t scratch_floats) {
  head_arena a = {base, 0};
  *rows = take_rows(&a, tile, d);
  stats->rows = tile.rows, stats->chunks = (vocab + sum_chunk - 1) / sum_chunk;
  stats->stats = a.take<float>(3 * stats->chunks * tile.rows),
  stats->target_logit = a.take<float>(tile.rows);
  *scratch = a.take<float>(scratch_floats);
  return a.used;
}

}  // namespace sl

using namespace sl;

sl_status SL_DEVICE_NAME(logprob_forward)(sl_context *ctx, float *logp, float *entropy,
                                          float *row_max, float *row_sum, const float *h,
                                          const float *w, const void *packed,
                                          const uint32_t *target, const uint8_t *mask,
                                          float inv_temperature, size_t t, size_t d, size_t vocab) {
  (void)packed;
  if (t == 0) return SL_OK;
  SL_TRY(gemm_sizes(ctx, "logprob_forward", t, vocab, d));
  const head_tile tile = head_tile_of(ctx, t, d, vocab);
  if (tile.rows == 0)
    return sl_fail(&ctx->error, SL_ERR_MEMORY,
                   "logprob_forward: rows of %zu do not fit the head's workspace", d);
  gemm_product p = product_of(nullptr, tile.columns, tile.rows, tile.columns);
  add_part(&p, nullptr, d, nullptr, d, d);
  const size_t scratch_floats = gemm_scratch(ctx, both_k, p);
  head_rows rows;
  head_stats stats;
  float *scratch;
  float *base = static_cast<float *>(sl_device_workspace(
      ctx,
      lay_out(nullptr, &rows, &stats, &scratch, tile, d, vocab, scratch_floats) * sizeof(float)));
  if (!base) return ctx->error.status;
  lay_out(base, &rows, &stats, &scratch, tile, d, vocab, scratch_floats);
  const cudaStream_t stream = ctx->device->stream;
  const head_outputs out = {logp, entropy, row_max, row_sum};
  for (size_t r = 0; r < t; r += tile.rows) {
    const size_t n = t - r < tile.rows ? t - r : tile.rows;
    gather_rows(ctx, &rows, {SL_KERNEL_logprob_forward, h, target, mask, r, n, d, vocab, 0, 0});
    for (size_t v = 0; v < vocab; v += tile.columns) {
      const head_columns columns = {v, vocab - v < tile.columns ? vocab - v : tile.columns,
                                    tile.columns, vocab};
      launch_logits(ctx, rows, n, w, d, v, columns.n, columns.ld, scratch, scratch_floats);
      const size_t warps = n * ((columns.n + sum_chunk - 1) / sum_chunk);
      SL_LAUNCH(chunk_stats_kernel, blocks_for(warps, head_threads / lanes), head_threads, 0,
                stream, stats, rows, columns, target + r, inv_temperature);
    }
    SL_LAUNCH(combine_stats_kernel, blocks_for(n, head_threads), head_threads, 0, stream, out,
              stats, rows, r, n);
  }
  return sl_device_status(ctx, "logprob_forward");
}
