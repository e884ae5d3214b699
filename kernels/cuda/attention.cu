/* Causal grouped-query attention of whole sequences (spec T3.1): a block has a tile of queries of one head and walks the keys twice, for
 * the exact maximum of each row, then for the sum and the weighted values. Scores live in registers and one tile of weights; none is
 * stored.
 *
 * Floor. Of the T (n + 1) / 2 pairs a head: 3 d fmas a pair (2 d for the two times that a score is made, d for the values), one exp, which
 * is 20 binary64 operations, and 4 additions. Bytes: q and o once, k twice and v once for each tile of 128 queries, from the second-level
 * cache. So fmas are the floor: at 67 Tflop/s (H200, fp32) 3 d * 2 / 67e12 s a pair, and binary64 at half that rate adds 20 / (1.5 d) to
 * it: 21 % at d = 64, 10 % at d = 128. The second score is what an exact maximum costs (a third of the fmas). */
#include "attention_tile.cuh"

using namespace sl;

namespace {

struct forward_problem {
  float *o, *row_max, *row_scale;
  const float *q, *k, *v;
  const uint32_t *seq;
  size_t n_seq, heads, kv_heads, d, tiles;
  float scale;
  bool vector;
};

/* One tile of queries: rows [row, row + count) of a sequence of n, at one head; element 0 of them, and of the sequence's keys. */
struct query_tile {
  size_t row, count, query_step, key_step, key_tiles;
  const float *q, *k, *v;
};

}  // namespace

/* Shared memory of a block. */
template <class Tile>
struct forward_memory {
  float q[Tile::rows * Tile::pitch], rows[2][Tile::cols * Tile::pitch], weights[Tile::rows * Tile::weight_pitch];
  float row[Tile::warp_cols][Tile::rows]; /* maxima of a row by warps; then [0] its 1 / l */
};

template <class Tile>
static __device__ __forceinline__ void load_keys(const attention_copy<Tile> &how, float *to, const float *from, const query_tile &t,
                                                 size_t tile) {
  const size_t first = tile * Tile::cols, end = t.row + t.count;
  if (tile < t.key_tiles) how.load(to, from + first * t.key_step, t.key_step, end - first, Tile::cols);
  __pipeline_commit();
}

/* The first pass: rows' exact maxima of this thread's columns of all tiles (spec N3.7). */
template <class Tile>
static __device__ __forceinline__ void row_maxima(float (&max)[Tile::rows_each], forward_memory<Tile> &memory,
                                                  const attention_place<Tile> &at, const attention_copy<Tile> &how, const query_tile &t,
                                                  float scale) {
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++) max[m] = -INFINITY;
  load_keys(how, memory.rows[0], t.k, t, 0);
#pragma unroll 1
  for (size_t tile = 0; tile < t.key_tiles; tile++) {
    load_keys(how, memory.rows[(tile + 1) % 2], t.k, t, tile + 1);
    __pipeline_wait_prior(1);
    __syncthreads();
    float s[Tile::rows_each][Tile::cols_each];
    tile_dots<Tile>(s, at, how.d, memory.q, memory.rows[tile % 2]);
#pragma unroll
    for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
      for (int e = 0; e < Tile::cols_each; e++) {
        const float x = __fmul_rn(s[m][e], scale);
        const size_t key = tile * Tile::cols + static_cast<size_t>(at.col + 8 * e), last = t.row + static_cast<size_t>(at.row + 4 * m);
        if (key <= last && x > max[m]) max[m] = x;
      }
    if (!SL_PLANTED(attention_no_barrier)) __syncthreads();
  }
  __pipeline_wait_prior(0);
}

/* Every thread of a row gets the row's maximum. */
template <class Tile>
static __device__ __forceinline__ void share_maxima(float (&max)[Tile::rows_each], forward_memory<Tile> &memory,
                                                    const attention_place<Tile> &at) {
  const int warp_col = static_cast<int>(threadIdx.x) / lanes % Tile::warp_cols;
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++) {
    for (int h = 4; h > 0; h /= 2) {
      const float other = __shfl_xor_sync(SL_PLANTED(attention_half_mask) ? 0xffffu : all_lanes, max[m], h);
      max[m] = other > max[m] ? other : max[m];
    }
    if (lane_of_thread() % 8 == 0) memory.row[warp_col][at.row + 4 * m] = max[m];
  }
  __syncthreads();
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++) {
    for (int w = 0; w < Tile::warp_cols; w++) {
      const float other = memory.row[w][at.row + 4 * m];
      max[m] = other > max[m] ? other : max[m];
    }
    max[m] = __fadd_rn(max[m], 0.0f);
  }
}

