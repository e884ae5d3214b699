/* The building blocks of the attention kernels (spec T3.1, T3.4): tiles of rows in shared memory,
 * dots of their rows, and products of a tile of weights with a tile of rows; both in registers,
 * several results a thread.
 *
 * A warp is 4 x 8 threads. In a dot, thread (ty, tx) has the rows ty, ty + 4, ... and the columns
 * tx, tx + 8, ...; it loads four components of each at a time, so a load of 16 bytes serves 4 *
 * min(Rows, Cols) fmas. In a product it has the same rows, and four components in each 32.
 *
 * Banks of shared memory. The hardware takes a warp's 16-byte loads by halves of 16 lanes, each at
 * once if neighbours (lanes that differ in bit 0, or in bit 1) have one address and the rest meets
 * no bank twice. So tx is bits 1 to 3 of the lane, ty bits 4 and 0: eight rows at a pitch of 4 more
 * than a multiple of 32 fill the 32 banks once, two rows a part of them. Weights are written one by
 * one, at ty pitch + tx: at a pitch of 8 more than a multiple of 32 each lane has its own bank. */
#ifndef SLUICE_CUDA_ATTENTION_TILE_CUH
#define SLUICE_CUDA_ATTENTION_TILE_CUH

#include "cuda.h"

namespace sl {

static_assert(dot_chunk % 4 == 0, "tiles are walked in fours");

/* WarpRows x WarpCols warps; RowsEach x ColsEach results of a dot and RowsEach x 4 Parts of a
 * product for each thread. */
template <int WarpRows, int WarpCols, int RowsEach, int ColsEach, int Parts>
struct attention_tile {
  static constexpr int warp_rows = WarpRows, warp_cols = WarpCols, rows_each = RowsEach,
                       cols_each = ColsEach, parts = Parts;
  static constexpr int threads = lanes * WarpRows * WarpCols, warps = WarpRows * WarpCols;
  static constexpr int rows = 4 * RowsEach * WarpRows, cols = 8 * ColsEach * WarpCols,
                       components = lanes * Parts * WarpCols;
  static constexpr int pitch = components + 4,
                       weight_pitch = cols + 8; /* of rows of components, of rows of weights */
  static_assert(dot_chunk % cols == 0 || cols % dot_chunk == 0,
                "a tile ends where a chunk does, or holds whole ones");
};

/* A thread's place in its tile. */
template <class Tile>
struct attention_place {
  int row, col, component; /* first of each */
  __device__ attention_place() {
    const int lane = lane_of_thread(), warp = static_cast<int>(threadIdx.x) / lanes,
              tx = lane / 2 % 8, ty = lane / 16 * 2 + lane % 2;
    row = warp / Tile::warp_cols * (4 * Tile::rows_each) + ty;
    col = warp % Tile::warp_cols * (8 * Tile::cols_each) + tx;
    component = warp % Tile::warp_cols * (lanes * Tile::parts) + 4 * tx;
  }
};

/* How rows of d components are copied: as 16 bytes where d and every address allow it, else one by
 * one; `units` a row. A thread starts at one unit and goes on by the number of threads, without a
 * division a step. Rows of shared memory have pitch() elements. */
template <class Tile>
struct attention_copy {
  int d, units, first_row, first_unit, step_rows, step_units;
  bool vector;
  __device__ attention_copy(size_t d_, bool vector_) {
    const int thread = static_cast<int>(threadIdx.x);
    d = static_cast<int>(d_), vector = vector_, units = vector ? d / 4 : d;
    first_row = thread / units, first_unit = thread % units;
    step_rows = Tile::threads / units, step_units = Tile::threads % units;
  }
  __device__ __forceinline__ int padded() const { return (d + 3) / 4 * 4; }
  /* Zeros where copies do not reach and dots or products do. */
  __device__ void fill(float *to, int rows) const {
    const int end = Tile::parts == 1 ? padded() : Tile::components, width = end - d;
    for (int i = static_cast<int>(threadIdx.x); i < rows * width; i += Tile::threads)
      to[i / width * Tile::pitch + d + i % width] = 0.0f;
  }
  /* Starts copying `count` rows, `step` elements apart; the rest of `rows` rows becomes 0. The
   * caller commits and waits. */
  __device__ __forceinline__ void load(float *to, const float *from, size_t step, size_t count,
                                       int rows) const {
    if (vector && step_units == 0)
      load_columns(to, from, step,
                   count < static_cast<size_t>(rows) ? static_cast<int>(count) : rows, rows);
    else
      load_units(to, from, step, count, rows);
  }

