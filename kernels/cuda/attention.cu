/* Causal grouped-query attention of whole sequences (spec T3.1): a block has a tile of queries of
 * one head and walks the keys once, a tile of keys being one key chunk. A warp has its own rows and
 * every key and component of them, so all that its threads tell one another - a row's maximum, its
 * weights - stays in the warp; blocks meet only where a tile of keys or values is copied.
 *
 * Floor. Of the T (n + 1) / 2 pairs per head: 2 d fmas per pair (its score, its values) and one
 * exp: 16 binary64 operations and 2 conversions. Bytes: q and o once; k and v once for each tile of
 * queries, 128 of them for d <= 64, else 64, from the second-level cache: 4 and 8 bytes per cycle
 * and multiprocessor, of some 25. So fmas are the floor: at 67 Tflop/s (H200, binary32) 4 d / 67e12
 * s a pair.
 *
 * What is issued beside them, one instruction a cycle and scheduler, counted in sm_90 code for a
 * warp and a chunk of which every row sees every key: d <= 64 (32 rows): 8192 fmas; 800 loads and
 * steps of their loops (279 and 283 instructions for 256 fmas); 2100 of the softmax, 1560 of them
 * the 65 exps; 400 to lay down weights, join and copy. 71 % of the fma floor. d <= 128 (16 rows):
 * 8192, 1100 (147 for 128, 287 for 256), 1050 and 550: 75 %. Binary64 has half the rate: 2 * 16 *
 * 65 of 11500 cycles, which the scheduler's other warp fills unless both are in a softmax at once;
 * two blocks a multiprocessor see to that. Shared memory: two cycles a load of 16 bytes, some 40 %
 * of the time. A chunk on the diagonal costs its whole scores and the values as far as the warp's
 * last row sees: a third of a chunk too much for each warp. */
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

/* One tile of queries: rows [row, row + count) of a sequence of n, at one head; element 0 of them,
 * and of the sequence's keys. */
struct query_tile {
  size_t row, count, query_step, key_step, key_tiles;
  const float *q, *k, *v;
};

constexpr int rows_at_most(int rows_each) {
  return rows_each < key_chunk / 4 ? rows_each : key_chunk / 4;
}

/* Warps of 4 RowsEach rows by one key chunk and 32 Parts components. A chunk's weights are laid
 * down in WeightParts turns, in less shared memory. Both: keys and values have a place each, and
 * one is copied while the other is in use; else they take turns in one. */
template <int Warps, int RowsEach, int Parts, int WeightParts, bool Both>
struct forward_tile : attention_tile<Warps, 1, rows_at_most(RowsEach), key_chunk / 8, Parts> {
  typedef attention_tile<Warps, 1, rows_at_most(RowsEach), key_chunk / 8, Parts> base;
  static constexpr bool both = Both;
  static constexpr int warp_size = 4 * base::rows_each; /* rows of a warp */
  static constexpr int turns = WeightParts < base::cols_each ? WeightParts : base::cols_each;
  static constexpr int turn_each = base::cols_each / turns, turn_cols = 8 * turn_each,
                       weight_pitch = turn_cols + 8;
  /* Components whose chains are made at once, and how often that is done. */
  static constexpr int chain_parts = Parts <= 4 ? Parts : 4, chain_groups = Parts / chain_parts;
  static_assert(base::cols == key_chunk && base::cols_each <= 8,
                "a tile is a chunk; lanes of its sum take two weights at most");
  static_assert(key_chunk % warp_size == 0,
                "a warp that sees a key of a chunk has no row that sees none");
  static_assert(turns == 1 || (turns == 2 && chain_groups == 1), "weights are laid down once");
};

/* A thread's share of its rows: M, L and O of the clause. The eight threads of a row have the same
 * M and L. */
template <class Tile>
struct forward_rows {
  float max[Tile::rows_each], sum[Tile::rows_each], o[Tile::rows_each][4 * Tile::parts];
};

}  // namespace

/* Shared memory of a block. */
template <class Tile>
struct forward_memory {
  float q[Tile::rows * Tile::pitch], keys[Tile::cols * Tile::pitch],
      values[Tile::both ? Tile::cols * Tile::pitch : 4];
  float weights[Tile::rows * Tile::weight_pitch];
};

