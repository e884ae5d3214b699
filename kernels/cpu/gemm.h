/* The matrix product under linear layers and head: chains of spec N3.2 in registers. Internal.
 *
 * A tile of c has SL_GEMM_ROWS rows and SL_GEMM_COLUMNS columns. One chunk of the dot is one run of
 * the micro-kernel: its accumulators start at +0, are the chains of the chunk, and are added to c
 * at its end, so that the blocking for registers and L1 is the order of the spec. AVX-512: 12 x 32
 * (24 chains; each k costs 24 fmas, 2 loads and 12 broadcasts); AVX2: 4 x 24 (12 chains in 16
 * registers). The fma units are the limit on both. Operands are packed in panels (k, rows) and (k,
 * columns), filled up with zeros, whose terms cannot affect a result (lanes.h). */
#ifndef SLUICE_CPU_GEMM_H
#define SLUICE_CPU_GEMM_H

#include "transpose.h"

#ifdef __AVX512F__
#define SL_GEMM_ROWS 12
#define SL_GEMM_VECTORS 2
#else
#define SL_GEMM_ROWS 4
#define SL_GEMM_VECTORS 3
#endif
#define SL_GEMM_COLUMNS ((size_t)SL_GEMM_VECTORS * SL_VW)

/* Fmas in 20 us on one core: less is not worth a thread. */
#define SL_GEMM_GRAIN ((size_t)1 << 20)

#define SL_GEMM_UNROLL _Pragma("GCC unroll 12")

/* Fetches into L1 the rows of a panel that a tile of `rows` rows reaches 1152 cycles of fmas after
 * row b. At 190, enough for L2, products of few rows waited for memory: decoding 512 x 8 took 1.19
 * times as long in 1 slot, 1.12 times in 32. AVX2 has no load to spare: its 7 loads for 12 fmas
 * fill the ports. */
static inline __attribute__((always_inline)) void gemm_fetch_b(const float *b, size_t rows) {
#ifdef __AVX512F__
  const float *ahead = b + 1152 / rows * SL_GEMM_COLUMNS;
  for (size_t v = 0; v < SL_GEMM_VECTORS; v++) __builtin_prefetch(ahead + v * SL_VW);
#else
  (void)b, (void)rows;
#endif
}

/* Panel (width, padded) from `rows` rows of `width` elements: to[k * padded + i] = from[i * step +
 * k], 0 for i >= rows. */
static inline void pack_transposed(float *to, size_t padded, const float *from, size_t step,
                                   size_t rows, size_t width) {
  size_t i = 0;
  for (size_t n; i < rows; i += n, from += n * step) {
    size_t k = 0;
    n = rows - i >= 8 ? 8 : rows - i >= 4 ? 4 : 1;
    if (n == 8)
      for (; k + 8 <= width; k += 8) transpose8(to + k * padded + i, padded, from + k, step);
    if (n == 4)
      for (; k + 4 <= width; k += 4) transpose4(to + k * padded + i, padded, from + k, step);
    for (; k < width; k++)
      for (size_t j = 0; j < n; j++) to[k * padded + i + j] = from[j * step + k];
  }
  for (; i < padded; i++)
    for (size_t k = 0; k < width; k++) to[k * padded + i] = 0.0f;
}

/* Panel (width, padded) from `width` rows of `columns` elements: to[k * padded + j] = from[k * step
 * + j], 0 for j >= columns. */
static inline void pack_straight(float *to, size_t padded, const float *from, size_t step,
                                 size_t columns, size_t width) {
  for (size_t k = 0; k < width; k++, to += padded, from += step) {
    if (columns == padded && padded % SL_VW == 0) {
      for (size_t j = 0; j < padded; j += SL_VW) v_store(to + j, v_load(from + j));
    } else {
      for (size_t j = 0; j < columns; j++) to[j] = from[j];
      for (size_t j = columns; j < padded; j++) to[j] = 0.0f;
    }
  }
}

/* What becomes of the chains: c = 0 + chain, or c += chain; then, where bias is given, c
 * += bias. */
typedef struct {
  float *c;
  size_t c_step;
  const float *bias; /* of the tile's columns, or NULL */
  int add;
} gemm_out;

/* One tile's chains go to an edge of c by way of memory. */
static inline void gemm_edge(const gemm_out *o, const float *chain, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      float *c = &o->c[i * o->c_step + j];
      const float total = (o->add ? *c : 0.0f) + chain[i * SL_GEMM_COLUMNS + j];
      *c = o->bias ? total + o->bias[j] : total;
    }
}

/* The rows of a, k by k: of a panel (k_count, rows), or, where step is not 0, as they lie in
 * memory, `step` elements apart. Then every third has a pointer of its own, from which the two
 * others are within reach of an address; twelve pointers would not fit the registers. */
