/* Causal grouped-query attention, forward and decode, in vectors (spec T3.1, T3.2).
 *
 * Scores are chains over components, so a vector holds keys: forward transposes the keys once
 * (panel.h); the cache already holds them that way. Outputs are chains over keys, so a vector holds
 * components. Rows go in blocks of 16 queries of a head (forward) or of the heads of a group
 * (decode) that share keys and values, key chunk by key chunk. A pair of query and key costs 2 d
 * fmas and one exp: the floor is (2 d / lanes) cycles an fma unit, plus the exp; joining a chunk
 * adds 2 d operations and one exp per row, 1/64 of that. Where a vector holds all keys, they go
 * another way (attention_few.h). A block reads its keys and values once, 8 d bytes per key, and
 * decode from a cache: its floor is memory once the cache outgrows L2. Scratch: 16 rows of one
 * chunk's scores and of outputs a thread, which stay in L1, and the keys once. */
#include "cpu.h"
#include "attention_few.h"
#include "panel.h"
#include "tile.h"
#include "functions.h"

#include <math.h>

#define ROWS 16
/* Whole vectors of either instruction set. */
#define SCORE_ROW ((SL_KEY_CHUNK + 15) / 16 * 16)

/* Rows of scores of one chunk: row i has the first min(keys, first + i * more) keys, at
 * least one. */
typedef struct {
  float *score;
  size_t rows, first, more, keys;
  float scale;
} chunk_rows;

static inline size_t keys_of(const chunk_rows *c, size_t i) {
  return smaller(c->keys, c->first + i * c->more);
}

/* The largest of s[0..n) * scale, which is that of s, scaled: rounding is monotone. -inf takes the
 * rest of the last vector. */
static inline float max_row(float *s, size_t n, float scale) {
  const vf lowest = v_set(-INFINITY);
  vf max = lowest;
  size_t j = 0;
  for (; j + SL_VW <= n; j += SL_VW) max = v_max(max, v_load(s + j));
  if (j < n) {
    const vf x = v_select(v_mask(n - j), v_load(s + j), lowest);
    v_store(s + j, x);
    max = v_max(max, x);
  }
  return v_max_lane(max) * scale + 0.0f;
}

/* The lanes and butterfly of spec N3.6 over whole vectors. */
static inline float sum_row(const float *s, size_t end) {
  lanes l = lanes_zero();
  for (size_t i = 0; i < end; i += SL_SUM_LANES)
    for (size_t v = 0; v < SL_LANE_VECTORS && i + v * SL_VW < end; v++)
      l.v[v] += v_load(s + i + v * SL_VW);
  return lanes_total(&l);
}

/* Maximum and sum of the rows' weights, which take the place of their scores: +0 beyond a row's own
 * keys. Maxima, exps and sums in turn, so that none waits for another of its row. */
static void weigh_rows(const chunk_rows *c, float *max, float *sum) {
  const size_t end = round_up(c->keys, SL_VW), rows = c->rows;
  for (size_t i = 0; i < rows; i++) {
    float *s = c->score + i * SCORE_ROW;
    max[i] = max_row(s, keys_of(c, i), c->scale);
    for (size_t j = round_up(keys_of(c, i), SL_VW); j < end; j += SL_VW)
      v_store(s + j, v_set(-INFINITY));
  }
  const vf by = v_set(c->scale);
  for (size_t i = 0; i < rows; i++) {
    float *s = c->score + i * SCORE_ROW;
    const vf m = v_set(max[i]);
    for (size_t j = 0; j < end; j += SL_VW) v_store(s + j, v_exp(v_load(s + j) * by - m));
  }
  for (size_t i = 0; i < rows; i++) sum[i] = sum_row(c->score + i * SCORE_ROW, end);
}

/* The same for at most SL_SUM_LANES keys, a lane each: the rows are packed, so that one run of exps
 * serves them all. Each row is stored in whole vectors; what they hold beyond the row is
 * overwritten by the next. */