 private:
  /* Where a multiple of a row's units are threads: each thread copies the same unit of every
   * step_rows-th row, and moves two pointers. */
  __device__ __forceinline__ void load_columns(float *to, const float *from, size_t step, int count,
                                               int rows) const {
    to += first_row * Tile::pitch + first_unit * 4;
    from += static_cast<size_t>(first_row) * step + static_cast<size_t>(first_unit * 4);
    int row = first_row;
#pragma unroll 4
    for (; row < count; row += step_rows) {
      __pipeline_memcpy_async(to, from, 16);
      to += step_rows * Tile::pitch, from += static_cast<size_t>(step_rows) * step;
    }
#pragma unroll 1
    for (; row < rows; row += step_rows, to += step_rows * Tile::pitch)
      SL_STORE(reinterpret_cast<float4 *>(to), make_float4(0.0f, 0.0f, 0.0f, 0.0f));
  }
  __device__ __forceinline__ void load_units(float *to, const float *from, size_t step,
                                             size_t count, int rows) const {
    int row = first_row, unit = first_unit;
    while (row < rows) {
      const int width = vector ? 4 : 1;
      float *p = to + row * Tile::pitch + unit * width;
      const float *source =
          from + static_cast<size_t>(row) * step + static_cast<size_t>(unit * width);
      if (static_cast<size_t>(row) >= count)
        for (int e = 0; e < width; e++) p[e] = 0.0f;
      else if (vector)
        __pipeline_memcpy_async(p, source, 16);
      else
        __pipeline_memcpy_async(p, source, 4);
      row += step_rows, unit += step_units;
      if (unit >= units) unit -= units, row++;
    }
  }
};

static __device__ __forceinline__ float4 load4(const float *p) {
  return SL_LOAD(reinterpret_cast<const float4 *>(p));
}

static __device__ __forceinline__ float dot4(float4 a, float4 b, float chain) {
  chain = __fmaf_rn(a.x, b.x, chain);
  chain = __fmaf_rn(a.y, b.y, chain);
  chain = __fmaf_rn(a.z, b.z, chain);
  return __fmaf_rn(a.w, b.w, chain);
}

/* Chains over the components [begin, end) of this thread's rows of a and b. */
template <class Tile>
static __device__ __forceinline__ void chain_dots(float (&chain)[Tile::rows_each][Tile::cols_each],
                                                  const float *a, const float *b, int begin,
                                                  int end) {
#pragma unroll 1
  for (int c = begin; c < end; c += 4) {
    float4 x[Tile::rows_each], y[Tile::cols_each];
#pragma unroll
    for (int m = 0; m < Tile::rows_each; m++) x[m] = load4(a + m * 4 * Tile::pitch + c);
#pragma unroll
    for (int e = 0; e < Tile::cols_each; e++) y[e] = load4(b + e * 8 * Tile::pitch + c);
#pragma unroll
    for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
      for (int e = 0; e < Tile::cols_each; e++) chain[m][e] = dot4(x[m], y[e], chain[m][e]);
  }
}

template <class Tile>
static __device__ __forceinline__ void clear(float (&s)[Tile::rows_each][Tile::cols_each]) {
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
    for (int e = 0; e < Tile::cols_each; e++) s[m][e] = 0.0f;
}

/* Onto each total its chain (spec N3.2). */
template <class Tile>
static __device__ __forceinline__ void add_chains(
    float (&total)[Tile::rows_each][Tile::cols_each],
    const float (&chain)[Tile::rows_each][Tile::cols_each]) {
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
    for (int e = 0; e < Tile::cols_each; e++) total[m][e] = __fadd_rn(total[m][e], chain[m][e]);
}

/* Dots of this thread's rows of a (tile rows) and b (tile columns) over d components, in fours. */
template <class Tile>
static __device__ __forceinline__ void tile_dots(float (&s)[Tile::rows_each][Tile::cols_each],
                                                 const attention_place<Tile> &at, int d,
                                                 const float *a, const float *b) {
  a += at.row * Tile::pitch, b += at.col * Tile::pitch;
  float chain[Tile::rows_each][Tile::cols_each];
  clear<Tile>(s);
  if constexpr (Tile::components <= dot_chunk) { /* one chunk */
    clear<Tile>(chain);
    chain_dots<Tile>(chain, a, b, 0, d);
    add_chains<Tile>(s, chain);
  } else {
    for (int begin = 0; begin < d; begin += dot_chunk) {
      clear<Tile>(chain);
      chain_dots<Tile>(chain, a, b, begin, begin + dot_chunk < d ? begin + dot_chunk : d);
      add_chains<Tile>(s, chain);
    }
  }
}

/* A thread's results of a product: chains and totals (spec N3.2). */
template <class Tile>
struct attention_sums {
  float chain[Tile::rows_each][4 * Tile::parts], total[Tile::rows_each][4 * Tile::parts];
  __device__ __forceinline__ attention_sums() {
#pragma unroll
    for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
      for (int c = 0; c < 4 * Tile::parts; c++) chain[m][c] = total[m][c] = 0.0f;
  }
  __device__ __forceinline__ void flush() {
#pragma unroll
    for (int m = 0; m < Tile::rows_each; m++)
#pragma unroll
      for (int c = 0; c < 4 * Tile::parts; c++) {
        total[m][c] = __fadd_rn(total[m][c], chain[m][c]);
        chain[m][c] = 0.0f;
      }
  }
};

/* Which rows of v a thread's results take, by place in the tile: those of its row m take [low + m
 * low_step, high + m high_step). */
struct attention_window {
  int low, high, low_step, high_step;
  __device__ __forceinline__ bool holds(int j, int m) const {
    return j >= low + m * low_step && j < high + m * high_step;
  }
};

static __device__ __forceinline__ float component_of(float4 v, int i) {
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

/* chain += weight * v for four rows of v, ascending, from place j of the tile, and Parts times
 * four components. */
template <class Tile, bool Masked, int Parts>
static __device__ __forceinline__ void product_run(float (&sums)[Tile::rows_each][4 * Parts],
                                                   const float *weights, const float *v,
                                                   const attention_window &window, int j) {
  float4 w[Tile::rows_each];
#pragma unroll
  for (int m = 0; m < Tile::rows_each; m++) w[m] = load4(weights + m * 4 * Tile::weight_pitch + j);
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int f = 0; f < Parts; f++) {
      const float4 x = load4(v + (j + i) * Tile::pitch + f * lanes);
#pragma unroll
      for (int m = 0; m < Tile::rows_each; m++) {
        float *chain = &sums[m][4 * f];
        const float weight = component_of(w[m], i);
        if (Masked && !window.holds(j + i, m)) continue;
        chain[0] = __fmaf_rn(weight, x.x, chain[0]);
        chain[1] = __fmaf_rn(weight, x.y, chain[1]);
        chain[2] = __fmaf_rn(weight, x.z, chain[2]);
        chain[3] = __fmaf_rn(weight, x.w, chain[3]);
      }
    }
}

/* Adds the products of the tile's weights and rows of v, whose first has that index in its
 * sequence: an anchored dot (spec N3.5). */
template <class Tile, bool Masked>
static __device__ __forceinline__ void tile_product(attention_sums<Tile> &sums,
                                                    const attention_place<Tile> &at,
                                                    const float *weights, const float *v,
                                                    const attention_window &window, size_t first) {
  constexpr int run = Tile::cols < dot_chunk ? Tile::cols : dot_chunk;
  weights += at.row * Tile::weight_pitch, v += at.component;
#pragma unroll 1
  for (int begin = 0; begin < Tile::cols; begin += run) {
#pragma unroll 1
    for (int j = begin; j < begin + run; j += 4)
      product_run<Tile, Masked, Tile::parts>(sums.chain, weights, v, window, j);
    if ((first + static_cast<size_t>(begin + run)) % dot_chunk == 0) sums.flush();
  }
}

/* The same, whichever is needed; a thread whose components the rows do not have has no results. */
template <class Tile>
static __device__ __forceinline__ void tile_product(attention_sums<Tile> &sums,
                                                    const attention_place<Tile> &at, int d,
                                                    bool masked, const float *weights,
                                                    const float *v, const attention_window &window,
                                                    size_t first) {
  if (at.component >= d) return;
  if (masked)
    tile_product<Tile, true>(sums, at, weights, v, window, first);
  else
    tile_product<Tile, false>(sums, at, weights, v, window, first);
}

/* Components of row m of the thread's results into y, the row's first; times factor
 * where scaled. */
template <class Tile>
static __device__ __forceinline__ void store_row(
    const float (&sums)[Tile::rows_each][4 * Tile::parts], const attention_place<Tile> &at,
    const attention_copy<Tile> &copy, int m, float *y, float factor, bool scaled) {
#pragma unroll
  for (int f = 0; f < Tile::parts; f++) {
    const int c = at.component + f * lanes;
    float x[4];
#pragma unroll
    for (int e = 0; e < 4; e++)
      x[e] = scaled ? __fmul_rn(factor, sums[m][4 * f + e]) : sums[m][4 * f + e];
    if (copy.vector && c < copy.d)
      SL_STORE(reinterpret_cast<float4 *>(y + c), make_float4(x[0], x[1], x[2], x[3]));
    if (copy.vector) continue;
#pragma unroll
    for (int e = 0; e < 4; e++)
      if (c + e < copy.d) y[c + e] = x[e];
  }
}

/* Blocks for n items, of which each block may take several (spec N1.4). */
static inline unsigned grid_for(size_t n) {
  return n < 1 ? 1u : n < 0x7fffffff ? static_cast<unsigned>(n) : 0x7fffffffu;
}

/* 1 if rows of d components at these addresses can be copied by 16 bytes. */
static inline bool copies_vectors(size_t d, const void *const *pointers, size_t n) {
  bool fits = d % 4 == 0;
  for (size_t i = 0; i < n; i++) fits = fits && reinterpret_cast<uintptr_t>(pointers[i]) % 16 == 0;
  return fits;
}

/* 1 if a block of the kernel gets that much shared memory: devices differ in what they have, and a
 * smaller tile has the same results. */
template <typename Kernel>
static inline bool shared_granted(Kernel *kernel, size_t bytes) {
  if (cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(bytes)) == cudaSuccess)
    return true;
  cudaGetLastError(); /* the refusal is no error of a launch */
  return false;
}

static inline float attention_scale(size_t d) {
  return static_cast<float>(1.0 / sqrt(static_cast<double>(d)));
}

static inline sl_status attention_too_large(sl_context *ctx, const char *kernel, size_t d) {
  if (d > 256)
    return sl_fail(&ctx->error, SL_ERR_UNAVAILABLE,
                   "%s: this backend has no head of more than 256 components, here are %zu", kernel,
                   d);
  return sl_fail(&ctx->error, SL_ERR_UNAVAILABLE,
                 "%s: this device has not the shared memory for heads of %zu components", kernel,
                 d);
}

}  // namespace sl

#endif