template <class Tile>
static __device__ __forceinline__ void load_tile(const attention_copy<Tile> &copy, float *to,
                                                 const float *from, const query_tile &t,
                                                 size_t tile) {
  const size_t first = tile * Tile::cols, end = t.row + t.count;
  if (tile < t.key_tiles)
    copy.load(to, from + first * t.key_step, t.key_step, end - first, Tile::cols);
  __pipeline_commit();
}

/* The value of thread tx of this thread's rows. */
static __device__ __forceinline__ float of_column(float x, int tx) {
  return __shfl_sync(all_lanes, x, (lane_of_thread() & ~14) | 2 * tx);
}

/* Scores of a chunk; those of keys that a row does not see are -inf, whose weight is +0. `seen`:
 * keys that this thread's row 0 sees; `full`: that all rows of the warp see. */
template <class Tile>
static __device__ __forceinline__ void chunk_scores(float (&s)[Tile::rows_each][Tile::cols_each],
                                                    const attention_place<Tile> &at, int d,
                                                    const float *q, const float *keys, float scale,
                                                    int full, int seen) {
  tile_dots<Tile>(s, at, d, q, keys);
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
    for (int e = 0; e < Tile::cols_each; e++) {
      s[m][e] = __fmul_rn(s[m][e], scale);
    }
  if (full >= Tile::cols) return;
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
    for (int e = 0; e < Tile::cols_each; e++)
      if (at.col + 8 * e >= seen + 4 * m) s[m][e] = -INFINITY;
}

/* The rows' maxima of a chunk (spec N3.7). */
template <class Tile>
static __device__ __forceinline__ void chunk_maxima(
    float (&max)[Tile::rows_each], const float (&s)[Tile::rows_each][Tile::cols_each]) {
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++) {
    max[m] = s[m][0];
#pragma unroll
    for (int e = 1; e < Tile::cols_each; e++) max[m] = fmaxf(max[m], s[m][e]);
    for (int h = 8; h > 1; h /= 2)
      max[m] = fmaxf(max[m], __shfl_xor_sync(SL_PLANTED(attention_half_mask) ? 0xffffu : all_lanes,
                                             max[m], h));
    max[m] = __fadd_rn(max[m], 0.0f);
  }
}

/* Weights in place of scores, and their lane-and-butterfly sum (spec N3.6): lane j of it is the
 * column j % 8, so that all steps but the last three are of one thread. Adding +0 to a sum of
 * weights does not change it. */
template <class Tile>
static __device__ __forceinline__ void chunk_weights(float (&sum)[Tile::rows_each],
                                                     float (&s)[Tile::rows_each][Tile::cols_each],
                                                     const float (&max)[Tile::rows_each]) {
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++) {
    float lane[Tile::cols_each];
#pragma unroll
    for (int e = 0; e < Tile::cols_each; e++)
      lane[e] = s[m][e] = sl_fn_exp(__fadd_rn(s[m][e], -max[m]));
#pragma unroll
    for (int h = Tile::cols_each / 2; h > 0; h /= 2)
#pragma unroll
      for (int e = 0; e < h; e++) lane[e] = __fadd_rn(lane[e], lane[e + h]);
    for (int h = 8; h > 1; h /= 2)
      lane[0] = __fadd_rn(lane[0], __shfl_xor_sync(all_lanes, lane[0], h));
    sum[m] = lane[0];
  }
}

/* M and L of the rows take a chunk, O is multiplied by a; b becomes the factor of the chunk's
 * values. One of a and b is 1, so a row and chunk need one exp: thread tx makes that of row tx. */
template <class Tile>
static __device__ __forceinline__ void join(forward_rows<Tile> &rows, float (&b)[Tile::rows_each],
                                            const float (&max)[Tile::rows_each],
                                            const float (&sum)[Tile::rows_each], int tx) {
  float x[Tile::rows_each];
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++)
    x[m] = __fadd_rn(fminf(rows.max[m], max[m]), -fmaxf(rows.max[m], max[m]));
#pragma unroll
  for (int h = Tile::rows_each / 2; h > 0; h /= 2)
