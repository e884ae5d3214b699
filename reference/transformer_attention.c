/* Causal grouped-query attention of the binary64 transformer, on OpenBLAS (spec T3). */
#include "transformer_parts.h"

#include <cblas.h>
#include <math.h>

size_t sl_part_pairs(const sl_ref_model *m, const sl_ref_tokens *tokens) {
  size_t pairs = 0;
  for (size_t s = 0; s < tokens->n_seq; s++) {
    const size_t n = tokens->seq[s + 1] - tokens->seq[s];
    pairs += n * n * m->heads;
  }
  return pairs;
}

/* One sequence and head: n rows; where its first query and key lie, and its block of probabilities.
 */
typedef struct {
  size_t n, query, key, block;
} head;

/* The head numbered i of all sequences' heads, in order; 0 when there is none left. */
static int next_head(head *h, size_t *i, const sl_ref_model *m, const sl_ref_tokens *tokens) {
  const size_t s = *i / m->heads, number = *i % m->heads;
  if (s >= tokens->n_seq) return 0;
  h->block = *i ? h->block + h->n * h->n : 0;
  h->n = tokens->seq[s + 1] - tokens->seq[s];
  h->query = (tokens->seq[s] * m->heads + number) * m->head_dim;
  h->key = (tokens->seq[s] * m->kv_heads + number / (m->heads / m->kv_heads)) * m->head_dim;
  ++*i;
  return 1;
}

/* c = alpha a b^T for blocks of rows (n, d) with leading dimensions: pairs (n, n). */
static void pairs_of(double *c, double alpha, const double *a, size_t lda, const double *b,
                     size_t ldb, size_t n, size_t d) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)n, (blasint)n, (blasint)d, alpha, a,
              (blasint)lda, b, (blasint)ldb, 0.0, c, (blasint)n);
}

/* c (n, d) = beta c + alpha op(pairs) b */
static void apply(double *c, size_t ldc, double beta, double alpha, const double *pairs,
                  int transpose, const double *b, size_t ldb, size_t n, size_t d) {
  cblas_dgemm(CblasRowMajor, transpose ? CblasTrans : CblasNoTrans, CblasNoTrans, (blasint)n,
              (blasint)d, (blasint)n, alpha, pairs, (blasint)n, b, (blasint)ldb, beta, c,
              (blasint)ldc);
}

static void causal_softmax(double *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    double *row = p + i * n, max = -INFINITY, sum = 0.0;
    for (size_t j = 0; j <= i; j++) max = fmax(max, row[j]);
    for (size_t j = 0; j < n; j++) row[j] = j <= i ? exp(row[j] - max) : 0.0;
    for (size_t j = 0; j <= i; j++) sum += row[j];
    for (size_t j = 0; j <= i; j++) row[j] /= sum;
  }
}

void sl_part_attention(double *o, double *p, const double *q, const double *k, const double *v,
                       const sl_ref_model *m, const sl_ref_tokens *tokens) {
  const size_t d = m->head_dim, ldq = m->heads * d, ldk = m->kv_heads * d;
  head h = {0};
  for (size_t i = 0; next_head(&h, &i, m, tokens);) {
    if (h.n == 0) continue;
    pairs_of(p + h.block, 1.0 / sqrt((double)d), q + h.query, ldq, k + h.key, ldk, h.n, d);
    causal_softmax(p + h.block, h.n);
    apply(o + h.query, ldq, 0.0, 1.0, p + h.block, 0, v + h.key, ldk, h.n, d);
  }
}

void sl_part_attention_grad(double *dq, double *dk, double *dv, double *ds, const double *d_o,
                            const double *p, const double *q, const double *k, const double *v,
                            const sl_ref_model *m, const sl_ref_tokens *tokens) {
  const size_t d = m->head_dim, ldq = m->heads * d, ldk = m->kv_heads * d;
  const double scale = 1.0 / sqrt((double)d);
  head h = {0};
  for (size_t i = 0; next_head(&h, &i, m, tokens);) {
    const size_t n = h.n;
    const double *block = p + h.block;
    double *g = ds + h.block;
    if (n == 0) continue;
    apply(dv + h.key, ldk, 1.0, 1.0, block, 1, d_o + h.query, ldq, n, d);
    pairs_of(g, 1.0, d_o + h.query, ldq, v + h.key, ldk, n, d);
    for (size_t row = 0; row < n; row++) {
      const double mean = cblas_ddot((blasint)n, g + row * n, 1, block + row * n, 1);
      for (size_t j = 0; j < n; j++) g[row * n + j] = block[row * n + j] * (g[row * n + j] - mean);
    }
    apply(dq + h.query, ldq, 1.0, scale, g, 0, k + h.key, ldk, n, d);
    apply(dk + h.key, ldk, 1.0, scale, g, 1, q + h.query, ldq, n, d);
  }
}
