/* One chunk of keys in a warp of attention.cu: scores, maxima and weights, and what the rows' M, L
 * and O take of it (spec T3.1). */
#ifndef SLUICE_CUDA_ATTENTION_CHUNK_CUH
#define SLUICE_CUDA_ATTENTION_CHUNK_CUH

#include "attention_tile.cuh"

namespace sl {

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

}  // namespace sl

#endif