typedef struct {
  const float *row[(SL_GEMM_ROWS + 2) / 3];
  size_t step;
} gemm_a;

static inline __attribute__((always_inline)) vf gemm_a_at(const gemm_a *a, size_t r) {
  return v_set(a->step ? a->row[r / 3][r % 3 * a->step] : a->row[0][r]);
}

static inline __attribute__((always_inline)) void gemm_a_next(gemm_a *a, size_t rows) {
  if (!a->step)
    a->row[0] += rows;
  else
    SL_GEMM_UNROLL for (size_t i = 0; i < (rows + 2) / 3; i++) a->row[i]++;
}

/* b: panel (k_count, SL_GEMM_COLUMNS). rows, and whether a has a step, are constants where this is
 * inlined; used_rows and columns say how much of the tile is in c. */
static inline __attribute__((always_inline)) void gemm_rows(const gemm_out *o, const float *from,
                                                            size_t step, const float *b,
                                                            size_t k_count, size_t rows,
                                                            size_t used_rows, size_t columns) {
  gemm_a a = {{from}, step};
  SL_GEMM_UNROLL for (size_t i = 1; i < (rows + 2) / 3; i++) a.row[i] = from + 3 * i * step;
  vf chain[SL_GEMM_ROWS][SL_GEMM_VECTORS], bv[SL_GEMM_VECTORS];
  SL_GEMM_UNROLL for (size_t r = 0; r < rows; r++) {
    SL_GEMM_UNROLL for (size_t v = 0; v < SL_GEMM_VECTORS; v++) chain[r][v] = v_zero();
  }
  float *const c = o->c;
  const size_t c_step = o->c_step;
  /* c is wanted after the chunk, and may lie in memory */
  for (size_t r = 0; r < used_rows; r++)
    SL_GEMM_UNROLL for (size_t v = 0; v < SL_GEMM_VECTORS; v++)
        __builtin_prefetch(c + r * c_step + v * SL_VW, 1);
  for (size_t k = 0; k < k_count; k++, gemm_a_next(&a, rows), b += SL_GEMM_COLUMNS) {
    SL_GEMM_UNROLL for (size_t v = 0; v < SL_GEMM_VECTORS; v++) bv[v] = v_load(b + v * SL_VW);
    gemm_fetch_b(b, rows);
    SL_GEMM_UNROLL for (size_t r = 0; r < rows; r++) {
      const vf av = gemm_a_at(&a, r);
      SL_GEMM_UNROLL for (size_t v = 0; v < SL_GEMM_VECTORS; v++) chain[r][v] =
          v_fma(av, bv[v], chain[r][v]);
    }
  }
  if (used_rows != rows || columns != SL_GEMM_COLUMNS) {
    float edge[SL_GEMM_ROWS * SL_GEMM_COLUMNS];
    SL_GEMM_UNROLL for (size_t r = 0; r < rows; r++) {
      SL_GEMM_UNROLL for (size_t v = 0; v < SL_GEMM_VECTORS; v++)
          v_store(edge + r * SL_GEMM_COLUMNS + v * SL_VW, chain[r][v]);
    }
    gemm_edge(o, edge, used_rows, columns);
    return;
  }
  if (!o->add && !o->bias) { /* most often */
    SL_GEMM_UNROLL for (size_t r = 0; r < rows; r++) {
      SL_GEMM_UNROLL for (size_t v = 0; v < SL_GEMM_VECTORS; v++)
          v_store(c + r * c_step + v * SL_VW, v_zero() + chain[r][v]);
    }
    return;
  }
  SL_GEMM_UNROLL for (size_t r = 0; r < rows; r++) {
    SL_GEMM_UNROLL for (size_t v = 0; v < SL_GEMM_VECTORS; v++) {
      float *at = c + r * c_step + v * SL_VW;
      vf total = (o->add ? v_load(at) : v_zero()) + chain[r][v];
      if (o->bias) total = total + v_load(o->bias + v * SL_VW);
      v_store(at, total);
    }
  }
}

/* Rows of a panel of a: `rows` filled up to a multiple of 4. */
static inline size_t gemm_padded(size_t rows) { return round_up(rows, 4); }

static inline void gemm_tile(const gemm_out *o, const float *a, const float *b, size_t k_count,
                             size_t rows, size_t columns) {
  switch (gemm_padded(rows)) {
#if SL_GEMM_ROWS > 4
    case 12:
      gemm_rows(o, a, 0, b, k_count, 12, rows, columns);
      break;
    case 8:
      gemm_rows(o, a, 0, b, k_count, 8, rows, columns);
      break;
#endif
    default:
      gemm_rows(o, a, 0, b, k_count, 4, rows, columns);
      break;
  }
}

