/* The token of a draw (spec N5.5), with exp correctly rounded by MPFR and a Philox of its own (spec
 * N5.1). */
#include "kernels.h"

#include <gmp.h>
#include <math.h>
#include <mpfr.h>
#include <stdlib.h>

#define PURPOSE_SAMPLING 3

/* Philox4x32-10 as in Salmon et al. (2011), figure 2: ten rounds of two 32x32-bit products, the key
 * bumped between rounds. */
static uint64_t draw64(uint64_t seed, uint32_t position, uint32_t sequence, uint32_t step) {
  uint32_t counter[4] = {position, sequence, step, PURPOSE_SAMPLING},
           key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  for (int round = 0; round < 10; round++) {
    const uint64_t even = (uint64_t)counter[0] * 0xD2511F53u,
                   odd = (uint64_t)counter[2] * 0xCD9E8D57u;
    const uint32_t next[4] = {(uint32_t)(odd >> 32) ^ counter[1] ^ key[0], (uint32_t)odd,
                              (uint32_t)(even >> 32) ^ counter[3] ^ key[1], (uint32_t)even};
    for (int w = 0; w < 4; w++) counter[w] = next[w];
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter[0] + ((uint64_t)counter[1] << 32);
}

static uint64_t high_half(uint64_t a, uint64_t b) {
  mpz_t x;
  mpz_init_set_ui(x, a);
  mpz_mul_ui(x, x, b);
  mpz_tdiv_q_2exp(x, x, 64);
  const uint64_t high = mpz_get_ui(x);
  mpz_clear(x);
  return high;
}

typedef struct {
  uint64_t weight;
  uint32_t index;
} candidate;

/* weight descending, then index ascending */
static int by_rank(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static int by_index(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  return x->index < y->index ? -1 : x->index > y->index;
}

/* floor(2^40 exp(RN(z - M))): binary32 exp by MPFR; times 2^40 is exact in binary64. */
static uint64_t integer_weight(float z, float max) {
  mpfr_t x;
  mpfr_init2(x, 200);
  mpfr_set_flt(x, (float)((double)z - (double)max), MPFR_RNDN);
  mpfr_exp(x, x, MPFR_RNDN);
  const float e = mpfr_get_flt(x, MPFR_RNDN);
  mpfr_clear(x);
  return (uint64_t)floor((double)e * 0x1p40);
}

static uint64_t total_weight(const candidate *c, size_t n) {
  uint64_t total = 0;
  for (size_t i = 0; i < n; i++) total += c[i].weight;
  return total;
}

/* The number of candidates, ranked, that top-k and then top-p keep. */
static size_t kept(const candidate *c, const sl_sampling *sampling, size_t n) {
  const size_t k = sampling->top_k && sampling->top_k < n ? sampling->top_k : n;
  if (sampling->top_p >= 1.0) return k;
  const double need = ceil(sampling->top_p * (double)total_weight(c, k));
  uint64_t have = 0;
  size_t keep = 0;
  while (keep < k && (double)have < need) have += c[keep++].weight;
  return keep;
}

static uint32_t draw_token(candidate *c, const float *logits, const sl_sampling *sampling,
                           uint32_t sequence, uint32_t position, size_t n) {
  const float inverse = (float)(1.0 / (double)sampling->temperature);
  float max = -INFINITY;
  for (size_t v = 0; v < n; v++) max = fmaxf(max, (float)((double)logits[v] * (double)inverse));
  for (size_t v = 0; v < n; v++)
    c[v] =
        (candidate){integer_weight((float)((double)logits[v] * (double)inverse), max), (uint32_t)v};
  qsort(c, n, sizeof *c, by_rank);
  const size_t keep = kept(c, sampling, n);
  qsort(c, keep, sizeof *c, by_index);
  const uint64_t x =
      high_half(draw64(sampling->seed, position, sequence, sampling->step), total_weight(c, keep));
  uint64_t cumulative = 0;
  size_t i = 0;
  while (i + 1 < keep && (cumulative += c[i].weight) <= x) i++;
  return c[i].index;
}

static uint32_t argmax(const float *x, size_t n) {
  size_t best = 0;
  for (size_t v = 1; v < n; v++)
    if (x[v] > x[best]) best = v;
  return (uint32_t)best;
}

sl_status sl_ref_sample_token(uint32_t *token, const float *logits, const sl_sampling *sampling,
                              const uint32_t *sequence, const uint32_t *position, size_t b,
                              size_t vocab) {
  candidate *c = calloc(vocab + 1, sizeof *c);
  if (!c) return SL_ERR_MEMORY;
  for (size_t i = 0; i < b; i++) {
    const float *row = logits + i * vocab;
    token[i] = sampling->temperature == 0.0f
                   ? argmax(row, vocab)
                   : draw_token(c, row, sampling, sequence[i], position[i], vocab);
  }
  free(c);
  return SL_OK;
}
