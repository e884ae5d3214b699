/* Gradient of causal grouped-query attention in vectors (spec T3.4).
 *
 * For a tile of queries and keys, scores s and dp are dots over components (keys and values are
 * transposed once, panel.h), then P and ds stay in scratch and feed dq (chains over keys) and dk,
 * dv (chains over queries). A pair of query and key costs 5 d fmas and one exp, so the floor is (5
 * d / lanes) cycles an fma unit plus the exp. That is for one walk over a (sequence, kv head), in
 * the order of the clause: heads, then queries, then keys. Where these are too few or too uneven
 * for the threads, dq and dk, dv walk on their own and the scores are computed twice (7 d). Both
 * walks take the same chunks in the same order. Scratch: two tiles and one row chunk of dq per
 * thread, keys and values transposed once. */
#include "cpu.h"
#include "panel.h"
#include "tile.h"
#include "functions.h"

#include <math.h>
#include <string.h>

/* Keys of a tile, a divisor of the chunk; the tile's queries are one chunk. Rows lie an odd number
 * of cache lines apart. */
#define TILE_KEYS (SL_DOT_CHUNK < 64 ? SL_DOT_CHUNK : 64)
#define TILE_ROW 80
_Static_assert(SL_DOT_CHUNK % TILE_KEYS == 0, "tiles of keys do not straddle chunks");

/* Tokens of a unit where dq and dk, dv walk on their own. */
#define BLOCK_TOKENS 64

typedef struct {
  float *dq, *dk, *dv;
  const float *d_o, *o, *q, *k, *v, *row_max, *row_scale;
  const uint32_t *seq;
  size_t n_seq, heads, kv_heads, d, t;
  float *key_panels, *value_panels, *delta; /* D_i of the clause, (t, heads) */
  float *scratch;
  size_t scratch_floats, blocks;
  float scale;
} job;

/* Queries and keys of one sequence and kv head that a walk covers, by position, and which gradients
 * it makes. */
typedef struct {
  size_t s, g, q_begin, q_end, k_begin, k_end;
  int want_q, want_kv;
} walk;

/* A tile: queries [i0, i1) and keys [j0, j1) of a head, by position. */
typedef struct {
  size_t first, h, g, i0, i1, j0, j1;
} tile_range;

typedef struct {
  float *p, *ds, *chain;
} tiles;

static size_t query_at(const job *b, size_t first, size_t i, size_t h) {
  return ((first + i) * b->heads + h) * b->d;
}
static size_t key_at(const job *b, size_t first, size_t j, size_t g) {
  return ((first + j) * b->kv_heads + g) * b->d;
}

/* From dots to P and ds for the first n keys of a row, +0 up to `end` (zero terms cannot affect a
 * result: lanes.h). */
static void pair_row(float *p, float *ds, size_t n, size_t end, float scale, float max,
                     float inverse, float delta) {
  const vf vs = v_set(scale), vm = v_set(max), vr = v_set(inverse), vd = v_set(delta);
  for (size_t j = 0; j < end; j += SL_VW) {
    if (j >= n) {
      v_store(p + j, v_zero());
      v_store(ds + j, v_zero());
      continue;
    }
    vf probability = v_exp(v_load(p + j) * vs - vm) * vr;
    vf grad = probability * (v_load(ds + j) - vd);
    if (n - j < SL_VW) {
      probability = v_select(v_mask(n - j), probability, v_zero());
      grad = v_select(v_mask(n - j), grad, v_zero());
    }
    v_store(p + j, probability);
    v_store(ds + j, grad);
  }
}

