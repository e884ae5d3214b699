/* Gradient of causal grouped-query attention (spec T3.4). Two kernels of one text: a block owns a
 * tile of queries and walks the keys for dq, or owns a tile of keys and walks the heads of its
 * group, in each the queries, for dk and dv. Both make scores and dp again, so nothing of size T x
 * T is stored, and no result has two writers: no atomics.
 *
 * Floor. 3 d fmas per pair for dq, 4 d for dk and dv, twice an exp (16 binary64 operations): at 67
 * Tflop/s 14 d / 67e12 s a pair and a head, and binary64 at half that rate adds 32 / (3.5 d): 14 %
 * at d = 64. (5 d fmas would do if scores were made once; that takes atomics or storage.) Bytes: q,
 * k, v, o, do and the gradients once, the walked pair of rows once for each tile of 64, from the
 * second-level cache. */
#include "attention_tile.cuh"

using namespace sl;

namespace {

struct backward_problem {
  float *dq, *dk, *dv;
  const float *d_o, *q, *k, *v, *row_max, *row_scale, *delta; /* delta (T, H): D of the clause */
  const uint32_t *seq;
  size_t n_seq, heads, kv_heads, d, tiles;
  float scale;
  bool vector;
};

/* Rows of two arrays that lie alike, from their first at the sequence's first token. */
struct row_pair {
  const float *a, *b;
  size_t step;
};

}  // namespace

/* Shared memory of a block. own: the tile's rows of q and do (k and v); walked: those of k and v (q
 * and do). */
template <class Tile, bool Keys>
struct backward_memory {
  static constexpr int stats = Keys ? Tile::cols : Tile::rows;
  float own[2][Tile::rows * Tile::pitch], walked[2][Tile::cols * Tile::pitch];
  float ds[Tile::rows * Tile::weight_pitch], p[Keys ? Tile::rows * Tile::weight_pitch : 1];
  float row_max[stats], row_scale[stats], delta[stats]; /* of the tile's queries */
};

/* spec T3.4's D; one thread per row, four components at a time where they can be loaded so. */
static __global__ void attention_delta_kernel(float *delta, const float *d_o, const float *o,
                                              size_t rows, size_t d, bool vector) {
  for (size_t i = thread_of_grid(); i < rows; i += threads_of_grid()) {
    float total = 0.0f;
    for (size_t begin = 0; begin < d; begin += dot_chunk) {
      const size_t end = begin + dot_chunk < d ? begin + dot_chunk : d;
      float chain = 0.0f;
      if (vector)
        for (size_t c = begin; c < end; c += 4)
          chain = dot4(load4(d_o + i * d + c), load4(o + i * d + c), chain);
      else
        for (size_t c = begin; c < end; c++) chain = __fmaf_rn(d_o[i * d + c], o[i * d + c], chain);
      total = __fadd_rn(total, chain);
    }
    delta[i] = total;
  }
}

/* Statistics of up to n queries from `row` of (T, H) arrays; the caller synchronises. */
template <class Tile, class Memory>
static __device__ __forceinline__ void load_statistics(Memory &memory, const backward_problem &a,
                                                       size_t at, size_t count) {
  for (int i = static_cast<int>(threadIdx.x); i < Memory::stats; i += Tile::threads) {
    const bool is_present = static_cast<size_t>(i) < count;
    const size_t row = at + static_cast<size_t>(i) * a.heads;
    memory.row_max[i] = is_present ? a.row_max[row] : 0.0f;
    memory.row_scale[i] = is_present ? a.row_scale[row] : 0.0f;
    memory.delta[i] = is_present ? a.delta[row] : 0.0f;
  }
}

/* P and ds of the tile's pairs (spec T3.4); +0 for those that the mask leaves out. window: of the
 * walked rows for each own row. */
template <class Tile, bool Keys>
static __device__ __forceinline__ void tile_pairs(backward_memory<Tile, Keys> &memory,
                                                  const attention_place<Tile> &at, int d,
                                                  const attention_window &window, float scale) {
  float s[Tile::rows_each][Tile::cols_each], dp[Tile::rows_each][Tile::cols_each];
  tile_dots<Tile>(s, at, d, memory.own[0], memory.walked[0]);
  tile_dots<Tile>(dp, at, d, memory.own[1], memory.walked[1]);
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
    for (int e = 0; e < Tile::cols_each; e++) {
      const int row = at.row + 4 * m, col = at.col + 8 * e, query = Keys ? col : row;
      float p = 0.0f, ds = 0.0f;
      if (window.holds(col, m)) {
        const float x = __fadd_rn(__fmul_rn(s[m][e], scale), -memory.row_max[query]);
        p = __fmul_rn(sl_fn_exp(x), memory.row_scale[query]);
        ds = __fmul_rn(p, __fadd_rn(dp[m][e], -memory.delta[query]));
      }
      memory.ds[row * Tile::weight_pitch + col] = ds;
      if (Keys) memory.p[row * Tile::weight_pitch + col] = p;
    }
}

