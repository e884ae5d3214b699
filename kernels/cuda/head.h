/* What the two directions of the head share (spec T4): a tile of rows, those without a mask
 * gathered, and its place in the workspace. Internal. */
#ifndef SLUICE_CUDA_HEAD_H
#define SLUICE_CUDA_HEAD_H

#include "gemm.h"

/* The two builds of these sources may be in one program. */
#define head_tile_of SL_DEVICE_NAME(head_tile_of)
#define gather_rows SL_DEVICE_NAME(gather_rows)
#define launch_logits SL_DEVICE_NAME(launch_logits)

namespace sl {

/* 256 MiB, whatever the tokens and the vocabulary. */
constexpr size_t head_workspace_floats = static_cast<size_t>(64) << 20;
constexpr unsigned head_threads = 128;

/* Most rows and columns of a tile; columns are whole chunks of both kinds. No rows: d is too large
 * for the workspace. */
struct head_tile {
  size_t rows, columns;
};
head_tile head_tile_of(sl_context *ctx, size_t t, size_t d, size_t vocab);

/* Cuts the workspace into arrays, 256-byte aligned; from a null pointer it only counts. */
struct head_arena {
  float *base;
  size_t used;
  template <typename N>
  N *take(size_t n) {
    static_assert(sizeof(N) == sizeof(float), "counts floats");
    N *p = base ? reinterpret_cast<N *>(base + used) : nullptr;
    used += (n + 63) / 64 * 64;
    return p;
  }
};

/* The rows of a tile that are not masked, in order: row[i] is the i-th, counted from the tile's
 * first; before[r] is how many lie before row r; before[rows] is their number. h holds their
 * inputs: what masked rows hold is never read (spec N1.7). */
struct head_rows {
  uint32_t *row, *before, *table; /* table: token chunks of these rows (spec N4.2), or NULL */
  float *h, *logits;
  const uint32_t *used; /* before + rows of the current tile */
};
static inline head_rows take_rows(head_arena *a, const head_tile &tile, size_t d) {
  return {a->take<uint32_t>(tile.rows),  a->take<uint32_t>(tile.rows + 1),         nullptr,
          a->take<float>(tile.rows * d), a->take<float>(tile.rows * tile.columns), nullptr};
}

/* Finds and gathers the rows [first, first + n), leaving a fault where a target lies beyond the
 * vocabulary. With a table, the chunks are those from device->chunk_begin + first_chunk on. */
struct head_gather {
  sl_kernel_id kernel;
  const float *h;
  const uint32_t *target;
  const uint8_t *mask;
  size_t first, n, d, vocab, first_chunk, n_chunks;
};
void gather_rows(sl_context *ctx, head_rows *rows, const head_gather &g);

/* The logits of the gathered rows for columns [v, v + columns), rows ld apart (spec T4.1). */
void launch_logits(sl_context *ctx, const head_rows &rows, size_t n, const float *w, size_t d,
                   size_t v, size_t columns, size_t ld, float *scratch, size_t scratch_floats);

}  // namespace sl

#endif