#pragma unroll
    for (int m = 0; m < h; m++) x[m] = tx & h ? x[m + h] : x[m];
  const float factor = sl_fn_exp(x[0]);
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++) {
    const float joined = fmaxf(rows.max[m], max[m]), of_row = of_column(factor, m);
    const bool swapped = SL_PLANTED(attention_factors_swapped) && rows.max[m] > -INFINITY;
    const float a = (swapped ? max[m] : rows.max[m]) < joined ? of_row : 1.0f;
    b[m] = (swapped ? rows.max[m] : max[m]) < joined ? of_row : 1.0f;
    rows.sum[m] = __fmaf_rn(sum[m], b[m], __fmul_rn(rows.sum[m], a));
    rows.max[m] = joined;
#pragma unroll
    for (int c = 0; c < 4 * Tile::parts; c++) rows.o[m][c] = __fmul_rn(rows.o[m][c], a);
  }
}

/* The chunk's chains take the keys [0, turn_cols) of one turn. Of them all rows of the warp see
 * those below `full`, none those from `end`. */
template <class Tile>
static __device__ __forceinline__ void weigh_turn(
    float (&chain)[Tile::rows_each][4 * Tile::chain_parts], const float *weights,
    const float *values, int full, int end, int seen) {
  const attention_window window = {0, seen, 0, 4};
  int j = 0;
#pragma unroll 1
  for (; j < Tile::turn_cols && j + 4 <= full; j += 4)
    product_run<Tile, false, Tile::chain_parts>(chain, weights, values, window, j);
#pragma unroll 1
  for (; j < Tile::turn_cols && j < end; j += 4)
    product_run<Tile, true, Tile::chain_parts>(chain, weights, values, window, j);
}

/* Weights of a turn into the warp's part of shared memory, from the thread's first place in it. */
template <class Tile, int Turn>
static __device__ __forceinline__ void lay_weights(
    float *weights, const float (&s)[Tile::rows_each][Tile::cols_each], int col) {
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
    for (int e = 0; e < Tile::turn_each; e++)
      weights[4 * m * Tile::weight_pitch + col + 8 * e] = s[m][Turn * Tile::turn_each + e];
  if (!SL_PLANTED(attention_no_warp_barrier)) __syncwarp();
}

/* The components from a group on take the chunk: its chains, then O. The weights are there, but for
 * the second turn's. */
template <class Tile, int Group>
static __device__ __forceinline__ void weigh_groups(
    forward_rows<Tile> &rows, const float (&s)[Tile::rows_each][Tile::cols_each],
    const float (&b)[Tile::rows_each], float *weights, const float *values, int col, int full,
    int end, int seen) {
  float chain[Tile::rows_each][4 * Tile::chain_parts];
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
    for (int c = 0; c < 4 * Tile::chain_parts; c++) chain[m][c] = 0.0f;
  weigh_turn<Tile>(chain, weights, values, full, end, seen);
  if constexpr (Tile::turns > 1) {
    constexpr int first = Tile::turn_cols;
    __syncwarp();
    lay_weights<Tile, 1>(weights, s, col);
    weigh_turn<Tile>(chain, weights, values + first * Tile::pitch, full - first, end - first,
                     seen - first);
  }
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
    for (int c = 0; c < 4 * Tile::chain_parts; c++) {
      float *const o = &rows.o[m][4 * Group * Tile::chain_parts + c];
      *o = __fmaf_rn(chain[m][c], b[m], *o);
    }
  if constexpr (Group + 1 < Tile::chain_groups)
    weigh_groups<Tile, Group + 1>(rows, s, b, weights, values + Tile::chain_parts * lanes, col,
                                  full, end, seen);
}

/* O takes the chunk. full, end and seen as above, of the tile. */
template <class Tile>
static __device__ __forceinline__ void weigh(forward_rows<Tile> &rows,
                                             const float (&s)[Tile::rows_each][Tile::cols_each],
                                             const float (&b)[Tile::rows_each], float *weights,
                                             const float *values, const attention_place<Tile> &at,
                                             int d, int full, int end, int seen) {
  weights += at.row * Tile::weight_pitch, values += at.component;
  lay_weights<Tile, 0>(weights, s, at.col);
  if (at.component >= d) full = end = 0; /* none of its components are there */
  weigh_groups<Tile, 0>(rows, s, b, weights, values, at.col, full, end, seen);
}