/* Weights exp(s - M) of one tile; +0 where the row does not see the key. */
template <class Tile>
static __device__ __forceinline__ void tile_weights(forward_memory<Tile> &memory, const float (&max)[Tile::rows_each],
                                                    const attention_place<Tile> &at, const attention_copy<Tile> &how, const query_tile &t,
                                                    size_t tile, float scale) {
  float s[Tile::rows_each][Tile::cols_each];
  tile_dots<Tile>(s, at, how.d, memory.q, memory.rows[0]);
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
    for (int e = 0; e < Tile::cols_each; e++) {
      const size_t key = tile * Tile::cols + static_cast<size_t>(at.col + 8 * e), last = t.row + static_cast<size_t>(at.row + 4 * m);
      float w = 0.0f;
      if (key <= last + SL_PLANTED(attention_late_tail)) w = sl_fn_exp(__fadd_rn(__fmul_rn(s[m][e], scale), -max[m]));
      memory.weights[(at.row + 4 * m) * Tile::weight_pitch + at.col + 8 * e] = w;
    }
}

/* Sums of rows (spec N3.6, N3.5): a warp has the rows warp, warp + warps, ...; a lane its keys. */
template <class Tile>
struct row_sums {
  static constexpr int each = Tile::rows / Tile::warps;
  float lane_sum[each], total[each];
  __device__ __forceinline__ row_sums() {
#pragma unroll
    for (int i = 0; i < each; i++) lane_sum[i] = total[i] = 0.0f;
  }
  __device__ __forceinline__ void flush() {
#pragma unroll
    for (int i = 0; i < each; i++) {
      total[i] = __fadd_rn(total[i], warp_sum(lane_sum[i]));
      lane_sum[i] = 0.0f;
    }
  }
  /* Adds a tile of weights whose first key has that index. Keys that a row does not see are +0, which does not show. */
  __device__ __forceinline__ void add(const float *weights, size_t first) {
    const int lane = lane_of_thread(), warp = static_cast<int>(threadIdx.x) / lanes;
    const int start = (lane - static_cast<int>(first % lanes) + lanes) % lanes;
#pragma unroll
    for (int i = 0; i < each; i++)
#pragma unroll
      for (int j = 0; j < Tile::cols; j += lanes)
        if (start + j < Tile::cols)
          lane_sum[i] = __fadd_rn(lane_sum[i], weights[(warp + i * Tile::warps) * Tile::weight_pitch + start + j]);
    if ((first + Tile::cols) % sum_chunk == 0) flush();
  }
};

template <class Tile>
static __device__ __forceinline__ void store_rows(const forward_problem &a, const attention_sums<Tile> &values,
                                                  forward_memory<Tile> &memory, const attention_place<Tile> &at,
                                                  const attention_copy<Tile> &how, const query_tile &t, const float (&max)[Tile::rows_each],
                                                  size_t stat) {
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++) {
    const size_t row = static_cast<size_t>(at.row + 4 * m);
    if (row >= t.count) continue;
    const float inverse = memory.row[0][row];
    if (at.col == 0) a.row_max[stat + row * a.heads] = max[m], a.row_scale[stat + row * a.heads] = inverse;
    store_row(values, at, how, m, a.o + (t.q - a.q) + row * t.query_step, inverse, true);
  }
}

/* The second pass: keys in rows[0], values in rows[1]; each is copied while the other is in use. */
template <class Tile>
static __device__ __forceinline__ void weigh_values(const forward_problem &a, forward_memory<Tile> &memory, const attention_place<Tile> &at,
                                                    const attention_copy<Tile> &how, const query_tile &t,
                                                    const float (&max)[Tile::rows_each], size_t stat) {
  attention_sums<Tile> values;
  row_sums<Tile> sums;
  load_keys(how, memory.rows[0], t.k, t, 0);
  load_keys(how, memory.rows[1], t.v, t, 0);
#pragma unroll 1
  for (size_t tile = 0; tile < t.key_tiles; tile++) {
    const size_t first = tile * Tile::cols;
    __pipeline_wait_prior(1);
    __syncthreads();
    tile_weights(memory, max, at, how, t, tile, a.scale);
    __pipeline_wait_prior(0);
    __syncthreads();
    load_keys(how, memory.rows[0], t.k, t, tile + 1);
    sums.add(memory.weights, first);
    const int seen = static_cast<int>(t.row + static_cast<size_t>(at.row) + 1 + SL_PLANTED(attention_late_tail) - first);
    tile_product(values, at, how.d, first + Tile::cols > t.row + 1, memory.weights, memory.rows[1], attention_window{0, seen, 0, 4}, first);
    __syncthreads();
    load_keys(how, memory.rows[1], t.v, t, tile + 1);
  }
  __pipeline_wait_prior(0);
  values.flush(), sums.flush();
#pragma unroll
  for (int i = 0; i < row_sums<Tile>::each; i++)
    if (lane_of_thread() == 0) memory.row[0][static_cast<int>(threadIdx.x) / lanes + i * Tile::warps] = __fdiv_rn(1.0f, sums.total[i]);
  __syncthreads();
  store_rows(a, values, memory, at, how, t, max, stat);
}

