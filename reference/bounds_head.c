/* Bounds `logprob_forward`, `logprob_backward` and `sample` (spec T4.2, T4.3, T4.4). */
#include "bounds.h"

#include "bounds_dot.h"
#include "bounds_softmax.h"

#include <stdlib.h>

/* z_v = RN(dot(h, w_v) * invT) */
static void tempered_logits(sl_ball *z, const float *h, const float *w, float inv_temperature,
                            size_t d, size_t vocab) {
  for (size_t v = 0; v < vocab; v++)
    z[v] = sl_ball_mul(sl_bound_dot(h, 1, w + v * d, 1, d), sl_of_float(inv_temperature));
}

sl_status sl_bound_logprob_forward(sl_ball *logp, sl_ball *entropy, sl_ball *row_max,
                                   sl_ball *row_sum, const float *h, const float *w,
                                   const uint32_t *target, const uint8_t *mask,
                                   float inv_temperature, size_t t, size_t d, size_t vocab) {
  sl_ball *z = calloc(vocab + 1, sizeof *z);
  if (!z) return SL_ERR_MEMORY;
  for (size_t i = 0; i < t; i++) {
    logp[i] = entropy[i] = row_max[i] = row_sum[i] = sl_exactly(0.0);
    if (!mask[i]) continue;
    sl_softmax_walk walk;
    tempered_logits(z, h + i * d, w, inv_temperature, d, vocab);
    sl_softmax_walk_row(&walk, z, vocab);
    logp[i] = sl_ball_slack(sl_softmax_logprob(&walk, z[target[i]]));
    entropy[i] = sl_ball_slack(sl_softmax_entropy(&walk));
    row_max[i] = sl_ball_slack(sl_softmax_row_max(&walk));
    row_sum[i] = sl_ball_slack(sl_softmax_row_sum(&walk));
  }
  free(z);
  return SL_OK;
}

/* invT = RN(1 / temperature); greedy is temperature 1 (spec N5.5) */
sl_status sl_bound_sample(sl_ball *logp, sl_ball *entropy, const uint32_t *token,
                          const float *logits, float temperature, size_t b, size_t vocab) {
  sl_ball *z = calloc(vocab + 1, sizeof *z);
  if (!z) return SL_ERR_MEMORY;
  const sl_ball inverse =
      temperature == 0.0f ? sl_exactly(1.0) : sl_ball_constant(1.0 / (double)temperature);
  for (size_t i = 0; i < b; i++) {
    sl_softmax_walk walk;
    for (size_t v = 0; v < vocab; v++)
      z[v] = sl_ball_mul(sl_of_float(logits[i * vocab + v]), inverse);
    sl_softmax_walk_row(&walk, z, vocab);
    logp[i] = sl_ball_slack(sl_softmax_logprob(&walk, z[token[i]]));
    entropy[i] = sl_ball_slack(sl_softmax_entropy(&walk));
  }
  free(z);
  return SL_OK;
}

/* The given numbers of one row. */
typedef struct {
  sl_ball dlogp, dentropy, entropy, max, sum, inv_temperature;
  uint32_t target;
} row_grad;

/* z becomes dlogit, in the operations of T4.3. */
static void logit_grad(sl_ball *z, const row_grad *r, size_t vocab) {
  const sl_ball one = sl_exactly(1.0), inverse = sl_ball_div(one, r->sum),
                log_sum = sl_ball_log(r->sum);
  for (size_t v = 0; v < vocab; v++) {
    const sl_ball y = sl_ball_sub(z[v], r->max), p = sl_ball_mul(sl_ball_exp(y), inverse);
    sl_ball q = sl_ball_mul(r->dlogp, v == r->target ? sl_ball_sub(one, p) : sl_ball_neg(p));
    if (r->dentropy.mid != 0.0) {
      const sl_ball weight = sl_ball_neg(sl_ball_mul(r->dentropy, p));
      q = sl_ball_fma(weight, sl_ball_add(sl_ball_sub(y, log_sum), r->entropy), q);
    }
    z[v] = sl_ball_mul(q, r->inv_temperature);
  }
}

/* dh[c] = dot over v of dlogit_v and w_v[c] */
static void hidden_grad(sl_ball *dh, const sl_ball *dlogit, const float *w, size_t d,
                        size_t vocab) {
  for (size_t c = 0; c < d; c++) {
    sl_ball_sum sum = {0};
    for (size_t v = 0; v < vocab; v++)
      sl_ball_sum_product(&sum, dlogit[v], sl_of_float(w[v * d + c]));
    dh[c] = sl_ball_slack(sl_ball_sum_end(&sum, sl_dot_depth(vocab), SL_ETA));
  }
}

sl_status sl_bound_logprob_backward(sl_ball *dh, sl_ball *dw, const float *dw0, const float *dlogp,
                                    const float *dentropy, const float *entropy,
                                    const float *row_max, const float *row_sum, const float *h,
                                    const float *w, const uint32_t *target, const uint8_t *mask,
                                    float inv_temperature, const uint32_t *seq, size_t n_seq,
                                    size_t d, size_t vocab) {
  const size_t t = n_seq ? seq[n_seq] : 0;
  sl_ball *z = calloc(vocab + 1, sizeof *z);
  sl_ball_sum *sums = calloc(vocab * d + 1, sizeof *sums);
  const sl_status status = z && sums ? SL_OK : SL_ERR_MEMORY;
  for (size_t i = 0; !status && i < t; i++) {
    for (size_t c = 0; c < d; c++) dh[i * d + c] = sl_exactly(0.0);
    if (!mask[i]) continue;
    const row_grad r = {sl_of_float(dlogp[i]),
                        sl_of_float(dentropy ? dentropy[i] : 0.0f),
                        sl_of_float(entropy[i]),
                        sl_of_float(row_max[i]),
                        sl_of_float(row_sum[i]),
                        sl_of_float(inv_temperature),
                        target[i]};
    tempered_logits(z, h + i * d, w, inv_temperature, d, vocab);
    logit_grad(z, &r, vocab);
    hidden_grad(dh + i * d, z, w, d, vocab);
    for (size_t v = 0; v < vocab; v++)
      for (size_t c = 0; c < d; c++)
        sl_ball_sum_product(&sums[v * d + c], z[v], sl_of_float(h[i * d + c]));
  }
  for (size_t i = 0; !status && i < vocab * d; i++)
    dw[i] = sl_ball_slack(sl_bound_token_end(&sums[i], dw0[i], sl_order_of_tokens(seq, n_seq)));
  free(z);
  free(sums);
  return status;
}
