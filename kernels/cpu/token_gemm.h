/* Weight gradients as outer products: token dots of spec N4.2 for tiles of dw. Internal.
 *
 * Tokens are rows of dy and x, packed in panels (token, rows of dw) and (token, columns of dw).
 * Each chunk of tokens is one run of the micro-kernel of gemm.h, so c += chain once a chunk: 2
 * moves of c for as many fmas as the chunk has tokens. AVX-512 has registers enough to keep half a
 * tile of totals instead. */
#ifndef SLUICE_CPU_TOKEN_GEMM_H
#define SLUICE_CPU_TOKEN_GEMM_H

#include "gemm.h"

/* Chunk i of the tokens is [chunk[i], chunk[i + 1]); dy and x begin at token chunk[0]. dy (tokens,
 * rows) and x (tokens, columns), rows of dy_step and x_step elements. */
typedef struct {
  float *dw; /* (rows, columns), rows of dw_step elements */
  const float *dy, *x;
  size_t dw_step, dy_step, x_step, rows, columns;
  const uint32_t *chunk;
  size_t n_chunks;
  float *panels; /* of dy, then of x; token_gemm_floats */
} token_gemm;

static inline size_t token_count(const token_gemm *g) {
  return g->chunk[g->n_chunks] - g->chunk[0];
}
static inline size_t token_row_panels(const token_gemm *g) {
  return (g->rows + SL_GEMM_ROWS - 1) / SL_GEMM_ROWS;
}
static inline size_t token_gemm_floats(size_t rows, size_t columns, size_t tokens) {
  return (round_up(round_up(rows, SL_GEMM_ROWS) * tokens, 16) +
          round_up(columns, SL_GEMM_COLUMNS) * tokens);
}
static inline float *token_x_panels(const token_gemm *g) {
  return g->panels + round_up(round_up(g->rows, SL_GEMM_ROWS) * token_count(g), 16);
}

/* Index: a panel of dy, or after those a panel of x. */
static void token_pack_range(void *arg, size_t begin, size_t end, int thread) {
  const token_gemm *g = arg;
  const size_t tokens = token_count(g), row_panels = token_row_panels(g);
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    if (i < row_panels) {
      const size_t row = i * SL_GEMM_ROWS, rows = smaller(g->rows - row, SL_GEMM_ROWS);
      pack_straight(g->panels + row * tokens, gemm_padded(rows), g->dy + row, g->dy_step, rows,
                    tokens);
    } else {
      const size_t column = (i - row_panels) * SL_GEMM_COLUMNS,
                   columns = smaller(g->columns - column, SL_GEMM_COLUMNS);
      SL_VERIFY(column < g->columns);
      pack_straight(token_x_panels(g) + column * tokens, SL_GEMM_COLUMNS, g->x + column, g->x_step,
                    columns, tokens);
    }
  }
}

#ifdef __AVX512F__
/* Half a whole tile over all chunks, totals in registers beside the chains: several short chunks
 * then move dw once. It loads b twice for as many fmas, so long chunks take whole tiles. */
#define SL_TOKEN_ROWS 6
#define SL_TOKEN_LONG 64 /* tokens of a chunk, on average, from which a whole tile is faster */
static void token_half_tile(const token_gemm *g, float *dw, const float *a, const float *b) {
  vf total[SL_TOKEN_ROWS][2];
  SL_GEMM_UNROLL for (size_t r = 0; r < SL_TOKEN_ROWS; r++) {
    total[r][0] = v_load(dw + r * g->dw_step);
    total[r][1] = v_load(dw + r * g->dw_step + SL_VW);
  }
  for (size_t i = 0; i < g->n_chunks; i++) {
    vf chain[SL_TOKEN_ROWS][2];
    SL_GEMM_UNROLL for (size_t r = 0; r < SL_TOKEN_ROWS; r++) chain[r][0] = chain[r][1] = v_zero();
    for (size_t t = g->chunk[i]; t < g->chunk[i + 1];
         t++, a += SL_GEMM_ROWS, b += SL_GEMM_COLUMNS) {
      gemm_fetch_b(b, SL_GEMM_ROWS);
      const vf b0 = v_load(b), b1 = v_load(b + SL_VW);
      SL_GEMM_UNROLL for (size_t r = 0; r < SL_TOKEN_ROWS; r++) {
        const vf x = v_set(a[r]);
        chain[r][0] = v_fma(x, b0, chain[r][0]);
        chain[r][1] = v_fma(x, b1, chain[r][1]);
      }
    }
    SL_GEMM_UNROLL for (size_t r = 0; r < SL_TOKEN_ROWS; r++) {
      total[r][0] += chain[r][0];
      total[r][1] += chain[r][1];
    }
  }
  SL_GEMM_UNROLL for (size_t r = 0; r < SL_TOKEN_ROWS; r++) {
    v_store(dw + r * g->dw_step, total[r][0]);
    v_store(dw + r * g->dw_step + SL_VW, total[r][1]);
  }
}
#endif