/* All keys of a tile of queries. When it begins, the copies of the queries and of tile 0 of keys
 * and values have been started. */
template <class Tile>
static __device__ __forceinline__ void walk_keys(forward_rows<Tile> &rows, const forward_problem &a,
                                                 forward_memory<Tile> &memory,
                                                 const attention_place<Tile> &at,
                                                 const attention_copy<Tile> &copy,
                                                 const query_tile &t) {
  float *const values = Tile::both ? memory.values : memory.keys;
  const int tx = lane_of_thread() / 2 % 8,
            warp_row = static_cast<int>(threadIdx.x) / lanes * Tile::warp_size;
  load_tile(copy, memory.keys, t.k, t, 0);
#pragma unroll 1
  for (size_t tile = 0; tile < t.key_tiles; tile++) {
    /* keys of the tile that the warp's first row sees; a warp without a row, or whose last row sees
     * none, only copies */
    const int full = static_cast<int>(t.row + 1 - tile * Tile::cols) + warp_row +
                     SL_PLANTED(attention_late_tail);
    const int end = full + Tile::warp_size - 1, seen = full - warp_row + at.row;
    const bool works = end > 0 && static_cast<size_t>(warp_row) < t.count;
    float s[Tile::rows_each][Tile::cols_each], b[Tile::rows_each] = {};
    clear<Tile>(s);
    __pipeline_wait_prior(0);
    __syncthreads();
    if (Tile::both) load_tile(copy, values, t.v, t, tile);
    if (works) chunk_scores<Tile>(s, at, copy.d, memory.q, memory.keys, a.scale, full, seen);
    if (!Tile::both) {
      __syncthreads();
      load_tile(copy, values, t.v, t, tile);
    }
    if (works) {
      float max[Tile::rows_each], sum[Tile::rows_each];
      chunk_maxima<Tile>(max, s);
      chunk_weights<Tile>(sum, s, max);
      join(rows, b, max, sum, tx);
    }
    __pipeline_wait_prior(0);
    if (!SL_PLANTED(attention_no_barrier)) __syncthreads();
    if (Tile::both) load_tile(copy, memory.keys, t.k, t, tile + 1);
    if (works) weigh(rows, s, b, memory.weights, values, at, copy.d, full, end, seen);
    if (!Tile::both) {
      __syncthreads();
      load_tile(copy, memory.keys, t.k, t, tile + 1);
    }
  }
  __pipeline_wait_prior(0);
}

template <class Tile>
static __global__ void __launch_bounds__(Tile::threads, 1)
    attention_forward_kernel(forward_problem a) {
  SL_DYNAMIC_SHARED(float4, dynamic); /* for its alignment */
  forward_memory<Tile> &memory = *reinterpret_cast<forward_memory<Tile> *>(dynamic);
  const attention_place<Tile> at;
  const attention_copy<Tile> copy(a.d, a.vector);
  copy.fill(memory.q, Tile::rows), copy.fill(memory.keys, Tile::cols);
  if (Tile::both) copy.fill(memory.values, Tile::cols);
  const size_t columns = a.n_seq * a.heads;
  for (size_t x = blockIdx.x; x < columns * a.tiles;
       x += gridDim.x) { /* late tiles, which have the most keys, first */
    const size_t s = x % columns / a.heads, h = x % a.heads,
                 row = (a.tiles - 1 - x / columns) * Tile::rows;
    const size_t first = a.seq[s], n = a.seq[s + 1] - first;
    if (row >= n) continue;
    const size_t count = n - row < Tile::rows ? n - row : Tile::rows,
                 stat = (first + row) * a.heads + h;
    const size_t kv = (first * a.kv_heads + h / (a.heads / a.kv_heads)) * a.d;
    const query_tile t = {row,
                          count,
                          a.heads * a.d,
                          a.kv_heads * a.d,
                          (row + count + Tile::cols - 1) / Tile::cols,
                          a.q + stat * a.d,
                          a.k + kv,
                          a.v + kv};
    copy.load(memory.q, t.q, t.query_step, count, Tile::rows);
    forward_rows<Tile> rows;
#pragma unroll
    for (int m = 0; m < Tile::rows_each; m++) {
      rows.max[m] = -INFINITY, rows.sum[m] = 0.0f;
#pragma unroll
      for (int c = 0; c < 4 * Tile::parts; c++) rows.o[m][c] = 0.0f;
    }
    walk_keys(rows, a, memory, at, copy, t);
#pragma unroll
    for (int m = 0; m < Tile::rows_each; m++) {
      const size_t r = static_cast<size_t>(at.row + 4 * m);
      if (r >= count) continue;
      const float inverse = __fdiv_rn(1.0f, rows.sum[m]);
      if (at.col == 0)
        a.row_max[stat + r * a.heads] = rows.max[m], a.row_scale[stat + r * a.heads] = inverse;
#pragma unroll
      for (int c = 0; c < 4 * Tile::parts; c++)
        rows.o[m][c] = __fadd_rn(__fmul_rn(inverse, rows.o[m][c]), 0.0f);
      store_row<Tile>(rows.o, at, copy, m, a.o + (t.q - a.q) + r * t.query_step, 1.0f, false);
    }
    __syncthreads();
  }
}

