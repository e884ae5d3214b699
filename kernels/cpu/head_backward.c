/* Gradient of log-prob and entropy, logits recomputed tile by tile (spec T4.3, N4.2).
 *
 * Three products of rows * vocab * d fmas (logits, dh, dw) and one exp per logit. A block of rows
 * is whole chunks of tokens, its masked rows left out: a chunk keeps the boundaries that its tokens
 * have in their sequence. For each block and group of the vocabulary w is packed twice, and dlogit
 * (rows * group) written and read back three times: 1 / rows and 1 / d of the work. The workspace
 * stays below 64 MiB up to d = 8192. */
#include "head.h"
#include "softmax.h"

#define BLOCK_FLOATS ((size_t)1 << 20)
#define GROUP_UNIT SL_DOT_CHUNK
#define GROUP_MAX ((size_t)4 * SL_DOT_CHUNK)

typedef struct {
  const float *dlogp, *dentropy, *entropy, *row_max, *row_sum, *h, *w;
  float *dh;
  const uint32_t *target;
  float inv_temperature;
  size_t d;
  head_group group;
  const uint32_t *row; /* of this block */
  size_t rows, row_blocks, g_step;
  float *g, *block_h, *block_dh;
} grad_job;

/* Overwrites a row's logits z with dlogit. */
static void logit_grad(float *z, const grad_job *j, size_t i) {
  const size_t n = j->group.columns, at = j->row[i], target = j->target[at] - j->group.first;
  const float max = j->row_max[at], inverse = 1.0f / j->row_sum[at],
              log_sum = sl_fn_log(j->row_sum[at]);
  const float dlogp = j->dlogp[at], dentropy = j->dentropy ? j->dentropy[at] : 0.0f,
              entropy = j->entropy[at];
  const float picked = target < n ? z[target] : 0.0f;
  for (size_t v = 0; v < n; v += SL_VW) {
    const vf y = v_load_n(z + v, n - v) * v_set(j->inv_temperature) - v_set(max),
             p = v_exp(y) * v_set(inverse);
    vf q = v_set(dlogp) * -p;
    if (dentropy != 0.0f)
      q = v_fma(-(v_set(dentropy) * p), (y - v_set(log_sum)) + v_set(entropy), q);
    v_store_n(z + v, n - v, q * v_set(j->inv_temperature));
  }
  if (target >= n) return;
  const float y = picked * j->inv_temperature - max, p = sl_fn_exp(y) * inverse;
  float q = dlogp * (1.0f - p);
  if (dentropy != 0.0f) q = fmaf(-(dentropy * p), (y - log_sum) + entropy, q);
  z[target] = q * j->inv_temperature;
}

/* Index: a block of SL_HEAD_ROWS rows. */
static void grad_range(void *arg, size_t begin, size_t end, int thread) {
  const grad_job *j = arg;
  (void)thread;
  for (size_t b = begin; b < end; b++) {
    const size_t first = b * SL_HEAD_ROWS, rows = smaller(SL_HEAD_ROWS, j->rows - first);
    float *z = head_logits(j->g + first * j->g_step, j->g_step, &j->group,
                           j->block_h + first * j->d, rows, j->d);
    for (size_t i = 0; i < rows; i++) logit_grad(z + i * j->g_step, j, first + i);
  }
}

/* Where things are in the workspace, in floats. */
typedef struct {
  size_t group_columns, block_rows, packs[2], g, h, dh, panels, row, chunk, stop, floats;
} layout;

static size_t take(layout *l, size_t floats) {
  const size_t at = l->floats;
  l->floats += round_up(floats, 16);
  return at;
}