static void make_pairs(const job *b, const tiles *x, tile_range r, size_t length) {
  const size_t rows = r.i1 - r.i0, keys = r.j1 - r.j0, stride = panel_stride(length),
               query = query_at(b, r.first, r.i0, r.h);
  const size_t at = panel_base(r.first) * b->kv_heads * b->d + r.g * b->d * stride + r.j0;
  const sl_tile s = {x->p, TILE_ROW, b->q + query, b->heads * b->d, 1, b->key_panels + at, stride};
  const sl_tile dp = {x->ds, TILE_ROW, b->d_o + query, b->heads * b->d, 1, b->value_panels + at,
                      stride};
  tile_dot(&s, rows, keys, b->d);
  tile_dot(&dp, rows, keys, b->d);
  for (size_t i = r.i0; i < r.i1; i++) {
    const size_t row = (r.first + i) * b->heads + r.h, at_row = (i - r.i0) * TILE_ROW;
    pair_row(x->p + at_row, x->ds + at_row, smaller(keys, i + 1 - r.j0), keys, b->scale,
             b->row_max[row], b->row_scale[row], b->delta[row]);
  }
}

/* dk and dv of the tile's keys: one chunk of queries onto the totals. On the diagonal a block of
 * keys skips the queries before it. */
static void add_keys(const job *b, const tiles *x, tile_range r) {
  const size_t keys = r.j1 - r.j0, step = r.j1 - 1 > r.i0 ? SL_TILE_ROWS : keys,
               width = b->heads * b->d, out = b->kv_heads * b->d;
  for (size_t j = 0; j < keys; j += step) {
    const size_t skip = r.j0 + j > r.i0 ? r.j0 + j - r.i0 : 0, n = r.i1 - r.i0 - skip,
                 rows = smaller(step, keys - j);
    const size_t query = query_at(b, r.first, r.i0 + skip, r.h),
                 key = key_at(b, r.first, r.j0 + j, r.g), at = skip * TILE_ROW + j;
    const sl_tile dk = {b->dk + key, out, x->ds + at, 1, TILE_ROW, b->q + query, width};
    const sl_tile dv = {b->dv + key, out, x->p + at, 1, TILE_ROW, b->d_o + query, width};
    tile_chunk(&dk, SL_TILE_ADD, rows, b->d, n);
    tile_chunk(&dv, SL_TILE_ADD, rows, b->d, n);
  }
}

/* Chains of dq go on over the tile's keys. On the diagonal a block of queries leaves out the keys
 * behind it. */
static void carry_queries(const job *b, const tiles *x, tile_range r, float *chain) {
  const size_t rows = r.i1 - r.i0, keys = r.j1 - r.j0, step = r.j1 - 1 > r.i0 ? SL_TILE_ROWS : rows,
               row = round_up(b->d, 16);
  for (size_t i = 0; i < rows; i += step) {
    const size_t n = smaller(step, rows - i);
    const sl_tile dq = {chain + i * row,   row, x->ds + i * TILE_ROW,
                        TILE_ROW,          1,   b->k + key_at(b, r.first, r.j0, r.g),
                        b->kv_heads * b->d};
    tile_chunk(&dq, SL_TILE_CARRY, n, b->d, smaller(keys, r.i0 + i + n - r.j0));
  }
}

/* total += chain, chain = +0 for the queries [i0, i1); at last total = scale * total. */
static void flush_queries(const job *b, float *chain, size_t first, size_t i0, size_t i1, size_t h,
                          int begin, int end) {
  const vf scale = v_set(b->scale);
  for (size_t i = i0; i < i1; i++, chain += round_up(b->d, 16)) {
    float *total = b->dq + query_at(b, first, i, h);
    for (size_t c = 0; c < b->d; c += SL_VW) {
      const size_t n = b->d - c;
      vf sum = (begin ? v_zero() : v_load_n(total + c, n)) + v_load(chain + c);
      v_store_n(total + c, n, end ? scale * sum : sum);
      v_store(chain + c, v_zero());
    }
  }
}