template <class Tile>
static __global__ void __launch_bounds__(Tile::threads, 1) attention_forward_kernel(forward_problem a) {
  SL_DYNAMIC_SHARED(float4, dynamic); /* for its alignment */
  forward_memory<Tile> &memory = *reinterpret_cast<forward_memory<Tile> *>(dynamic);
  const attention_place<Tile> at;
  const attention_copy<Tile> how(a.d, a.vector);
  how.fill(memory.q, Tile::rows), how.fill(memory.rows[0], Tile::cols), how.fill(memory.rows[1], Tile::cols);
  const size_t columns = a.n_seq * a.heads;
  for (size_t x = blockIdx.x; x < columns * a.tiles; x += gridDim.x) { /* late tiles, which have the most keys, first */
    const size_t s = x % columns / a.heads, h = x % a.heads, row = (a.tiles - 1 - x / columns) * Tile::rows;
    const size_t first = a.seq[s], n = a.seq[s + 1] - first;
    if (row >= n) continue;
    const size_t count = n - row < Tile::rows ? n - row : Tile::rows, stat = (first + row) * a.heads + h;
    const size_t kv = (first * a.kv_heads + h / (a.heads / a.kv_heads)) * a.d;
    const query_tile t = {row,      count,   a.heads * a.d, a.kv_heads * a.d, (row + count + Tile::cols - 1) / Tile::cols, a.q + stat * a.d,
                          a.k + kv, a.v + kv};
    how.load(memory.q, t.q, t.query_step, count, Tile::rows);
    float max[Tile::rows_each];
    row_maxima(max, memory, at, how, t, a.scale);
    share_maxima(max, memory, at);
    weigh_values(a, memory, at, how, t, max, stat);
    __syncthreads();
  }
}

/* False where the device has not the shared memory for the tile. */
template <class Tile>
static bool launch_forward(sl_context *ctx, forward_problem a) {
  constexpr size_t bytes = sizeof(forward_memory<Tile>);
  if (!shared_granted(attention_forward_kernel<Tile>, bytes)) return false;
  a.tiles = (ctx->device->longest + Tile::rows - 1) / Tile::rows;
  SL_LAUNCH(attention_forward_kernel<Tile>, grid_for(a.n_seq * a.heads * a.tiles), Tile::threads, bytes, ctx->device->stream, a);
  return true;
}

/* Shared memory of the tiles: 106, 171 and 217 KiB, for devices with 227 (compute capability 9.0); the others need 77 and 87 KiB. */
static bool choose_forward(sl_context *ctx, const forward_problem &a) {
  if (ctx->device->smallest_tiles && a.d <= 32) return launch_forward<attention_tile<2, 1, 1, 1, 1>>(ctx, a);
  if (a.d <= 64 && launch_forward<attention_tile<4, 2, 8, 4, 1>>(ctx, a)) return true;
  if (a.d <= 128)
    return (a.d > 64 && launch_forward<attention_tile<4, 2, 8, 4, 2>>(ctx, a)) || launch_forward<attention_tile<4, 2, 4, 2, 2>>(ctx, a);
  return launch_forward<attention_tile<2, 4, 8, 2, 2>>(ctx, a) || launch_forward<attention_tile<1, 4, 4, 1, 2>>(ctx, a);
}

sl_status SL_DEVICE_NAME(attention_forward)(sl_context *ctx, float *o, float *row_max, float *row_scale, const float *q, const float *k,
                                            const float *v, const uint32_t *seq, size_t n_seq, size_t heads, size_t kv_heads, size_t d) {
  if (d > 256) return attention_too_large(ctx, "attention_forward", d);
  const sl_status status = sl_device_offsets(ctx, seq, n_seq);
  if (status || ctx->device->longest == 0) return status;
  const void *const pointers[] = {o, q, k, v};
  const forward_problem a = {
      o, row_max, row_scale, q, k, v, ctx->device->seq, n_seq, heads, kv_heads, d, 0, attention_scale(d), copies_vectors(d, pointers, 4)};
  if (!choose_forward(ctx, a)) return attention_too_large(ctx, "attention_forward", d);
  return sl_device_status(ctx, "attention_forward");
}
