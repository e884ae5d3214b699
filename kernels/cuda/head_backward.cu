/* The gradient of log-prob and entropy with the head (spec T4.3), in the tiles of head.cu: logits
 * again, their gradient in their place, then the input's and the weights'.
 *
 * Operations 6 t d vocab in three products, whose fma rate is the floor; an exp for each logit.
 * Bytes: the weights twice and their gradient read and written once for each tile of up to 2048
 * rows (16 bytes against 12288 operations per weight), and 24 for each logit. */
#include "head.h"
#include "vector.h"

namespace sl {

/* Of a gathered row; the quotient and the logarithm once, not for each logit. */
struct head_row_grad {
  float max, inverse, log_sum, dlogp, dentropy, entropy;
  uint32_t target;
  uint32_t unused; /* 32 bytes: one sector */
};

struct head_grads {
  const float *dlogp, *dentropy, *entropy, *row_max, *row_sum;
  const uint32_t *target;
  float inv_temperature;
};

static __global__ void row_grads_kernel(head_row_grad *out, head_rows rows, head_grads g,
                                        size_t first) {
  for (size_t i = thread_of_grid(); i < *rows.used; i += threads_of_grid()) {
    const size_t row = first + rows.row[i];
    const float sum = g.row_sum[row];
    out[i] = {g.row_max[row],
              __fdiv_rn(1.0f, sum),
              sl_fn_log(sum),
              g.dlogp[row],
              g.dentropy ? g.dentropy[row] : 0.0f,
              g.entropy[row],
              g.target[row],
              0};
  }
}

/* Overwrites a tile of logits, columns [first, first + n), with their gradients: four neighbours a
 * thread, which lie aligned. */
static __global__ void logit_grads_kernel(head_rows rows, const head_row_grad *grads, size_t first,
                                          uint32_t n, size_t ld, float inv_temperature) {
  const uint32_t quads = (n + 3) / 4,
                 all = *rows.used * quads; /* below 2^26: the workspace's size */
  for (size_t at = thread_of_grid(); at < all; at += threads_of_grid()) {
    const uint32_t i = static_cast<uint32_t>(at) / quads, c = static_cast<uint32_t>(at) % quads * 4;
    const bool aligned = c + 4 <= n;
    float *row = rows.logits + i * ld;
    four z = load4(row, c, n, aligned);
    const head_row_grad r = grads[i];
#pragma unroll
    for (uint32_t k = 0; k < 4; k++) {
      const float y = __fadd_rn(__fmul_rn(z.v[k], inv_temperature), -r.max),
                  p = __fmul_rn(sl_fn_exp(y), r.inverse);
      float q = __fmul_rn(r.dlogp, first + c + k == r.target ? __fadd_rn(1.0f, -p) : -p);
      if (r.dentropy != 0.0f)
        q = __fmaf_rn(-__fmul_rn(r.dentropy, p), __fadd_rn(__fadd_rn(y, -r.log_sum), r.entropy), q);
      z.v[k] = __fmul_rn(q, inv_temperature);
    }
    store4(row, c, n, aligned, z);
  }
}

/* Rows back to their places; masked ones are +0. */
static __global__ void scatter_kernel(float *dh, const float *from, head_rows rows, size_t n,
                                      size_t d) {
  for (size_t at = thread_of_grid(); at < n * d; at += threads_of_grid()) {
    const size_t r = at / d, i = rows.before[r];
    dh[at] = rows.before[r + 1] > i ? from[i * d + at % d] : 0.0f;
  }
}

struct head_backward {
  head_tile tile;
  head_rows rows;
  head_row_grad *grads;
  float *dh, *scratch;
  size_t scratch_floats, d, vocab;
};

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* Scratch of the three products of a full tile. */
static size_t scratch_of(sl_context *ctx, const head_tile &tile, size_t n_chunks, size_t d) {
  gemm_product logits = product_of(nullptr, 0, tile.rows, tile.columns),
               dh = product_of(nullptr, 0, tile.rows, d),
               dw = product_of(nullptr, 0, tile.columns, d);
  add_part(&logits, nullptr, 0, nullptr, 0, d);
  add_part(&dh, nullptr, 0, nullptr, 0, tile.columns);
  set_table(&dw, nullptr, 0, nullptr, 0, nullptr, n_chunks < tile.rows ? n_chunks : tile.rows, 0);
  return larger(larger(gemm_scratch(ctx, both_k, logits), gemm_scratch(ctx, a_k_b_row, dh)),
                gemm_scratch(ctx, both_row, dw));
}

static size_t lay_out(float *base, head_backward *b) {
  head_arena a = {base, 0};
  b->rows = take_rows(&a, b->tile, b->d);
  b->rows.table = a.take<uint32_t>(b->tile.rows + 1); /* a chunk has a row at least */
  b->grads = reinterpret_cast<head_row_grad *>(
      a.take<float>(b->tile.rows * (sizeof *b->grads / sizeof(float))));
  b->dh = a.take<float>(b->tile.rows * b->d);
  b->scratch = a.take<float>(b->scratch_floats);
  return a.used;
}

/* The shards' totals (spec N4.3), on the host. */
struct head_shard_totals {
  const sl_shard_total *total;
  size_t n;
};

/* Columns [v, v + n) of dw of each total that has chunks in the tile. */
static void add_weights(sl_context *ctx, head_backward *b, const head_shard_totals &totals,
                        size_t v, size_t n, const head_gather &g) {
  const uint32_t *begin = ctx->device->host_chunk_begin;
  const size_t d = b->d, end = g.first_chunk + g.n_chunks;
  for (size_t k = 0, c = g.first_chunk; k < totals.n && c < end; k++) {
    const size_t from = c;
    while (c < end && begin[c] < totals.total[k].end) c++;
    if (c == from) continue;
    gemm_product weights = product_of(totals.total[k].dw + v * d, d, n, d);
    set_table(&weights, b->rows.logits, b->tile.columns, b->rows.h, d,
              b->rows.table + (from - g.first_chunk), c - from, 0);
    weights.accumulate = 1;
    launch_gemm(ctx, both_row, weights, b->scratch, b->scratch_floats);
  }
}

/* One tile of rows: whole token chunks, so that the chains of the weights' gradient stay whole
 * (spec N4.2). */
static void backward_rows(sl_context *ctx, head_backward *b, float *dh,
                          const head_shard_totals &totals, const float *w, const head_grads &grads,
                          const head_gather &g) {
  const cudaStream_t stream = ctx->device->stream;
  const size_t d = b->d, ld = b->tile.columns;
  gather_rows(ctx, &b->rows, g);
  SL_LAUNCH(row_grads_kernel, blocks_for(g.n, head_threads), head_threads, 0, stream, b->grads,
            b->rows, grads, g.first);
  for (size_t v = 0; v < b->vocab; v += ld) {
    const size_t n = b->vocab - v < ld ? b->vocab - v : ld;
    launch_logits(ctx, b->rows, g.n, w, d, v, n, ld, b->scratch, b->scratch_floats);
    SL_LAUNCH(logit_grads_kernel, blocks_for(g.n * ((n + 3) / 4), head_threads), head_threads, 0,
              stream, b->rows, b->grads, v, static_cast<uint32_t>(n), ld, grads.inv_temperature);
    gemm_product input = product_of(b->dh, d, g.n, d);
    add_part(&input, b->rows.logits, ld, w + v * d, d, n);
    input.m_used = b->rows.used, input.accumulate = v > 0 || SL_PLANTED(uninitialised_accumulator);
    launch_gemm(ctx, a_k_b_row, input, b->scratch, b->scratch_floats);
    add_weights(ctx, b, totals, v, n, g);
  }
  SL_LAUNCH(scatter_kernel, blocks_for(g.n * d, head_threads), head_threads, 0, stream,
            dh + g.first * d, b->dh, b->rows, g.n, d);
}

}  // namespace sl