/* One head and one chunk of queries [i0, i1) of a walk. */
static void walk_chunk(const job *b, const tiles *x, const walk *w, size_t h, size_t i0,
                       size_t i1) {
  const size_t first = b->seq[w->s], length = b->seq[w->s + 1] - first,
               stop = smaller(w->k_end, i1);
  int begin = 1;
  for (size_t j0 = w->k_begin, j1; j0 < stop; j0 = j1) {
    j1 = smaller(stop, (j0 / TILE_KEYS + 1) * TILE_KEYS);
    const tile_range r = {first, h, w->g, larger(i0, j0), i1, j0, j1};
    make_pairs(b, x, r, length);
    if (w->want_kv) add_keys(b, x, r);
    if (!w->want_q) continue;
    carry_queries(b, x, r, x->chain + (r.i0 - i0) * round_up(b->d, 16));
    if (j1 % SL_DOT_CHUNK && j1 < stop) continue;
    flush_queries(b, x->chain, first, i0, i1, h, begin, j1 == stop);
    begin = 0;
  }
}

static void zero_rows(const job *b, const walk *w, float *x) {
  for (size_t j = w->k_begin; j < w->k_end; j++)
    memset(x + key_at(b, b->seq[w->s], j, w->g), 0, b->d * sizeof *x);
}

static void scale_rows(const job *b, const walk *w, float *x) {
  for (size_t j = w->k_begin; j < w->k_end; j++) {
    float *row = x + key_at(b, b->seq[w->s], j, w->g);
    for (size_t c = 0; c < b->d; c++) row[c] = b->scale * row[c];
  }
}

static void run_walk(const job *b, const tiles *x, const walk *w) {
  const size_t group = b->heads / b->kv_heads;
  if (w->want_kv) zero_rows(b, w, b->dk), zero_rows(b, w, b->dv);
  for (size_t h = w->g * group; h < (w->g + 1) * group; h++)
    for (size_t i0 = w->q_begin, i1; i0 < w->q_end; i0 = i1) {
      i1 = smaller(w->q_end, (i0 / SL_DOT_CHUNK + 1) * SL_DOT_CHUNK);
      walk_chunk(b, x, w, h, i0, i1);
    }
  if (w->want_kv) scale_rows(b, w, b->dk);
}

static tiles scratch_of(const job *b, int thread) {
  float *p = b->scratch + (size_t)thread * b->scratch_floats;
  const tiles x = {p, p + SL_DOT_CHUNK * TILE_ROW, p + 2 * SL_DOT_CHUNK * TILE_ROW};
  memset(x.chain, 0, SL_DOT_CHUNK * round_up(b->d, 16) * sizeof *x.chain);
  return x;
}

/* Units are (sequence, kv head). */
static void whole_range(void *arg, size_t begin, size_t end, int thread) {
  const job *b = arg;
  const tiles x = scratch_of(b, thread);
  for (size_t u = begin; u < end; u++) {
    const size_t s = u / b->kv_heads, length = b->seq[s + 1] - b->seq[s];
    const walk w = {s, u % b->kv_heads, 0, length, 0, length, 1, 1};
    run_walk(b, &x, &w);
  }
}

/* Units are (dk and dv or dq, block of tokens, kv head). */
static void split_range(void *arg, size_t begin, size_t end, int thread) {
  const job *b = arg;
  const tiles x = scratch_of(b, thread);
  for (size_t u = begin; u < end; u++) {
    const size_t g = u % b->kv_heads, block = u / b->kv_heads % b->blocks,
                 want_q = u / b->kv_heads / b->blocks;
    size_t token = block * BLOCK_TOKENS;
    const size_t stop = smaller(token + BLOCK_TOKENS, b->t);
    for (size_t s = sequence_of(b->seq, b->n_seq, token); token < stop; s++) {
      const size_t first = b->seq[s], length = b->seq[s + 1] - first, from = token - first,
                   to = smaller(length, stop - first);
      const walk queries = {s, g, from, to, 0, to, 1, 0},
                 keys = {s, g, from, length, from, to, 0, 1};
      if (from < to) run_walk(b, &x, want_q ? &queries : &keys);
      token = first + larger(from, to);
    }
  }
}

