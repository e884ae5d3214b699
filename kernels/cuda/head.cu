/* Log-prob and entropy fused with the head, and their gradient (spec T4.1, T4.2, T4.3). Logits exist only for a tile of rows x
 * vocabulary within a fixed workspace; each is written and read once: 8 bytes against 2 D operations, so for D >= 896 the product
 * is the floor. Three floats a row and chunk are all that is kept of a forward tile. */
#include "gemm.cuh"

using namespace sl;

static const size_t workspace_bytes = static_cast<size_t>(256) << 20, tile_columns = 8 * sum_chunk;
static const unsigned threads = 128;

struct head_tile {
  const float *logits; /* (rows, columns), columns of them in use */
  size_t first_row, rows, first_column, columns, ld;
};

/* A warp a (row, chunk): its maximum, sum and moment (spec N3.9); the target's logit on the way. */
static __global__ void chunk_stats_kernel(float *stats, float *target_logit, head_tile tile, const uint32_t *target, const uint8_t *mask, float inv_temperature,
                                          size_t chunks_of_row) {
  const size_t chunks = (tile.columns + sum_chunk - 1) / sum_chunk;
  for (size_t w = warp_of_grid(); w < tile.rows * chunks; w += warps_of_grid()) {
    const size_t r = w / chunks, chunk = w % chunks, row = tile.first_row + r;
    if (!mask[row]) continue;
    const float *z = tile.logits + r * tile.ld + chunk * sum_chunk;
    const size_t left = tile.columns - chunk * sum_chunk, n = left < sum_chunk ? left : sum_chunk;
    float max = -INFINITY;
    for (size_t v = static_cast<size_t>(lane_of_thread()); v < n; v += lanes) {
      const float y = __fmul_rn(z[v], inv_temperature);
      max = y > max ? y : max;
      if (tile.first_column + chunk * sum_chunk + v == target[row]) target_logit[row] = y;
    }
    max = __fadd_rn(warp_max(max), 0.0f);
    float sum = 0.0f, moment = 0.0f;
    for (size_t v = static_cast<size_t>(lane_of_thread()); v < n; v += lanes) {
      const float y = __fadd_rn(__fmul_rn(z[v], inv_temperature), -max), e = sl_fn_exp(y);
      sum = __fadd_rn(sum, e);
      moment = __fmaf_rn(e, y, moment);
    }
    sum = warp_sum(sum);
    moment = warp_sum(moment);
    if (lane_of_thread() == 0) {
      float *s = stats + (row * chunks_of_row + tile.first_column / sum_chunk + chunk) * 3;
      s[0] = max, s[1] = sum, s[2] = moment;
    }
  }
}

static __global__ void combine_stats_kernel(float *logp, float *entropy, float *row_max, float *row_sum, const float *stats, const float *target_logit,
                                            const uint8_t *mask, size_t t, size_t chunks) {
  for (size_t row = thread_of_grid(); row < t; row += threads_of_grid()) {
    float lp = 0.0f, h = 0.0f, max = 0.0f, sum = 0.0f;
    if (mask[row]) {
      const float *s = stats + row * chunks * 3;
      max = -INFINITY;
      for (size_t c = 0; c < chunks; c++) max = s[3 * c] > max ? s[3 * c] : max;
      max = __fadd_rn(max, 0.0f);
      float moment = 0.0f;
      for (size_t c = 0; c < chunks; c++) {
        const float d = __fadd_rn(s[3 * c], -max), a = sl_fn_exp(d);
        moment = __fmaf_rn(__fmaf_rn(s[3 * c + 1], d, s[3 * c + 2]), a, moment);
        sum = __fmaf_rn(s[3 * c + 1], a, sum);
      }
      const float log_sum = sl_fn_log(sum);
      lp = __fadd_rn(__fadd_rn(target_logit[row], -max), -log_sum);
      h = __fadd_rn(log_sum, -__fdiv_rn(moment, sum));
    }
    logp[row] = lp, entropy[row] = h, row_max[row] = max, row_sum[row] = sum;
  }
}

struct row_grads {
  const float *dlogp, *dentropy, *entropy, *row_max, *row_sum;
  const uint32_t *target;
  const uint8_t *mask;
  float inv_temperature;
};

/* Overwrites a tile of logits with their gradients; masked rows become +0. */
static __global__ void logit_grad_kernel(float *logits, head_tile tile, row_grads g) {
  for (size_t i = thread_of_grid(); i < tile.rows * tile.columns; i += threads_of_grid()) {
    const size_t r = i / tile.columns, c = i % tile.columns, row = tile.first_row + r;
    float *z = logits + r * tile.ld + c;
    if (!g.mask[row]) {
      *z = 0.0f;
      continue;
    }
    const float y = __fadd_rn(__fmul_rn(*z, g.inv_temperature), -g.row_max[row]), sum = g.row_sum[row];
    const float p = __fmul_rn(sl_fn_exp(y), __fdiv_rn(1.0f, sum)), de = g.dentropy ? g.dentropy[row] : 0.0f;
    float q = __fmul_rn(g.dlogp[row], tile.first_column + c == g.target[row] ? __fadd_rn(1.0f, -p) : -p);
    if (de != 0.0f) q = __fmaf_rn(-__fmul_rn(de, p), __fadd_rn(__fadd_rn(y, -sl_fn_log(sum)), g.entropy[row]), q);
    *z = __fmul_rn(q, g.inv_temperature);
  }
}

