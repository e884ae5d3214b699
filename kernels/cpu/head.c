/* Log-prob and entropy of target tokens, logits tile by tile (spec T4.1, T4.2, N3.9).
 *
 * rows * vocab * d fmas, one exp per logit (about 60 operations), w moved once for each BLOCK_ROWS
 * rows: fmas are the floor from d of some tens on. Masked rows are dropped before anything is
 * computed. Nothing of size rows * vocab is stored: a tile of logits of SL_HEAD_ROWS * SL_SUM_CHUNK
 * a thread, three floats per row and chunk, packed weights of at most 16 MiB (or of one chunk, if d
 * > 4096). */
#include "head.h"
#include "softmax.h"

#define BLOCK_ROWS 1024

typedef struct {
  float *logp, *entropy, *row_max, *row_sum;
  const float *h, *w;
  const uint32_t *target;
  float inv_temperature;
  size_t d, vocab, rows, chunks;
  head_group group;
  uint32_t *row; /* of this block */
  float *own_pack, *picked;
  sums *chunk; /* (rows, chunks) */
  float *scratch;
  size_t scratch_floats, row_blocks;
} head_job;

static size_t tile_floats(size_t d) {
  return round_up(SL_HEAD_ROWS * (head_tile_step(SL_SUM_CHUNK) + d) + SL_SUM_CHUNK + SL_VW, 16);
}

static void row_chunk(const head_job *j, size_t i, size_t c, float *z, const float *logits) {
  const size_t begin = c * SL_SUM_CHUNK, n = smaller(SL_SUM_CHUNK, j->vocab - begin),
               target = j->target[j->row[i]];
  j->chunk[i * j->chunks + c] = chunk_sums(z, n, temper(z, logits, n, j->inv_temperature), NULL);
  if (target >= begin && target < begin + n) j->picked[i] = z[target - begin];
}

/* Index: a block of rows and a chunk of the group, rows fastest. */
static void tile_range(void *arg, size_t begin, size_t end, int thread) {
  const head_job *j = arg;
  float *h = j->scratch + (size_t)thread * j->scratch_floats, *z = h + SL_HEAD_ROWS * j->d;
  const size_t step = head_tile_step(SL_SUM_CHUNK);
  float *tempered = z + SL_HEAD_ROWS * step;
  for (size_t i = begin; i < end; i++) {
    const size_t first_row = i % j->row_blocks * SL_HEAD_ROWS,
                 rows = smaller(SL_HEAD_ROWS, j->rows - first_row);
    const size_t c = j->group.first / SL_SUM_CHUNK + i / j->row_blocks;
    head_group g = j->group;
    g.first = c * SL_SUM_CHUNK;
    g.columns = smaller(SL_SUM_CHUNK, j->vocab - g.first);
    head_gather(h, j->h, j->row + first_row, rows, j->d);
    const float *logits = head_logits(z, step, &g, h, rows, j->d);
    for (size_t r = 0; r < rows; r++) row_chunk(j, first_row + r, c, tempered, logits + r * step);
  }
}

static void finish_range(void *arg, size_t begin, size_t end, int thread) {
  const head_job *j = arg;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const sums s = combined_sums(j->chunk + i * j->chunks, j->chunks);
    const float log_sum = sl_fn_log(s.sum);
    const size_t at = j->row[i];
    j->logp[at] = (j->picked[i] - s.max) - log_sum;
    j->entropy[at] = log_sum - s.moment / s.sum;
    j->row_max[at] = s.max;
    j->row_sum[at] = s.sum;
  }
}

static sl_status run_group(sl_context *ctx, head_job *j) {
  if (j->own_pack) {
    head_pack p = {j->own_pack, j->w + j->group.first * j->d, j->group.columns, j->d, 1};
    j->group.packed = j->own_pack, j->group.pack_first = j->group.first,
    j->group.pack_columns = j->group.columns;
    SL_TRY(head_pack_run(ctx, &p));
  }
  const size_t width = smaller(SL_SUM_CHUNK, j->group.columns);
  j->row_blocks = (j->rows + SL_HEAD_ROWS - 1) / SL_HEAD_ROWS;
  return sl_parallel_for(ctx, j->row_blocks * chunks_of(j->group.columns),
                         grain_for(SL_HEAD_ROWS * width * (j->d / 40 + 2)), tile_range, j);
}

static sl_status run_block(sl_context *ctx, head_job *j, size_t group_columns) {
  for (size_t first = 0; first < j->vocab; first += group_columns) {
    j->group.first = first, j->group.columns = smaller(group_columns, j->vocab - first);
    SL_TRY(run_group(ctx, j));
  }
  return sl_parallel_for(ctx, j->rows, grain_for(100 * (j->chunks + 1)), finish_range, j);
}

sl_status SL_ISA_NAME(logprob_forward)(sl_context *ctx, float *logp, float *entropy, float *row_max,
                                       float *row_sum, const float *h, const float *w,
                                       const void *packed, const uint32_t *target,
                                       const uint8_t *mask, float inv_temperature, size_t t,
                                       size_t d, size_t vocab) {
  const size_t columns =
      packed ? vocab : head_group_columns(vocab, d, SL_SUM_CHUNK, SL_HEAD_PACK_FLOATS);
  const size_t block = smaller(t, BLOCK_ROWS),
               pack_floats = packed ? 0 : round_up(gemm_packed_floats(columns, d), 16);
  head_job j = {logp,
                entropy,
                row_max,
                row_sum,
                h,
                w,
                target,
                inv_temperature,
                d,
                vocab,
                .chunks = chunks_of(vocab)};
  j.scratch_floats = tile_floats(d);
  const size_t floats =
      pack_floats + j.scratch_floats * (size_t)ctx->threads + block * (1 + 3 * j.chunks) + t;
  j.scratch = sl_workspace(ctx, floats * sizeof(float));
  if (!j.scratch) return ctx->error.status;
  float *pack = j.scratch + j.scratch_floats * (size_t)ctx->threads;
  j.picked = pack + pack_floats;
  j.chunk = (sums *)(void *)(j.picked + block);
  uint32_t *row = (uint32_t *)(void *)(j.chunk + block * j.chunks);
  if (packed)
    j.group = (head_group){packed, 0, vocab, 0, vocab};
  else
    j.own_pack = pack;
  const size_t live = head_rows(row, mask, t);
  for (size_t first = 0; first < live; first += block) {
    j.row = row + first, j.rows = smaller(block, live - first);
    SL_TRY(run_block(ctx, &j, columns));
  }
  for (size_t i = 0; i < t; i++)
    if (!mask[i]) logp[i] = entropy[i] = row_max[i] = row_sum[i] = 0.0f;
  return SL_OK;
}