static layout layout_for(size_t t, size_t d, size_t vocab, size_t n_chunks, size_t n_totals,
                         int packed) {
  layout l = {.group_columns = smaller(
                  GROUP_MAX, head_group_columns(vocab, d, GROUP_UNIT, SL_HEAD_PACK_FLOATS / 2))};
  const size_t fit = BLOCK_FLOATS / larger(l.group_columns, 2 * d) / SL_DOT_CHUNK * SL_DOT_CHUNK;
  l.block_rows = smaller(t, larger(fit, SL_DOT_CHUNK));
  l.packs[0] = take(&l, packed ? 0 : gemm_packed_floats(l.group_columns, d));
  l.packs[1] = take(&l, gemm_packed_floats(d, l.group_columns));
  l.g = take(&l, l.block_rows * head_tile_step(l.group_columns));
  l.h = take(&l, l.block_rows * d);
  l.dh = take(&l, l.block_rows * d);
  l.panels = take(&l, token_gemm_floats(l.group_columns, d, l.block_rows));
  l.row = take(&l, t);
  l.chunk = take(&l, n_chunks + 1);
  l.stop = take(&l, n_totals);
  return l;
}

/* The shards' totals: stop[k] chunks of tokens come before the end of total k. */
typedef struct {
  const sl_shard_total *total;
  size_t n;
  uint32_t *stop;
} shard_totals;

/* The unmasked rows chunk by chunk (spec N4.2), and which are whose; returns the number of chunks.
 * One without rows stays: it makes a total of -0 a +0. */
static size_t fill_rows(uint32_t *row, uint32_t *chunk, const shard_totals *totals,
                        const uint8_t *mask, const uint32_t *seq, size_t n_seq) {
  size_t n = 0, chunks = 0, k = 0;
  for (size_t s = 0; s < n_seq; s++) {
    for (; k < totals->n && totals->total[k].end <= seq[s]; k++) totals->stop[k] = (uint32_t)chunks;
    for (size_t begin = seq[s]; begin < seq[s + 1]; begin += SL_DOT_CHUNK) {
      const size_t end = smaller(seq[s + 1], begin + SL_DOT_CHUNK);
      chunk[chunks++] = (uint32_t)n;
      for (size_t i = begin; i < end; i++)
        if (mask[i]) row[n++] = (uint32_t)i;
    }
  }
  for (; k < totals->n; k++) totals->stop[k] = (uint32_t)chunks;
  chunk[chunks] = (uint32_t)n;
  return chunks;
}

/* Chunks of a block, of all the call's chunks. */
typedef struct {
  const uint32_t *chunk;
  size_t first, end;
  float *panels;
} chunk_block;

/* A group's part of each total's dw, from its part g of dlogit. */
static sl_status add_weights(sl_context *ctx, const grad_job *j, const float *g,
                             const shard_totals *totals, const chunk_block *b) {
  const size_t base = b->chunk[b->first];
  for (size_t k = 0, c = b->first, stop; k < totals->n; k++, c = larger(c, stop)) {
    stop = smaller(totals->stop[k], b->end);
    if (stop <= c) continue;
    const size_t at = b->chunk[c] - base;
    token_gemm outer = {totals->total[k].dw + j->group.first * j->d,
                        g + at * j->g_step,
                        j->block_h + at * j->d,
                        j->d,
                        j->g_step,
                        j->d,
                        j->group.columns,
                        j->d,
                        b->chunk + c,
                        stop - c,
                        b->panels};
    SL_TRY(token_gemm_run(ctx, &outer));
  }
  return SL_OK;
}

/* dlogit of a group of columns, then its part of dh and of dw. */
static sl_status run_group(sl_context *ctx, grad_job *j, const shard_totals *totals,
                           float *const packs[2], const void *packed, const chunk_block *b) {
  const float *w = j->w + j->group.first * j->d;
  head_pack straight = {packs[1], w, j->group.columns, j->d, 0},
            transposed = {packs[0], w, j->group.columns, j->d, 1};
  sl_status status = head_pack_run(ctx, &straight);
  if (!status && !packed) {
    status = head_pack_run(ctx, &transposed);
    j->group.packed = packs[0], j->group.pack_first = j->group.first,
    j->group.pack_columns = j->group.columns;
  }
  if (!status)
    status = sl_parallel_for(ctx, j->row_blocks,
                             grain_for(SL_HEAD_ROWS * j->group.columns * (j->d / 40 + 2)),
                             grad_range, j);
  if (status) return status;
  const float *g = j->g + (j->group.first - j->group.pack_first) % SL_GEMM_COLUMNS;
  const gemm_part part = {g, packs[1], j->g_step, j->group.columns};
  const gemm product = {.c = j->block_dh,
                        .parts = &part,
                        .c_step = j->d,
                        .n_parts = 1,
                        .columns = j->d,
                        .onto = j->group.first != 0};
  if ((status = gemm_run(ctx, &product, j->rows))) return status;
  return add_weights(ctx, j, g, totals, b);
}