/* Rows with the masked ones as 0: what those hold may be NaN and must not meet the product (spec N1.7). */
static __global__ void unmasked_rows_kernel(float *to, const float *h, const uint8_t *mask, size_t first_row, size_t rows, size_t d) {
  for (size_t i = thread_of_grid(); i < rows * d; i += threads_of_grid()) to[i] = mask[first_row + i / d] ? h[first_row * d + i] : 0.0f;
}

static size_t rows_that_fit(size_t columns, size_t d) {
  const size_t rows = workspace_bytes / sizeof(float) / (columns + d);
  return rows < dot_chunk ? static_cast<size_t>(dot_chunk) : rows;
}

sl_status SL_DEVICE_NAME(logprob_forward)(sl_context *ctx, float *logp, float *entropy, float *row_max, float *row_sum, const float *h, const float *w,
                                          const void *packed, const uint32_t *target, const uint8_t *mask, float inv_temperature, size_t t, size_t d,
                                          size_t vocab) {
  (void)packed;
  if (t == 0) return SL_OK;
  const size_t columns = vocab < tile_columns ? vocab : tile_columns, fit = rows_that_fit(columns, 0), rows = t < fit ? t : fit;
  const size_t chunks = (vocab + sum_chunk - 1) / sum_chunk;
  float *logits = static_cast<float *>(sl_device_workspace(ctx, (rows * columns + t * (3 * chunks + 1)) * sizeof *logits));
  if (!logits) return ctx->error.status;
  float *stats = logits + rows * columns, *target_logit = stats + 3 * t * chunks;
  for (size_t r = 0; r < t; r += rows)
    for (size_t v = 0; v < vocab; v += columns) {
      const head_tile tile = {logits, r, t - r < rows ? t - r : rows, v, vocab - v < columns ? vocab - v : columns, columns};
      launch_gemm<true, true>(ctx, {logits, columns, {h + r * d, d, tile.rows}, {w + v * d, d, tile.columns}, uniform_chunks(d), nullptr, 0});
      const size_t warps = tile.rows * ((tile.columns + sum_chunk - 1) / sum_chunk);
      SL_LAUNCH(chunk_stats_kernel, blocks_for(warps, threads / lanes), threads, 0, ctx->device->stream, stats, target_logit, tile, target, mask,
                inv_temperature, chunks);
    }
  SL_LAUNCH(combine_stats_kernel, blocks_for(t, threads), threads, 0, ctx->device->stream, logp, entropy, row_max, row_sum, stats, target_logit, mask, t,
            chunks);
  return sl_device_status(ctx, "logprob_forward");
}

/* One tile of rows: whole token chunks, so that the weight gradient's chains stay whole (spec N4.2). */
static void backward_rows(sl_context *ctx, float *dh, float *dw, float *logits, float *rows_of_h, const float *h, const float *w, const row_grads &g,
                          size_t first_chunk, size_t n_chunks, size_t columns, size_t d, size_t vocab) {
  sl_device *device = ctx->device;
  const size_t first = device->host_chunk_begin[first_chunk], rows = device->host_chunk_begin[first_chunk + n_chunks] - first;
  SL_LAUNCH(unmasked_rows_kernel, blocks_for(rows * d, threads), threads, 0, device->stream, rows_of_h, h, g.mask, first, rows, d);
  for (size_t v = 0; v < vocab; v += columns) {
    const head_tile tile = {logits, first, rows, v, vocab - v < columns ? vocab - v : columns, columns};
    launch_gemm<true, true>(ctx, {logits, columns, {rows_of_h, d, rows}, {w + v * d, d, tile.columns}, uniform_chunks(d), nullptr, 0});
    SL_LAUNCH(logit_grad_kernel, blocks_for(rows * tile.columns, threads), threads, 0, device->stream, logits, tile, g);
    launch_gemm<true, false>(ctx, {dh + first * d, d, {logits, columns, rows}, {w + v * d, d, d}, uniform_chunks(tile.columns), nullptr, v > 0});
    const chunking tokens = {device->chunk_begin + first_chunk, n_chunks, 0, first};
    launch_gemm<false, false>(ctx, {dw + v * d, d, {logits, columns, tile.columns}, {rows_of_h, d, d}, tokens, nullptr, 1});
  }
}

sl_status SL_DEVICE_NAME(logprob_backward)(sl_context *ctx, float *dh, float *dw, const float *dlogp, const float *dentropy, const float *entropy,
                                           const float *row_max, const float *row_sum, const float *h, const float *w, const void *packed,
                                           const uint32_t *target, const uint8_t *mask, float inv_temperature, const uint32_t *seq, size_t n_seq,
                                           size_t d, size_t vocab) {
  (void)packed;
  const sl_status status = sl_device_offsets(ctx, seq, n_seq);
  if (status) return status;
  const sl_device *device = ctx->device;
  const size_t t = n_seq ? seq[n_seq] : 0, columns = vocab < tile_columns ? vocab : tile_columns, fit = rows_that_fit(columns, d), rows = t < fit ? t : fit;
  if (t == 0) return SL_OK;
  float *logits = static_cast<float *>(sl_device_workspace(ctx, rows * (columns + d) * sizeof *logits));
  if (!logits) return ctx->error.status;
  const row_grads g = {dlogp, dentropy, entropy, row_max, row_sum, target, mask, inv_temperature};
  for (size_t chunk = 0; chunk < device->n_chunks;) {
    size_t n = 1;
    while (chunk + n < device->n_chunks && device->host_chunk_begin[chunk + n + 1] - device->host_chunk_begin[chunk] <= rows) n++;
    backward_rows(ctx, dh, dw, logits, logits + rows * columns, h, w, g, chunk, n, columns, d, vocab);
    chunk += n;
  }
  return sl_device_status(ctx, "logprob_backward");
}