/* False where the device has not the shared memory for the tile. */
template <class Tile>
static bool launch_forward(sl_context *ctx, forward_problem a) {
  constexpr size_t bytes = sizeof(forward_memory<Tile>);
  if (!shared_granted(attention_forward_kernel<Tile>, bytes)) return false;
  a.tiles = (ctx->device->longest + Tile::rows - 1) / Tile::rows;
  SL_LAUNCH(attention_forward_kernel<Tile>, grid_for(a.n_seq * a.heads * a.tiles), Tile::threads,
            bytes, ctx->device->stream, a);
  return true;
}

/* Shared memory of the tiles, KiB: 104, or 69 where there are 99 (compute capability 8.9); 109, or
 * 88; 213, or 148 where there are 163 (8.0), or 86. Two blocks of the first of 104 or of 109 are on
 * a multiprocessor with 228. */
static bool choose_forward(sl_context *ctx, const forward_problem &a) {
  if (ctx->device->smallest_tiles && a.d <= 32)
    return launch_forward<forward_tile<2, 1, 1, 2, true>>(ctx, a);
  if (a.d <= 64)
    return launch_forward<forward_tile<4, 8, 2, 1, true>>(ctx, a) ||
           launch_forward<forward_tile<2, 8, 2, 1, true>>(ctx, a);
  if (a.d <= 128)
    return launch_forward<forward_tile<4, 4, 4, 2, true>>(ctx, a) ||
           launch_forward<forward_tile<2, 4, 4, 2, true>>(ctx, a);
  return launch_forward<forward_tile<8, 2, 8, 1, true>>(ctx, a) ||
         launch_forward<forward_tile<8, 2, 8, 1, false>>(ctx, a) ||
         launch_forward<forward_tile<2, 2, 8, 1, false>>(ctx, a);
}

sl_status SL_DEVICE_NAME(attention_forward)(sl_context *ctx, float *o, float *row_max,
                                            float *row_scale, const float *q, const float *k,
                                            const float *v, const uint32_t *seq, size_t n_seq,
                                            size_t heads, size_t kv_heads, size_t d) {
  if (d > 256) return attention_too_large(ctx, "attention_forward", d);
  const sl_status status = sl_device_offsets(ctx, seq, n_seq);
  if (status || ctx->device->longest == 0) return status;
  const void *const pointers[] = {o, q, k, v};
  const forward_problem a = {o,
                             row_max,
                             row_scale,
                             q,
                             k,
                             v,
                             ctx->device->seq,
                             n_seq,
                             heads,
                             kv_heads,
                             d,
                             0,
                             attention_scale(d),
                             copies_vectors(d, pointers, 4)};
  if (!choose_forward(ctx, a)) return attention_too_large(ctx, "attention_forward", d);
  return sl_device_status(ctx, "attention_forward");
}