static void weigh_short_rows(const chunk_rows *c, float *max, float *sum) {
  float packed[(ROWS + 1) * SL_SUM_LANES];
  size_t at = 0;
  for (size_t i = 0; i < c->rows; i++) {
    float *s = c->score + i * SCORE_ROW;
    const size_t n = keys_of(c, i);
    max[i] = max_row(s, n, c->scale);
    for (size_t j = 0; j < n; j += SL_VW)
      v_store(packed + at + j, v_load(s + j) * v_set(c->scale) - v_set(max[i]));
    at += n;
  }
  for (size_t j = 0; j < at; j += SL_VW) v_store(packed + j, v_exp(v_load(packed + j)));
  at = 0;
  for (size_t i = 0; i < c->rows; i++) {
    float *s = c->score + i * SCORE_ROW;
    const size_t n = keys_of(c, i);
    lanes l = lanes_zero();
    for (size_t v = 0; v < SL_LANE_VECTORS && v * SL_VW < c->keys; v++) {
      if (v * SL_VW < n) l.v[v] = v_load_part(packed + at + v * SL_VW, v_mask(n - v * SL_VW));
      v_store(s + v * SL_VW, l.v[v]);
    }
    sum[i] = lanes_total(&l) + 0.0f;
    at += n;
  }
}

/* M and L of the rows so far; maximum and sum of the chunk, then the factors a and b that
 * join it. */
typedef struct {
  float max[ROWS], sum[ROWS], chunk_max[ROWS], chunk_sum[ROWS], keep[ROWS], take[ROWS];
} softmax_rows;

/* One of a and b is 1, the other is exp(-|M - m|) <= 1. */
static void join_sums(softmax_rows *x, size_t rows) {
  const vf one = v_set(1.0f);
  for (size_t i = 0; i < rows; i += SL_VW) {
    const vf before = v_load(x->max + i), chunk = v_load(x->chunk_max + i),
             less = v_exp(-v_abs(before - chunk));
    const vf keep = v_max(less, v_zero_below(one, before, chunk)),
             take = v_max(less, v_zero_below(one, chunk, before));
    v_store(x->keep + i, keep), v_store(x->take + i, take);
    v_store(x->sum + i, v_fma(v_load(x->chunk_sum + i), take, v_load(x->sum + i) * keep));
    v_store(x->max + i, v_max(before, chunk));
  }
}

/* Joins the outputs of a chunk, w of spec T3.1, to those before it. */
static void join_outputs(const rows_job *r, const softmax_rows *x, size_t begin, size_t end) {
  const size_t d = r->d;
  for (size_t i = begin; i < end; i++) {
    const vf keep = v_set(x->keep[i]), take = v_set(x->take[i]);
    float *o = r->total + i * r->total_row;
    const float *w = r->chunk + i * r->total_row;
    for (size_t c = 0; c < d; c += SL_VW)
      v_store(o + c, v_fma(v_load(w + c), take, v_load(o + c) * keep));
  }
}

/* Joins the key chunk at `begin` to the rows that reach it (inline, or short sequences lose 5% to
 * its arguments); each row has `more` keys than the one before. Zero terms beyond a row's own keys,
 * and a first chunk that is stored instead of joined to +0, cannot affect its output: they change
 * at most the sign of a zero (lanes.h), which the + 0 at the end of spec T3.1 takes away. */
static inline __attribute__((always_inline)) void join_chunk(const rows_job *r, softmax_rows *x,
                                                             size_t rows, size_t first_n,
                                                             size_t more, size_t begin) {
  const size_t skip = first_n > begin ? 0 : begin - first_n + 1,
               here = first_n + skip * more - begin;
  float *score = r->score + skip * SCORE_ROW, *max = begin ? x->chunk_max : x->max,
        *sum = begin ? x->chunk_sum : x->sum;
  float *w = begin ? r->chunk : r->total;
  const chunk_rows c = {
      score,   rows - skip, here, more, smaller(SL_KEY_CHUNK, here + (rows - skip - 1) * more),
      r->scale};
  const sl_tile scores = {score, SCORE_ROW,    r->q + skip * r->q_row, r->q_row,
                          1,     r->k + begin, r->k_component};
  const sl_tile outputs = {w + skip * r->total_row, r->total_row, score, SCORE_ROW, 1,
                           r->v + begin * r->v_key, r->v_key};
  tile_dot(&scores, c.rows, c.keys, r->d);
  for (size_t i = 0; i < skip; i++) max[i] = -INFINITY, sum[i] = 0.0f;
  if (c.keys <= SL_SUM_LANES)
    weigh_short_rows(&c, max + skip, sum + skip);
  else
    weigh_rows(&c, max + skip, sum + skip);
  tile_chunk(&outputs, SL_TILE_SET, c.rows, r->d, c.keys);
  if (begin == 0) return;
  join_sums(x, rows);
  join_outputs(r, x, skip, rows);
}