/* The same of SL_GEMM_ROWS rows where they lie. */
static void gemm_direct_tile(const gemm_out *o, const float *a, size_t step, const float *b,
                             size_t k_count, size_t columns) {
  gemm_rows(o, a, step, b, k_count, SL_GEMM_ROWS, SL_GEMM_ROWS, columns);
}

/* 1 if rows of a are better read where they lie than packed, which for 3 panels costs 7 %, for 1
 * panel 21 %. For all panels of a wide product packing is faster: decoding 512 x 8 in 32 slots took
 * 1.06 times as long without. Rows of a multiple of 4 KiB would share few sets of L1. */
#define SL_GEMM_DIRECT_PANELS 8
static inline int gemm_is_direct(size_t rows, size_t step, size_t panels) {
  return rows == SL_GEMM_ROWS && panels <= SL_GEMM_DIRECT_PANELS && step && step % 1024;
}

/* Packed b of a reduction over k_count and `columns` columns: chunk by chunk, in it panel
 * by panel. */
static inline size_t gemm_packed_floats(size_t columns, size_t k_count) {
  return round_up(columns, SL_GEMM_COLUMNS) * k_count;
}
static inline size_t gemm_panels(size_t columns) {
  return (columns + SL_GEMM_COLUMNS - 1) / SL_GEMM_COLUMNS;
}

/* One panel of b in all chunks. transposed: b is (columns, k_count) in memory, else (k_count,
 * columns); step is that of its rows. */
static inline void gemm_pack_panel(float *packed, const float *b, size_t step, int transposed,
                                   size_t panel, size_t columns, size_t k_count) {
  const size_t first = panel * SL_GEMM_COLUMNS, n = smaller(columns - first, SL_GEMM_COLUMNS);
  for (size_t k = 0; k < k_count; k += SL_DOT_CHUNK) {
    const size_t width = smaller(k_count - k, SL_DOT_CHUNK);
    float *to = packed + gemm_packed_floats(columns, k) + first * width;
    if (transposed)
      pack_transposed(to, SL_GEMM_COLUMNS, b + first * step + k, step, n, width);
    else
      pack_straight(to, SL_GEMM_COLUMNS, b + k * step + first, step, n, width);
  }
}

/* One term of a dot over parts (spec N3.4). */
typedef struct {
  const float *a;      /* (rows, k_count) */
  const float *packed; /* b */
  size_t a_step, k_count;
} gemm_part;

/* c = dot over parts, + bias; onto: c already holds a total that these terms follow. b has
 * `columns` columns; c begins at column `first`, that of a panel. */
typedef struct {
  float *c;
  const float *bias;
  const gemm_part *parts;
  size_t c_step, n_parts, columns, first;
  int onto;
} gemm;

static inline size_t gemm_last_part(const gemm *g) {
  size_t last = g->n_parts;
  while (last && g->parts[last - 1].k_count == 0) last--;
  return last;
}

static inline void gemm_no_terms(const gemm *g, size_t row_begin, size_t row_end, size_t begin,
                                 size_t end) {
  for (size_t i = row_begin; i < row_end; i++)
    for (size_t j = begin; j < end; j++) {
      float *c = &g->c[i * g->c_step + j - g->first];
      if (!g->onto) *c = 0.0f;
      if (g->bias) *c += g->bias[j];
    }
}

/* Lines of rows that are wanted soon. */
typedef struct {
  const float *from;
  size_t step, lines, rows, row, line; /* lines: of a row */
} gemm_fetch;
#define SL_GEMM_LINE 16 /* floats */

static inline void gemm_fetch_lines(gemm_fetch *f, size_t n) {
  for (; n && f->row < f->rows; n--) {
    __builtin_prefetch(f->from + f->row * f->step + f->line * SL_GEMM_LINE);
    if (++f->line == f->lines) f->line = 0, f->row++;
  }
}

/* One chunk of one part for rows [row_begin, row_end) and panels [panel_begin, panel_end). The
 * panel of a stays in L1, those of b in L2. Rows of a lie on pages of their own, where no hardware
 * prefetch follows: those of the next panel are fetched meanwhile, some lines a tile. */