/* Fetches the part of dw that a tile will add to: it may lie in memory, each row on a page of its
 * own, where no hardware prefetch follows. */
static inline void token_fetch(const token_gemm *g, size_t row, size_t column) {
  const size_t rows = smaller(g->rows - row, SL_GEMM_ROWS);
  const float *dw = g->dw + row * g->dw_step + column;
  for (size_t r = 0; r < rows; r++)
    SL_GEMM_UNROLL for (size_t v = 0; v < SL_GEMM_VECTORS; v++)
        __builtin_prefetch(dw + r * g->dw_step + v * SL_VW, 1);
}

static void token_tile(const token_gemm *g, size_t row, size_t column) {
  const size_t tokens = token_count(g), rows = smaller(g->rows - row, SL_GEMM_ROWS),
               columns = smaller(g->columns - column, SL_GEMM_COLUMNS);
  SL_VERIFY(row < g->rows && column < g->columns);
  const float *a = g->panels + row * tokens, *b = token_x_panels(g) + column * tokens;
#ifdef __AVX512F__
  const int short_chunks = g->n_chunks > 1 && tokens < g->n_chunks * SL_TOKEN_LONG;
  if (short_chunks && rows == SL_GEMM_ROWS && columns == SL_GEMM_COLUMNS) {
    float *dw = g->dw + row * g->dw_step + column;
    token_half_tile(g, dw, a, b);
    token_half_tile(g, dw + SL_TOKEN_ROWS * g->dw_step, a + SL_TOKEN_ROWS, b);
    return;
  }
#endif
  const gemm_out o = {g->dw + row * g->dw_step + column, g->dw_step, NULL, 1};
  for (size_t i = 0; i < g->n_chunks; i++) {
    const size_t at = g->chunk[i] - g->chunk[0], n = g->chunk[i + 1] - g->chunk[i];
    gemm_tile(&o, a + at * gemm_padded(rows), b + at * SL_GEMM_COLUMNS, n, rows, columns);
  }
}

/* Index: tiles in blocks of some panels of x, in a block row by row, so that a panel of dy meets
 * the block's panels in L2. */
#define SL_TOKEN_BLOCK 8
static void token_tile_range(void *arg, size_t begin, size_t end, int thread) {
  const token_gemm *g = arg;
  const size_t panels = gemm_panels(g->columns), block_rows = token_row_panels(g) * SL_TOKEN_BLOCK;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t first = i / block_rows * SL_TOKEN_BLOCK,
                 width = smaller(panels - first, SL_TOKEN_BLOCK), at = i % block_rows;
    if (at + 1 < token_row_panels(g) * width)
      token_fetch(g, (at + 1) / width * SL_GEMM_ROWS, (first + (at + 1) % width) * SL_GEMM_COLUMNS);
    token_tile(g, at / width * SL_GEMM_ROWS, (first + at % width) * SL_GEMM_COLUMNS);
  }
}

static inline sl_status token_gemm_run(sl_context *ctx, token_gemm *g) {
  const size_t tokens = token_count(g), row_panels = token_row_panels(g),
               panels = gemm_panels(g->columns);
  SL_TRY(sl_parallel_for(ctx, row_panels + panels, grain_for(tokens * 5), token_pack_range, g));
  return sl_parallel_for(ctx, row_panels * panels,
                         SL_GEMM_GRAIN / ((tokens + 1) * SL_GEMM_ROWS * SL_GEMM_COLUMNS) + 1,
                         token_tile_range, g);
}

/* Chunks of the tokens of sequences (spec N4.2, anchored at a sequence's first token); returns
 * their number. */
static inline size_t token_chunk_count(const uint32_t *seq, size_t n_seq) {
  size_t n = 0;
  for (size_t s = 0; s < n_seq; s++) n += (seq[s + 1] - seq[s] + SL_DOT_CHUNK - 1) / SL_DOT_CHUNK;
  return n;
}

#endif
