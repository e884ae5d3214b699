/* What the head's two passes share: weights packed a group of the vocabulary at a time, and tiles
 * of logits (spec T4.1). Internal. */
#ifndef SLUICE_CPU_HEAD_H
#define SLUICE_CPU_HEAD_H

#include "cpu.h"
#include "token_gemm.h"

#include <string.h>

/* Rows of a tile of logits: with a chunk of the vocabulary (4 KiB) a tile fills a part of L2. */
#define SL_HEAD_ROWS 48

/* Columns [first, first + columns) of the logits; packed holds `pack_columns` columns from
 * pack_first on. A group begins at a multiple of its own pack's panels, or the pack is that of the
 * whole head. */
typedef struct {
  const float *packed;
  size_t pack_first, pack_columns, first, columns;
} head_group;

/* Room for the logits of `columns` columns that begin anywhere in a panel. */
static inline size_t head_tile_step(size_t columns) {
  return round_up(columns, SL_GEMM_COLUMNS) + SL_GEMM_COLUMNS;
}

/* logits of `rows` rows of h (rows of d) in z, rows of z_step; the first wanted column is at the
 * returned address. */
static inline float *head_logits(float *z, size_t z_step, const head_group *g, const float *h,
                                 size_t rows, size_t d) {
  const size_t begin = g->first - g->pack_first, panel = begin / SL_GEMM_COLUMNS;
  const gemm_part part = {h, g->packed, d, d};
  const gemm product = {.c = z,
                        .parts = &part,
                        .c_step = z_step,
                        .n_parts = 1,
                        .columns = g->pack_columns,
                        .first = panel * SL_GEMM_COLUMNS};
  gemm_block(&product, 0, rows, panel, gemm_panels(begin + g->columns));
  return z + begin - panel * SL_GEMM_COLUMNS;
}

/* The unmasked rows; returns their number. */
static inline size_t head_rows(uint32_t *row, const uint8_t *mask, size_t t) {
  size_t n = 0;
  for (size_t i = 0; i < t; i++)
    if (mask[i]) row[n++] = (uint32_t)i;
  return n;
}

static inline void head_gather(float *to, const float *h, const uint32_t *row, size_t rows,
                               size_t d) {
  for (size_t i = 0; i < rows; i++) memcpy(to + i * d, h + row[i] * d, d * sizeof *to);
}

/* Floats that a group's packed weights may fill: 16 MiB. */
#define SL_HEAD_PACK_FLOATS ((size_t)1 << 22)

/* Columns in a group: a multiple of `unit` columns whose weights fill at most `floats` floats, or
 * one unit; all where they fit. */
static inline size_t head_group_columns(size_t vocab, size_t d, size_t unit, size_t floats) {
  const size_t fit = floats / larger(d, 1) / unit * unit;
  return smaller(vocab, larger(fit, unit));
}

/* A job for sl_parallel_for: packs w's rows (columns of the logits) [first, first + columns). */
typedef struct {
  float *packed;
  const float *w;
  size_t columns, d;
  int transposed;
} head_pack;

static inline void head_pack_range(void *arg, size_t begin, size_t end, int thread) {
  const head_pack *p = arg;
  (void)thread;
  const size_t columns = p->transposed ? p->columns : p->d,
               terms = p->transposed ? p->d : p->columns;
  for (size_t i = begin; i < end; i++)
    gemm_pack_panel(p->packed, p->w, p->d, p->transposed, i, columns, terms);
}

static inline sl_status head_pack_run(sl_context *ctx, head_pack *p) {
  const size_t columns = p->transposed ? p->columns : p->d,
               terms = p->transposed ? p->d : p->columns;
  return sl_parallel_for(ctx, gemm_panels(columns), grain_for(terms * 10), head_pack_range, p);
}

#endif