/* One block of rows. */
static sl_status run_block(sl_context *ctx, grad_job *j, const shard_totals *totals,
                           float *const packs[2], const void *packed, const chunk_block *b,
                           const layout *l, size_t vocab) {
  head_gather(j->block_h, j->h, j->row, j->rows, j->d);
  j->row_blocks = (j->rows + SL_HEAD_ROWS - 1) / SL_HEAD_ROWS;
  for (size_t first = 0; first < vocab; first += l->group_columns) {
    j->group.first = first, j->group.columns = smaller(l->group_columns, vocab - first);
    SL_TRY(run_group(ctx, j, totals, packs, packed, b));
  }
  for (size_t i = 0; i < j->rows; i++)
    memcpy(j->dh + j->row[i] * j->d, j->block_dh + i * j->d, j->d * sizeof *j->dh);
  return SL_OK;
}

/* Chunks from `first` on whose rows fit the block. */
static size_t block_end(const uint32_t *chunk, size_t n_chunks, size_t first, size_t rows) {
  size_t end = first + 1;
  while (end < n_chunks && chunk[end + 1] - chunk[first] <= rows) end++;
  return end;
}

sl_status SL_ISA_NAME(logprob_backward)(sl_context *ctx, float *dh, const sl_shard_total *totals,
                                        size_t n_totals, const float *dlogp, const float *dentropy,
                                        const float *entropy, const float *row_max,
                                        const float *row_sum, const float *h, const float *w,
                                        const void *packed, const uint32_t *target,
                                        const uint8_t *mask, float inv_temperature,
                                        const uint32_t *seq, size_t n_seq, size_t d, size_t vocab) {
  const size_t t = n_seq ? seq[n_seq] : 0;
  const layout l =
      layout_for(t, d, vocab, n_seq ? token_chunk_count(seq, n_seq) : 0, n_totals, packed != NULL);
  float *at = sl_workspace(ctx, l.floats * sizeof *at);
  if (!at) return ctx->error.status;
  uint32_t *row = (uint32_t *)(void *)(at + l.row), *chunk = (uint32_t *)(void *)(at + l.chunk);
  const shard_totals shards = {totals, n_totals, (uint32_t *)(void *)(at + l.stop)};
  const size_t n_chunks = fill_rows(row, chunk, &shards, mask, seq, n_seq);
  float *const packs[2] = {at + l.packs[0], at + l.packs[1]};
  grad_job j = {
      dlogp, dentropy, entropy, row_max,         row_sum, h,
      w,     dh,       target,  inv_temperature, d,       .group = {packed, 0, vocab, 0, 0}};
  j.g_step = head_tile_step(l.group_columns), j.g = at + l.g, j.block_h = at + l.h,
  j.block_dh = at + l.dh;
  for (size_t first = 0, end; first < n_chunks; first = end) {
    end = block_end(chunk, n_chunks, first, l.block_rows);
    j.row = row + chunk[first], j.rows = chunk[end] - chunk[first];
    const chunk_block b = {chunk, first, end, at + l.panels};
    SL_TRY(run_block(ctx, &j, &shards, packs, packed, &b, &l, vocab));
  }
  for (size_t i = 0; i < t; i++)
    if (!mask[i]) memset(dh + i * d, 0, d * sizeof *dh);
  return SL_OK;
}