using namespace sl;

sl_status SL_DEVICE_NAME(logprob_backward)(
    sl_context *ctx, float *dh, const sl_shard_total *totals, size_t n_totals, const float *dlogp,
    const float *dentropy, const float *entropy, const float *row_max, const float *row_sum,
    const float *h, const float *w, const void *packed, const uint32_t *target, const uint8_t *mask,
    float inv_temperature, const uint32_t *seq, size_t n_seq, size_t d, size_t vocab) {
  (void)packed;
  sl_status status = sl_device_offsets(ctx, seq, n_seq);
  const sl_device *device = ctx->device;
  if (status || device->n_chunks == 0) return status;
  const size_t t = device->host_seq[n_seq];
  status = gemm_sizes(ctx, "logprob_backward", t, vocab, d);
  if (status) return status;
  head_backward b = {};
  b.tile = head_tile_of(ctx, t, d, vocab), b.d = d, b.vocab = vocab;
  if (b.tile.rows == 0)
    return sl_fail(&ctx->error, SL_ERR_MEMORY,
                   "logprob_backward: rows of %zu do not fit the head's workspace", d);
  b.scratch_floats = scratch_of(ctx, b.tile, device->n_chunks, d);
  float *base =
      static_cast<float *>(sl_device_workspace(ctx, lay_out(nullptr, &b) * sizeof(float)));
  if (!base) return ctx->error.status;
  lay_out(base, &b);
  const head_grads grads = {dlogp, dentropy, entropy, row_max, row_sum, target, inv_temperature};
  const uint32_t *begin = device->host_chunk_begin;
  for (size_t c = 0; c < device->n_chunks;) {
    size_t n = 1;
    while (c + n < device->n_chunks && begin[c + n + 1] - begin[c] <= b.tile.rows) n++;
    backward_rows(ctx, &b, dh, {totals, n_totals}, w, grads,
                  {SL_KERNEL_logprob_backward, h, target, mask, begin[c], begin[c + n] - begin[c],
                   d, vocab, c, n});
    c += n;
  }
  return sl_device_status(ctx, "logprob_backward");
}