static inline void gemm_chunk(const gemm *g, const gemm_part *p, size_t k, int add,
                              const float *bias, size_t row_begin, size_t row_end,
                              size_t panel_begin, size_t panel_end) {
  /* + 24: gcc cannot tell that a panel of 4 rows never takes the transpose of 8 */
  float a[SL_GEMM_ROWS * SL_DOT_CHUNK + 24] __attribute__((aligned(64)));
  const size_t width = smaller(p->k_count - k, SL_DOT_CHUNK);
  const float *b = p->packed + gemm_packed_floats(g->columns, k);
  for (size_t i = row_begin, rows; i < row_end; i += rows) {
    rows = smaller(row_end - i, SL_GEMM_ROWS);
    const float *row = p->a + i * p->a_step + k;
    const int direct = gemm_is_direct(rows, p->a_step, panel_end - panel_begin);
    if (!direct) pack_transposed(a, gemm_padded(rows), row, p->a_step, rows, width);
    gemm_fetch next = {row + rows * p->a_step,
                       p->a_step,
                       (width + SL_GEMM_LINE - 1) / SL_GEMM_LINE,
                       smaller(row_end - i - rows, SL_GEMM_ROWS),
                       0,
                       0};
    const size_t share = next.rows * next.lines / (panel_end - panel_begin) + 1;
    for (size_t panel = panel_begin; panel < panel_end; panel++) {
      const size_t j = panel * SL_GEMM_COLUMNS;
      const gemm_out o = {g->c + i * g->c_step + j - g->first, g->c_step, bias ? bias + j : NULL,
                          add};
      gemm_fetch_lines(&next, share);
      if (direct)
        gemm_direct_tile(&o, row, p->a_step, b + j * width, width,
                         smaller(g->columns - j, SL_GEMM_COLUMNS));
      else
        gemm_tile(&o, a, b + j * width, width, rows, smaller(g->columns - j, SL_GEMM_COLUMNS));
    }
  }
}

static inline void gemm_block(const gemm *g, size_t row_begin, size_t row_end, size_t panel_begin,
                              size_t panel_end) {
  const size_t last = gemm_last_part(g);
  int add = g->onto;
  if (last == 0)
    gemm_no_terms(g, row_begin, row_end, panel_begin * SL_GEMM_COLUMNS,
                  smaller(g->columns, panel_end * SL_GEMM_COLUMNS));
  for (size_t part = 0; part < last; part++) {
    const gemm_part *p = &g->parts[part];
    for (size_t k = 0; k < p->k_count; k += SL_DOT_CHUNK) {
      const int final = part + 1 == last && p->k_count - k <= SL_DOT_CHUNK;
      gemm_chunk(g, p, k, add, final ? g->bias : NULL, row_begin, row_end, panel_begin, panel_end);
      add = 1;
    }
  }
}

/* How a product is cut in blocks for threads: as few as let a block's part of b in one chunk fill
 * at most half of L2, and of equal width. With 2 MiB of L2, 10 to 32 panels took the same time on
 * AVX-512, but 28 a quarter more than 14 on AVX2. */
#ifdef __AVX512F__
#define SL_GEMM_BLOCK_PANELS 20
#else
#define SL_GEMM_BLOCK_PANELS 14
#endif
#define SL_GEMM_BLOCK_ROWS 240
typedef struct {
  gemm g;
  size_t rows, block_rows, row_blocks, block_panels, blocks;
} gemm_plan;

static inline size_t gemm_block_panels(size_t panels, size_t l2_bytes) {
  const size_t bytes = SL_GEMM_COLUMNS * SL_DOT_CHUNK * sizeof(float),
               most = smaller(larger(l2_bytes / 2 / bytes, 1), SL_GEMM_BLOCK_PANELS),
               blocks = (panels + most - 1) / most;
  return blocks ? (panels + blocks - 1) / blocks : 1;
}

static inline gemm_plan gemm_plan_for(const gemm *g, size_t rows, size_t l2_bytes) {
  size_t terms = 1;
  for (size_t i = 0; i < g->n_parts; i++) terms += g->parts[i].k_count;
  gemm_plan p = {.g = *g, .rows = rows};
  const size_t panels = gemm_panels(g->columns);
  p.block_panels = gemm_block_panels(panels, l2_bytes);
  const size_t width = p.block_panels * SL_GEMM_COLUMNS;
  p.block_rows =
      smaller(SL_GEMM_BLOCK_ROWS, round_up(SL_GEMM_GRAIN / (width * terms) + 1, SL_GEMM_ROWS));
  p.row_blocks = (rows + p.block_rows - 1) / p.block_rows;
  p.blocks = p.row_blocks * ((panels + p.block_panels - 1) / p.block_panels);
  return p;
}

static inline void gemm_range(void *arg, size_t begin, size_t end, int thread) {
  const gemm_plan *p = arg;
  const size_t panels = gemm_panels(p->g.columns);
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t row = i % p->row_blocks * p->block_rows,
                 panel = i / p->row_blocks * p->block_panels;
    gemm_block(&p->g, row, smaller(p->rows, row + p->block_rows), panel,
               smaller(panels, panel + p->block_panels));
  }
}

static inline sl_status gemm_run(sl_context *ctx, const gemm *g, size_t rows) {
  gemm_plan p = gemm_plan_for(g, rows, ctx->l2_bytes);
  return sl_parallel_for(ctx, p.blocks, 1, gemm_range, &p);
}

#endif