/* D_i of the rows [begin, end) of (t, heads): eight chains at once hide the latency of fma. */
static void delta_rows(const job *b, size_t begin, size_t end) {
  const size_t d = b->d;
  for (size_t r = begin; r < end; r += 8) {
    const size_t rows = smaller(8, end - r);
    float total[8] = {0};
    for (size_t c0 = 0; c0 < d; c0 += SL_DOT_CHUNK) {
      float chain[8] = {0};
      for (size_t c = c0; c < smaller(d, c0 + SL_DOT_CHUNK); c++)
        for (size_t i = 0; i < 8; i++) {
          const size_t at = (r + smaller(i, rows - 1)) * d + c;
          chain[i] = fmaf(b->d_o[at], b->o[at], chain[i]);
        }
      for (size_t i = 0; i < 8; i++) total[i] += chain[i];
    }
    for (size_t i = 0; i < rows; i++) b->delta[r + i] = total[i];
  }
}

static void prepare_range(void *arg, size_t begin, size_t end, int thread) {
  const job *b = arg;
  (void)thread;
  panel_tokens(b->key_panels, b->k, b->seq, b->n_seq, b->kv_heads * b->d, begin, end);
  panel_tokens(b->value_panels, b->v, b->seq, b->n_seq, b->kv_heads * b->d, begin, end);
  delta_rows(b, begin * b->heads, end * b->heads);
}

/* Pairs of query and key of the batch, and of its longest sequence. */
static double count_pairs(const job *b, double *most) {
  double pairs = 0.0;
  *most = 0.0;
  for (size_t s = 0; s < b->n_seq; s++) {
    const double n = (double)(b->seq[s + 1] - b->seq[s]);
    pairs += 0.5 * n * n;
    if (0.5 * n * n > *most) *most = 0.5 * n * n;
  }
  return pairs;
}

static sl_status place(sl_context *ctx, job *b) {
  const size_t panel = round_up(panel_base(b->t) * b->kv_heads * b->d, 16),
               delta = round_up(b->t * b->heads, 16);
  b->scratch_floats = SL_DOT_CHUNK * (2 * TILE_ROW + round_up(b->d, 16));
  b->key_panels = sl_workspace(
      ctx, (2 * panel + delta + b->scratch_floats * (size_t)ctx->threads) * sizeof(float));
  if (!b->key_panels) return ctx->error.status;
  b->value_panels = b->key_panels + panel;
  b->delta = b->value_panels + panel;
  b->scratch = b->delta + delta;
  return SL_OK;
}

sl_status SL_ISA_NAME(attention_backward)(sl_context *ctx, float *dq, float *dk, float *dv,
                                          const float *d_o, const float *o, const float *q,
                                          const float *k, const float *v, const float *row_max,
                                          const float *row_scale, const uint32_t *seq, size_t n_seq,
                                          size_t heads, size_t kv_heads, size_t d) {
  job b = {dq,
           dk,
           dv,
           d_o,
           o,
           q,
           k,
           v,
           row_max,
           row_scale,
           seq,
           n_seq,
           heads,
           kv_heads,
           d,
           n_seq ? seq[n_seq] : 0,
           .scale = (float)(1.0 / sqrt((double)d))};
  if (b.t == 0) return SL_OK;
  sl_status status = place(ctx, &b);
  if (status) return status;
  if ((status =
           sl_parallel_for(ctx, b.t, grain_for((heads + 2 * kv_heads) * d), prepare_range, &b)))
    return status;
  double most;
  const double pairs = count_pairs(&b, &most), threads = (double)ctx->threads,
               group = (double)heads / (double)kv_heads;
  const size_t ns = d / 4 + 4; /* of a pair, roughly */
  if (threads == 1.0 || 2.0 * threads * most <= pairs * (double)kv_heads) {
    const size_t units = n_seq * kv_heads;
    return sl_parallel_for(ctx, units, grain_for((size_t)(pairs / (double)n_seq * group) * ns),
                           whole_range, &b);
  }
  b.blocks = (b.t + BLOCK_TOKENS - 1) / BLOCK_TOKENS;
  const size_t units = 2 * b.blocks * kv_heads;
  return sl_parallel_for(ctx, units, grain_for((size_t)(pairs / (double)b.blocks * group) * ns),
                         split_range, &b);
}