/* One walk: tiles of `pair` from index `first` (a multiple of the tile) to `end`; of own row r,
 * indices [low, high) with r added where the side moves. own_first is the index of own row 0. */
template <class Tile, bool Keys>
static __device__ __forceinline__ void walk(
    const backward_problem &a, backward_memory<Tile, Keys> &memory, const attention_place<Tile> &at,
    const attention_copy<Tile> &copy, const row_pair &pair, size_t own_first, size_t end,
    size_t stat, attention_sums<Tile> &from_ds, attention_sums<Tile> &from_p) {
  const int d = copy.d, own = static_cast<int>(own_first) + at.row;
  size_t first = Keys ? own_first / Tile::cols * Tile::cols : 0;
  copy.load(memory.walked[0], pair.a + first * pair.step, pair.step, end - first, Tile::cols);
  copy.load(memory.walked[1], pair.b + first * pair.step, pair.step, end - first, Tile::cols);
#pragma unroll 1
  for (; first < end; first += Tile::cols) {
    const size_t next = first + Tile::cols;
    const int from = static_cast<int>(first), left = static_cast<int>(end - first);
    const attention_window window =
        Keys ? attention_window{own - from, left, 4, 0} : attention_window{0, own + 1 - from, 0, 4};
    const bool masked = Keys ? first < own_first + Tile::rows || next > end : next > own_first + 1;
    if (Keys) load_statistics<Tile>(memory, a, stat + first * a.heads, end - first);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    __syncthreads();
    tile_pairs<Tile, Keys>(memory, at, d, window, a.scale);
    __syncthreads();
    if (Keys) {
      tile_product(from_p, at, d, masked, memory.p, memory.walked[1], window, first);
      __syncthreads();
    }
    if (next < end)
      copy.load(memory.walked[1], pair.b + next * pair.step, pair.step, end - next, Tile::cols);
    tile_product(from_ds, at, d, masked, memory.ds, memory.walked[0], window, first);
    __syncthreads();
    if (next < end)
      copy.load(memory.walked[0], pair.a + next * pair.step, pair.step, end - next, Tile::cols);
  }
  from_ds.flush();
  if (Keys) from_p.flush();
}

/* dq of a tile of queries of one head. */
template <class Tile>
static __device__ __forceinline__ void query_tile_grad(const backward_problem &a,
                                                       backward_memory<Tile, false> &memory,
                                                       const attention_place<Tile> &at,
                                                       const attention_copy<Tile> &copy,
                                                       size_t first, size_t n, size_t h,
                                                       size_t row) {
  const size_t count = n - row < Tile::rows ? n - row : Tile::rows,
               stat = (first + row) * a.heads + h, step = a.heads * a.d;
  const size_t kv = (first * a.kv_heads + h / (a.heads / a.kv_heads)) * a.d;
  attention_sums<Tile> sums, none;
  copy.load(memory.own[0], a.q + stat * a.d, step, count, Tile::rows);
  copy.load(memory.own[1], a.d_o + stat * a.d, step, count, Tile::rows);
  load_statistics<Tile>(memory, a, stat, count);
  walk<Tile, false>(a, memory, at, copy, row_pair{a.k + kv, a.v + kv, a.kv_heads * a.d}, row,
                    row + count, 0, sums, none);
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++) {
    const size_t r = static_cast<size_t>(at.row + 4 * m);
    if (r < count)
      store_row<Tile>(sums.total, at, copy, m, a.dq + stat * a.d + r * step, a.scale, true);
  }
}

/* dk and dv of a tile of keys of kv head g: the query heads of its group ascending, in each the
 * queries ascending (spec N3.4, N3.5). */
template <class Tile>
static __device__ __forceinline__ void key_tile_grad(const backward_problem &a,
                                                     backward_memory<Tile, true> &memory,
                                                     const attention_place<Tile> &at,
                                                     const attention_copy<Tile> &copy, size_t first,
                                                     size_t n, size_t g, size_t row) {
  const size_t count = n - row < Tile::rows ? n - row : Tile::rows, group = a.heads / a.kv_heads,
               step = a.kv_heads * a.d;
  const size_t own = ((first + row) * a.kv_heads + g) * a.d;
  attention_sums<Tile> dk, dv;
  copy.load(memory.own[0], a.k + own, step, count, Tile::rows);
  copy.load(memory.own[1], a.v + own, step, count, Tile::rows);
  for (size_t i = 0; i < group; i++) {
    const size_t h = g * group + (SL_PLANTED(attention_heads_swapped) ? group - 1 - i : i),
                 stat = first * a.heads + h;
    walk<Tile, true>(a, memory, at, copy,
                     row_pair{a.q + stat * a.d, a.d_o + stat * a.d, a.heads * a.d}, row, n, stat,
                     dk, dv);
  }
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++) {
    const size_t r = static_cast<size_t>(at.row + 4 * m);
    if (r >= count) continue;
    store_row<Tile>(dk.total, at, copy, m, a.dk + own + r * step, a.scale, true);
    store_row<Tile>(dv.total, at, copy, m, a.dv + own + r * step, 1.0f, false);
  }
}

