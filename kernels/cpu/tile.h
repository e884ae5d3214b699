/* The small matrix product under attention: chains of spec N3.2 for a tile of rows times vectors of
 * columns. Internal.
 *
 * Four rows times SL_TILE_VECTORS vectors keep enough chains in flight to hide the latency of fma,
 * and leave registers for the operands. Each k costs 4 * V fmas for V loads and 4 broadcasts, so
 * the fma units are the limit. */
#ifndef SLUICE_CPU_TILE_H
#define SLUICE_CPU_TILE_H

#include "lanes.h"

#define SL_TILE_ROWS 8
#ifdef __AVX512F__
#define SL_TILE_VECTORS 4
#define SL_TILE_CHAINS 16
#else
#define SL_TILE_VECTORS 2
#define SL_TILE_CHAINS 8
#endif

/* What becomes of the chain: c = 0 + chain (a total's first chunk), c = c + chain (a later one), or
 * c is itself the chain, carried on. */
typedef enum { SL_TILE_SET, SL_TILE_ADD, SL_TILE_CARRY } sl_tile_mode;

/* c[i][j], a[i][k], b[k][j]: column steps of b and c are 1 */
typedef struct {
  float *c;
  size_t c_row;
  const float *a;
  size_t a_row, a_k;
  const float *b;
  size_t b_k;
} sl_tile;

static inline __attribute__((always_inline)) void tile_store(float *c, vf chain, sl_tile_mode mode,
                                                             size_t n) {
  if (mode == SL_TILE_SET) chain = v_zero() + chain;
  if (mode == SL_TILE_ADD) chain = v_load_n(c, n) + chain;
  v_store_n(c, n, chain);
}

/* Unrolled early, so that the chains are registers: otherwise gcc 12 also keeps the array in
 * memory. */
#define SL_UNROLL _Pragma("GCC unroll 8")

/* One tile of `rows` rows and n columns, (vectors - 1) * SL_VW < n; rows and vectors are constants
 * where this is inlined. */
static inline __attribute__((always_inline)) void tile_run(sl_tile t, sl_tile_mode mode,
                                                           size_t k_count, size_t n, size_t rows,
                                                           size_t vectors) {
  vf chain[SL_TILE_ROWS][SL_TILE_VECTORS], b[SL_TILE_VECTORS];
  const size_t last = vectors - 1;
  const vmask m = v_mask(n - last * SL_VW);
  SL_UNROLL for (size_t r = 0; r < rows; r++) SL_UNROLL for (size_t v = 0; v < vectors; v++)
      chain[r][v] =
          mode == SL_TILE_CARRY ? v_load_n(t.c + r * t.c_row + v * SL_VW, n - v * SL_VW) : v_zero();
  for (size_t k = 0; k < k_count; k++, t.a += t.a_k, t.b += t.b_k) {
    SL_UNROLL for (size_t v = 0; v < last; v++) b[v] = v_load(t.b + v * SL_VW);
    b[last] = v_load_part(t.b + last * SL_VW, m);
    SL_UNROLL for (size_t r = 0; r < rows; r++) {
      const vf a = v_set(t.a[r * t.a_row]);
      SL_UNROLL for (size_t v = 0; v < vectors; v++) chain[r][v] = v_fma(a, b[v], chain[r][v]);
    }
  }
  SL_UNROLL for (size_t r = 0; r < rows; r++) SL_UNROLL for (size_t v = 0; v < vectors; v++)
      tile_store(t.c + r * t.c_row + v * SL_VW, chain[r][v], mode, n - v * SL_VW);
}

/* At most SL_TILE_CHAINS chains: 8 rows of up to two vectors, or 4 of more. */
static inline __attribute__((always_inline)) void tile_vectors(sl_tile t, sl_tile_mode mode,
                                                               size_t k_count, size_t n,
                                                               size_t rows, size_t vectors) {
  const size_t most = vectors * SL_TILE_ROWS > SL_TILE_CHAINS ? SL_TILE_ROWS / 2 : SL_TILE_ROWS;
  for (size_t i = 0, step; i < rows; i += step) {
    const size_t left = rows - i;
    sl_tile at = t;
    at.c += i * t.c_row, at.a += i * t.a_row;
    if (most == 8 && left >= 8)
      step = 8, tile_run(at, mode, k_count, n, 8, vectors);
    else if (left >= 4)
      step = 4, tile_run(at, mode, k_count, n, 4, vectors);
    else if (left == 3)
      step = 3, tile_run(at, mode, k_count, n, 3, vectors);
    else if (left == 2)
      step = 2, tile_run(at, mode, k_count, n, 2, vectors);
    else
      step = 1, tile_run(at, mode, k_count, n, 1, vectors);
  }
}

/* One chunk (k_count <= SL_DOT_CHUNK) of rows times columns. By address: gcc copies a struct
 * argument in wide loads from narrow stores just made, and stalls. */
static void tile_chunk(const sl_tile *all_chunks, sl_tile_mode mode, size_t rows, size_t columns,
                       size_t k_count) {
  for (size_t j = 0; j < columns; j += SL_TILE_VECTORS * SL_VW) {
    const size_t n = smaller(columns - j, SL_TILE_VECTORS * SL_VW);
    sl_tile at = *all_chunks;
    at.c += j, at.b += j;
    switch ((n + SL_VW - 1) / SL_VW) {
      case 1:
        tile_vectors(at, mode, k_count, n, rows, 1);
        break;
      case 2:
        tile_vectors(at, mode, k_count, n, rows, 2);
        break;
#if SL_TILE_VECTORS > 2
      case 3:
        tile_vectors(at, mode, k_count, n, rows, 3);
        break;
      case 4:
        tile_vectors(at, mode, k_count, n, rows, 4);
        break;
#endif
      default:
        break;
    }
  }
}

/* c = dot over k (spec N3.2), chunk by chunk. */
static inline void tile_dot(const sl_tile *t, size_t rows, size_t columns, size_t k_count) {
  for (size_t k = 0; k < k_count; k += SL_DOT_CHUNK) {
    sl_tile at = *t;
    at.a += k * t->a_k, at.b += k * t->b_k;
    tile_chunk(&at, k ? SL_TILE_ADD : SL_TILE_SET, rows, columns,
               smaller(k_count - k, SL_DOT_CHUNK));
  }
}

#endif
