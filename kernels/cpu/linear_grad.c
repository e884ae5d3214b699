/* Weight and bias gradients of linear layers (spec T2.3, N4.2).
 *
 * t * n * k fmas; dy and x are moved once and packed once; dw is loaded and stored once a chunk of
 * tokens, that is once a sequence where those are short. At ten tokens per sequence those loads and
 * stores are a tenth of the fmas; at 256 they are negligible. */
#include "cpu.h"

#include "token_gemm.h"

/* Tokens packed at a time, at least. Bounds the workspace; a panel of x with 512 tokens fits L2. */
#define BLOCK_TOKENS 512

typedef struct {
  float *db;
  const float *dy;
  const uint32_t *chunk;
  size_t n_chunks, n;
} bias_job;

static void bias_range(void *arg, size_t begin, size_t end, int thread) {
  const bias_job *b = arg;
  (void)thread;
  for (size_t v = begin; v < end; v++) {
    const size_t j = v * SL_VW, n = smaller(b->n - j, SL_VW);
    vf total = v_load_n(b->db + j, n);
    for (size_t c = 0; c < b->n_chunks; c++) {
      vf chain = v_zero();
      for (size_t t = b->chunk[c]; t < b->chunk[c + 1]; t++)
        chain = chain + v_load_n(b->dy + t * b->n + j, n);
      total = total + chain;
    }
    v_store_n(b->db + j, n, total);
  }
}

static void fill_chunks(uint32_t *chunk, const uint32_t *seq, size_t n_seq) {
  for (size_t s = 0; s < n_seq; s++)
    for (size_t t = seq[s]; t < seq[s + 1]; t += SL_DOT_CHUNK) *chunk++ = (uint32_t)t;
  *chunk = seq[n_seq];
}

/* Chunks from `first` on that hold BLOCK_TOKENS tokens, or all that are left. */
static size_t block_end(const uint32_t *chunk, size_t n_chunks, size_t first) {
  size_t end = first;
  while (end < n_chunks && chunk[end] - chunk[first] < BLOCK_TOKENS) end++;
  return end;
}

sl_status SL_ISA_NAME(linear_weight_grad)(sl_context *ctx, float *dw, float *db, const float *dy,
                                          const float *x, const uint32_t *seq, size_t n_seq,
                                          size_t n, size_t k) {
  const size_t n_chunks = n_seq ? token_chunk_count(seq, n_seq) : 0;
  if (n_chunks == 0) return SL_OK;
  const size_t panel_bytes =
      token_gemm_floats(n, k, smaller(seq[n_seq], BLOCK_TOKENS + SL_DOT_CHUNK)) * sizeof(float);
  float *panels = sl_workspace(ctx, round_up(panel_bytes, 64) + (n_chunks + 1) * sizeof(uint32_t));
  if (!panels) return ctx->error.status;
  uint32_t *chunk = (uint32_t *)(void *)((unsigned char *)panels + round_up(panel_bytes, 64));
  fill_chunks(chunk, seq, n_seq);
  for (size_t first = 0, end; first < n_chunks; first = end) {
    end = block_end(chunk, n_chunks, first);
    token_gemm g = {dw, dy + chunk[first] * n, x + chunk[first] * k, k,     n, k, n,
                    k,  chunk + first,         end - first,          panels};
    SL_TRY(token_gemm_run(ctx, &g));
  }
  if (!db) return SL_OK;
  bias_job b = {db, dy, chunk, n_chunks, n};
  return sl_parallel_for(ctx, (n + SL_VW - 1) / SL_VW, grain_for(seq[n_seq] * 2), bias_range, &b);
}