/* Lanes without a row are joined too. By vectors: otherwise gcc makes it a slow string store. */
static inline void clear(softmax_rows *x) {
  for (size_t i = 0; i < ROWS; i += SL_VW)
    v_store(x->max + i, v_zero()), v_store(x->sum + i, v_zero()),
        v_store(x->chunk_max + i, v_zero()), v_store(x->chunk_sum + i, v_zero());
}

/* Row i attends to the keys [0, first_n + i * more), more being 0 or 1. */
static void attend(const rows_job *r, size_t rows, size_t first_n, size_t more) {
  const size_t n = first_n + (rows - 1) * more;
  softmax_rows x;
  if (are_few(n, r->d)) {
    attend_few(r, rows, first_n, more);
    return;
  }
  if (n > SL_KEY_CHUNK) clear(&x);
  join_chunk(r, &x, rows, first_n, more, 0);
  for (size_t begin = SL_KEY_CHUNK; begin < n; begin += SL_KEY_CHUNK)
    join_chunk(r, &x, rows, first_n, more, begin);
  for (size_t i = 0; i < rows; i++) {
    const float inverse = 1.0f / x.sum[i];
    if (r->row_max) r->row_max[i * r->stat_row] = x.max[i], r->row_scale[i * r->stat_row] = inverse;
    for (size_t c = 0; c < r->d; c += SL_VW)
      v_store_n(r->o + i * r->o_row + c, r->d - c,
                v_set(inverse) * v_load(r->total + i * r->total_row + c) + v_zero());
  }
}

/* Scratch of one thread, in floats. */
static size_t scratch_of(size_t d) { return ROWS * (SCORE_ROW + 2 * round_up(d, 16)); }

static void place_scratch(rows_job *r, float *scratch) {
  r->score = scratch;
  r->total = scratch + ROWS * SCORE_ROW;
  r->total_row = round_up(r->d, 16);
  r->chunk = r->total + ROWS * r->total_row;
}

typedef struct {
  float *o, *row_max, *row_scale;
  const float *q, *k, *v;
  const uint32_t *seq;
  size_t n_seq, heads, kv_heads, d;
  float *panels, *scratch;
  size_t scratch_floats;
  float scale;
} forward_job;

/* Queries [begin, end) of sequence s at head h. */
static void forward_head(const forward_job *f, float *scratch, size_t s, size_t begin, size_t end,
                         size_t h) {
  const size_t first = f->seq[s], length = f->seq[s + 1] - first, g = h / (f->heads / f->kv_heads),
               d = f->d;
  rows_job r = {.v = f->v + (first * f->kv_heads + g) * d,
                .v_key = f->kv_heads * d,
                .d = d,
                .scale = f->scale};
  r.k_component = panel_stride(length);
  r.k = f->panels + panel_base(first) * f->kv_heads * d + g * d * r.k_component;
  r.o_row = r.q_row = f->heads * d;
  r.stat_row = f->heads;
  place_scratch(&r, scratch);
  for (size_t i = begin; i < end; i += ROWS) {
    const size_t at = i * f->heads + h;
    r.q = f->q + at * d, r.o = f->o + at * d, r.row_max = f->row_max + at,
    r.row_scale = f->row_scale + at;
    attend(&r, smaller(ROWS, end - i), i - first + 1, 1);
  }
}

static void forward_range(void *arg, size_t begin, size_t end, int thread) {
  const forward_job *f = arg;
  float *scratch = f->scratch + (size_t)thread * f->scratch_floats;
  for (size_t s = sequence_of(f->seq, f->n_seq, begin); begin < end; s++) {
    const size_t stop = smaller(end, f->seq[s + 1]);
    for (size_t h = 0; h < f->heads && begin < stop; h++)
      forward_head(f, scratch, s, begin, stop, h);
    begin = larger(begin, stop);
  }
}

static void panel_range(void *arg, size_t begin, size_t end, int thread) {
  const forward_job *f = arg;
  (void)thread;
  panel_tokens(f->panels, f->k, f->seq, f->n_seq, f->kv_heads * f->d, begin, end);
}