template <class Tile, bool Keys>
static __global__ void __launch_bounds__(Tile::threads, 1)
    attention_backward_kernel(backward_problem a) {
  SL_DYNAMIC_SHARED(float4, dynamic); /* for its alignment */
  typedef backward_memory<Tile, Keys> memory_type;
  memory_type &memory = *reinterpret_cast<memory_type *>(dynamic);
  const attention_place<Tile> at;
  const attention_copy<Tile> copy(a.d, a.vector);
  for (int i = 0; i < 2; i++)
    copy.fill(memory.own[i], Tile::rows), copy.fill(memory.walked[i], Tile::cols);
  const size_t heads = Keys ? a.kv_heads : a.heads, columns = a.n_seq * heads;
  for (size_t x = blockIdx.x; x < columns * a.tiles;
       x += gridDim.x) { /* tiles with the most pairs first */
    const size_t s = x % columns / heads, tile = Keys ? x / columns : a.tiles - 1 - x / columns,
                 row = tile * Tile::rows;
    const size_t first = a.seq[s], n = a.seq[s + 1] - first;
    if (row >= n) continue;
    if constexpr (Keys)
      key_tile_grad<Tile>(a, memory, at, copy, first, n, x % heads, row);
    else
      query_tile_grad<Tile>(a, memory, at, copy, first, n, x % heads, row);
    __syncthreads();
  }
}

template <class Tile, bool Keys>
static void launch_half(sl_context *ctx, backward_problem a) {
  constexpr size_t bytes = sizeof(backward_memory<Tile, Keys>);
  a.tiles = (ctx->device->longest + Tile::rows - 1) / Tile::rows;
  SL_LAUNCH((attention_backward_kernel<Tile, Keys>),
            grid_for(a.n_seq * (Keys ? a.kv_heads : a.heads) * a.tiles), Tile::threads, bytes,
            ctx->device->stream, a);
}

/* False where the device has not the shared memory for the tile. */
template <class Tile>
static bool launch_backward(sl_context *ctx, const backward_problem &a) {
  if (!shared_granted(attention_backward_kernel<Tile, false>, sizeof(backward_memory<Tile, false>)))
    return false;
  if (!shared_granted(attention_backward_kernel<Tile, true>, sizeof(backward_memory<Tile, true>)))
    return false;
  launch_half<Tile, false>(ctx, a);
  launch_half<Tile, true>(ctx, a);
  return true;
}

/* Shared memory of the tiles: 105, 169 and 141 KiB, for devices with 227 (compute capability 9.0);
 * the others need 77 and 85 KiB. */
static bool choose_backward(sl_context *ctx, const backward_problem &a) {
  if (ctx->device->smallest_tiles && a.d <= 32)
    return launch_backward<attention_tile<2, 1, 1, 1, 1>>(ctx, a);
  if (a.d <= 64 && launch_backward<attention_tile<4, 2, 4, 4, 1>>(ctx, a)) return true;
  if (a.d <= 128)
    return (a.d > 64 && launch_backward<attention_tile<4, 2, 4, 4, 2>>(ctx, a)) ||
           launch_backward<attention_tile<2, 4, 4, 1, 1>>(ctx, a);
  return launch_backward<attention_tile<2, 4, 4, 1, 2>>(ctx, a) ||
         launch_backward<attention_tile<1, 4, 2, 1, 2>>(ctx, a);
}

sl_status SL_DEVICE_NAME(attention_backward)(sl_context *ctx, float *dq, float *dk, float *dv,
                                             const float *d_o, const float *o, const float *q,
                                             const float *k, const float *v, const float *row_max,
                                             const float *row_scale, const uint32_t *seq,
                                             size_t n_seq, size_t heads, size_t kv_heads,
                                             size_t d) {
  if (d > 256) return attention_too_large(ctx, "attention_backward", d);
  const sl_status status = sl_device_offsets(ctx, seq, n_seq);
  if (status || ctx->device->longest == 0) return status;
  const size_t rows = seq[n_seq] * heads;
  float *delta = static_cast<float *>(sl_device_workspace(ctx, rows * sizeof *delta));
  if (!delta) return ctx->error.status;
  const void *const outputs[] = {d_o, o};
  SL_LAUNCH(attention_delta_kernel, grid_for((rows + 127) / 128), 128, 0, ctx->device->stream,
            delta, d_o, o, rows, d, copies_vectors(d, outputs, 2));
  const void *const pointers[] = {dq, dk, dv, d_o, q, k, v};
  const backward_problem a = {dq,
                              dk,
                              dv,
                              d_o,
                              q,
                              k,
                              v,
                              row_max,
                              row_scale,
                              delta,
                              ctx->device->seq,
                              n_seq,
                              heads,
                              kv_heads,
                              d,
                              0,
                              attention_scale(d),
                              copies_vectors(d, pointers, 7)};
  if (!choose_backward(ctx, a)) {
    sl_device_status(ctx, "attention_backward");
    return attention_too_large(ctx, "attention_backward", d);
  }
  return sl_device_status(ctx, "attention_backward");
}
