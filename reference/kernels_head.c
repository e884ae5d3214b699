/* Exact log-prob and entropy, and their gradient, in binary64 (spec T4.2, T4.3, T4.4); embedding
 * rows as copies (spec T1.1). */
#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void sl_ref_embedding_forward(float *y, const float *table, const uint32_t *ids, size_t t,
                              size_t d) {
  for (size_t i = 0; i < t; i++)
    for (size_t c = 0; c < d; c++) y[i * d + c] = table[ids[i] * d + c];
}

typedef struct {
  double max, sum, mean; /* of z: maximum, sum e^(z - max), softmax mean of z - max */
} row_sums;

static row_sums softmax(const double *z, size_t n) {
  row_sums s = {-INFINITY, 0.0, 0.0};
  for (size_t v = 0; v < n; v++) s.max = fmax(s.max, z[v]);
  for (size_t v = 0; v < n; v++) s.sum += exp(z[v] - s.max);
  for (size_t v = 0; v < n; v++) s.mean += exp(z[v] - s.max) / s.sum * (z[v] - s.max);
  return s;
}

static void tempered_logits(double *z, const float *h, const float *w, double inv_temperature,
                            size_t d, size_t vocab) {
  for (size_t v = 0; v < vocab; v++) {
    z[v] = 0.0;
    for (size_t c = 0; c < d; c++) z[v] += (double)h[c] * (double)w[v * d + c];
    z[v] *= inv_temperature;
  }
}

sl_status sl_ref_logprob_forward(double *logp, double *entropy, double *row_max, double *row_sum,
                                 const float *h, const float *w, const uint32_t *target,
                                 const uint8_t *mask, float inv_temperature, size_t t, size_t d,
                                 size_t vocab) {
  double *z = calloc(vocab + 1, sizeof *z);
  if (!z) return SL_ERR_MEMORY;
  for (size_t i = 0; i < t; i++) {
    logp[i] = entropy[i] = row_max[i] = row_sum[i] = 0.0;
    if (!mask[i]) continue;
    tempered_logits(z, h + i * d, w, (double)inv_temperature, d, vocab);
    const row_sums s = softmax(z, vocab);
    logp[i] = z[target[i]] - s.max - log(s.sum);
    entropy[i] = log(s.sum) - s.mean;
    row_max[i] = s.max;
    row_sum[i] = s.sum;
  }
  free(z);
  return SL_OK;
}

sl_status sl_ref_sample(double *logp, double *entropy, const uint32_t *token, const float *logits,
                        float temperature, size_t b, size_t vocab) {
  double *z = calloc(vocab + 1, sizeof *z);
  if (!z) return SL_ERR_MEMORY;
  for (size_t i = 0; i < b; i++) {
    for (size_t v = 0; v < vocab; v++)
      z[v] = (double)logits[i * vocab + v] / (temperature == 0.0f ? 1.0 : (double)temperature);
    const row_sums s = softmax(z, vocab);
    logp[i] = z[token[i]] - s.max - log(s.sum);
    entropy[i] = log(s.sum) - s.mean;
  }
  free(z);
  return SL_OK;
}

/* d(dlogp logp + dent H)/dz_v = dlogp (1{v=y} - p_v) - dent p_v (log p_v + H), with the saved M, l
 * and entropy given. */
sl_status sl_ref_logprob_backward(double *dh, double *dw, const float *dw0, const float *dlogp,
                                  const float *dentropy, const float *entropy, const float *row_max,
                                  const float *row_sum, const float *h, const float *w,
                                  const uint32_t *target, const uint8_t *mask,
                                  float inv_temperature, const uint32_t *seq, size_t n_seq,
                                  size_t d, size_t vocab) {
  const size_t t = n_seq ? seq[n_seq] : 0;
  double *z = calloc(vocab + 1, sizeof *z);
  if (!z) return SL_ERR_MEMORY;
  for (size_t i = 0; i < vocab * d; i++) dw[i] = (double)dw0[i];
  memset(dh, 0, t * d * sizeof *dh);
  for (size_t i = 0; i < t; i++) {
    if (!mask[i]) continue;
    const double by_logp = (double)dlogp[i], by_entropy = dentropy ? (double)dentropy[i] : 0.0;
    tempered_logits(z, h + i * d, w, (double)inv_temperature, d, vocab);
    for (size_t v = 0; v < vocab; v++) {
      const double log_p = z[v] - (double)row_max[i] - log((double)row_sum[i]), p = exp(log_p);
      const double by_z = by_logp * ((v == target[i] ? 1.0 : 0.0) - p) -
                          by_entropy * p * (log_p + (double)entropy[i]);
      for (size_t c = 0; c < d; c++) {
        dh[i * d + c] += by_z * (double)inv_temperature * (double)w[v * d + c];
        dw[v * d + c] += by_z * (double)inv_temperature * (double)h[i * d + c];
      }
    }
  }
  free(z);
  return SL_OK;
}
