/* Log-prob and entropy of target tokens without storing the softmax, and their gradient (spec T4.1,
 * T4.2, T4.3). */
#include "plain.h"
#include "softmax.h"

static void tempered_logits(float *z, const float *h, const float *w, float inv_temperature,
                            size_t d, size_t vocab) {
  for (size_t v = 0; v < vocab; v++) z[v] = dot(h, w + v * d, d) * inv_temperature;
}

sl_status sl_plain_logprob_forward(sl_context *ctx, float *logp, float *entropy, float *row_max,
                                   float *row_sum, const float *h, const float *w,
                                   const void *packed, const uint32_t *target, const uint8_t *mask,
                                   float inv_temperature, size_t t, size_t d, size_t vocab) {
  (void)packed;
  float *z = sl_workspace(ctx, (vocab ? vocab : 1) * sizeof *z);
  if (!z) return ctx->error.status;
  for (size_t i = 0; i < t; i++) {
    logp[i] = entropy[i] = row_max[i] = row_sum[i] = 0.0f;
    if (!mask[i]) continue;
    tempered_logits(z, h + i * d, w, inv_temperature, d, vocab);
    const softmax_sums s = softmax_row(z, vocab);
    logp[i] = softmax_logprob(s, z[target[i]]);
    entropy[i] = softmax_entropy(s);
    row_max[i] = s.max;
    row_sum[i] = s.sum;
  }
  return SL_OK;
}

/* What the gradient of one row needs besides its logits. */
typedef struct {
  float dlogp, dentropy, entropy, max, sum, inv_temperature;
  uint32_t target;
} row_grad;

/* Overwrites tempered logits with dlogit. */
static void logit_grad(float *z, const row_grad *r, size_t vocab) {
  const float inverse = 1.0f / r->sum, log_sum = sl_fn_log(r->sum);
  for (size_t v = 0; v < vocab; v++) {
    const float y = z[v] - r->max, p = sl_fn_exp(y) * inverse;
    float q = r->dlogp * (v == r->target ? 1.0f - p : -p);
    if (r->dentropy != 0.0f) q = fmaf(-(r->dentropy * p), (y - log_sum) + r->entropy, q);
    z[v] = q * r->inv_temperature;
  }
}

/* One chunk of tokens of one sequence: dw gains the chain over the chunk's unmasked rows. g holds
 * their dlogit, (chunk, vocab). */
static void add_weight_chunk(float *dw, const float *g, const float *h, const uint8_t *mask,
                             size_t rows, size_t d, size_t vocab) {
  for (size_t v = 0; v < vocab; v++)
    for (size_t c = 0; c < d; c++) {
      float chain = 0.0f;
      for (size_t i = 0; i < rows; i++)
        if (mask[i]) chain = fmaf(g[i * vocab + v], h[i * d + c], chain);
      dw[v * d + c] += chain;
    }
}

sl_status sl_plain_logprob_backward(sl_context *ctx, float *dh, const sl_shard_total *totals,
                                    size_t n_totals, const float *dlogp, const float *dentropy,
                                    const float *entropy, const float *row_max,
                                    const float *row_sum, const float *h, const float *w,
                                    const void *packed, const uint32_t *target, const uint8_t *mask,
                                    float inv_temperature, const uint32_t *seq, size_t n_seq,
                                    size_t d, size_t vocab) {
  (void)packed;
  float *g = sl_workspace(ctx, SL_DOT_CHUNK * (vocab ? vocab : 1) * sizeof *g);
  if (!g) return ctx->error.status;
  (void)n_totals;
  for (size_t s = 0; s < n_seq; s++)
    for (size_t begin = seq[s]; begin < seq[s + 1]; begin += SL_DOT_CHUNK) {
      while (totals->end <= begin) totals++;
      const size_t end = smaller(seq[s + 1], begin + SL_DOT_CHUNK);
      for (size_t i = begin; i < end; i++) {
        float *row = g + (i - begin) * vocab;
        for (size_t c = 0; c < d; c++) dh[i * d + c] = 0.0f;
        if (!mask[i]) continue;
        const row_grad r = {dlogp[i],   dentropy ? dentropy[i] : 0.0f,
                            entropy[i], row_max[i],
                            row_sum[i], inv_temperature,
                            target[i]};
        tempered_logits(row, h + i * d, w, inv_temperature, d, vocab);
        logit_grad(row, &r, vocab);
        for (size_t c = 0; c < d; c++) dh[i * d + c] = dot_onto(0.0f, row, 1, w + c, d, 0, vocab);
      }
      add_weight_chunk(totals->dw, g, h + begin * d, mask + begin, end - begin, d, vocab);
    }
  return SL_OK;
}