/* Rough cost of a pair of query and key, and the pairs of an average token. */
static size_t pair_ns(size_t d) { return d / 16 + 2; }
static size_t pairs_per_token(const uint32_t *seq, size_t n_seq) {
  double pairs = 0.0;
  for (size_t s = 0; s < n_seq; s++)
    pairs += 0.5 * (double)(seq[s + 1] - seq[s]) * (double)(seq[s + 1] - seq[s]);
  return (size_t)(pairs / (double)seq[n_seq]) + 1;
}

sl_status SL_ISA_NAME(attention_forward)(sl_context *ctx, float *o, float *row_max,
                                         float *row_scale, const float *q, const float *k,
                                         const float *v, const uint32_t *seq, size_t n_seq,
                                         size_t heads, size_t kv_heads, size_t d) {
  const size_t t = n_seq ? seq[n_seq] : 0, width = kv_heads * d;
  if (t == 0) return SL_OK;
  forward_job f = {o,   row_max, row_scale, q,        k, v,
                   seq, n_seq,   heads,     kv_heads, d, .scale = (float)(1.0 / sqrt((double)d))};
  f.scratch_floats = scratch_of(d);
  const size_t panel_floats = round_up(panel_base(t) * width, 16);
  f.panels = sl_workspace(
      ctx, (panel_floats + f.scratch_floats * (size_t)ctx->threads) * sizeof *f.panels);
  if (!f.panels) return ctx->error.status;
  f.scratch = f.panels + panel_floats;
  SL_TRY(sl_parallel_for(ctx, t, grain_for(width), panel_range, &f));
  const size_t grain = grain_for(heads * pairs_per_token(seq, n_seq) * pair_ns(d));
  return sl_parallel_for(ctx, t, round_up(grain, ROWS), forward_range, &f);
}

typedef struct {
  float *o;
  const float *q, *k, *v;
  const uint32_t *slot, *position;
  size_t heads, kv_heads, d, capacity;
  float *scratch;
  size_t scratch_floats;
  float scale;
} decode_job;

static void decode_range(void *arg, size_t begin, size_t end, int thread) {
  const decode_job *j = arg;
  const size_t group = j->heads / j->kv_heads, d = j->d;
  rows_job r = {
      .o_row = d, .q_row = d, .k_component = j->capacity, .v_key = d, .d = d, .scale = j->scale};
  place_scratch(&r, j->scratch + (size_t)thread * j->scratch_floats);
  for (size_t u = begin; u < end; u++) {
    const size_t row = u / j->kv_heads, g = u % j->kv_heads,
                 cache = (j->slot[row] * j->kv_heads + g) * d * j->capacity;
    r.k = j->k + cache, r.v = j->v + cache;
    for (size_t h = 0; h < group; h += ROWS) {
      const size_t at = (row * j->heads + g * group + h) * d;
      r.q = j->q + at, r.o = j->o + at;
      attend(&r, smaller(ROWS, group - h), j->position[row] + (size_t)1, 0);
    }
  }
}

sl_status SL_ISA_NAME(attention_decode)(sl_context *ctx, float *o, const float *q,
                                        const float *k_cache, const float *v_cache,
                                        const uint32_t *slot, const uint32_t *position, size_t b,
                                        size_t heads, size_t kv_heads, size_t d, size_t capacity,
                                        size_t slots) {
  if (b == 0) return SL_OK;
  decode_job j = {o,
                  q,
                  k_cache,
                  v_cache,
                  slot,
                  position,
                  heads,
                  kv_heads,
                  d,
                  capacity,
                  .scale = (float)(1.0 / sqrt((double)d))};
  size_t keys = 0;
  for (size_t i = 0; i < b; i++) {
    SL_VERIFY(slot[i] < slots && position[i] < capacity);
    keys += position[i] + (size_t)1;
  }
  j.scratch_floats = scratch_of(d);
  j.scratch = sl_workspace(ctx, j.scratch_floats * (size_t)ctx->threads * sizeof *j.scratch);
  if (!j.scratch) return ctx->error.status;
  const size_t group = heads / kv_heads;
  return sl_parallel_for(ctx, b * kv_heads, grain_for(50 + group * (keys / b + 8) * pair_ns(d)),
                         decode_range, &j);
}
