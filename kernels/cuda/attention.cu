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
#include "attention_chunk.cuh"

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
