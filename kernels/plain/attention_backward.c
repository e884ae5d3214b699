/* Gradient of causal grouped-query attention (spec T3.4). Scores are recomputed, nothing of size T
 * x T is stored. */
#include "attention.h"
#include "plain.h"

/* The arrays of one call, and where head h of token i lies in them. */
typedef struct {
  const float *d_o, *o, *q, *k, *v, *row_max, *row_scale;
  size_t heads, kv_heads, d;
  float scale;
} problem;

static size_t query_at(const problem *p, size_t i, size_t h) { return (i * p->heads + h) * p->d; }
static size_t key_at(const problem *p, size_t j, size_t h) {
  return (j * p->kv_heads + h / (p->heads / p->kv_heads)) * p->d;
}

/* P_ij and ds_ij of query token i and key token j (absolute indices) at head h. */
static void pair(const problem *p, size_t i, size_t j, size_t h, float *probability, float *ds) {
  const size_t qi = query_at(p, i, h), kj = key_at(p, j, h), row = i * p->heads + h;
  const float s = dot(p->q + qi, p->k + kj, p->d) * p->scale;
  *probability = sl_fn_exp(s - p->row_max[row]) * p->row_scale[row];
  const float delta = dot(p->d_o + qi, p->o + qi, p->d);
  const float dp = dot(p->d_o + qi, p->v + kj, p->d);
  *ds = *probability * (dp - delta);
}

static void query_grad(const problem *p, float *dq, float *ds, size_t first, size_t i, size_t h) {
  float unused;
  for (size_t j = first; j <= i; j++) pair(p, i, j, h, &unused, &ds[j - first]);
  for (size_t c = 0; c < p->d; c++)
    dq[query_at(p, i, h) + c] = p->scale * dot_onto(0.0f, ds, 1, p->k + key_at(p, first, h) + c,
                                                    p->kv_heads * p->d, 0, i - first + 1);
}

/* dk and dv of key token j at kv head g: parts are the query heads of the group, ascending (spec
 * N3.4). prob and ds are scratch of the length. */
static void key_value_grad(const problem *p, float *dk, float *dv, float *prob, float *ds,
                           size_t first, size_t end, size_t j, size_t g) {
  const size_t group = p->heads / p->kv_heads, at = (j * p->kv_heads + g) * p->d,
               step = p->heads * p->d;
  for (size_t c = 0; c < p->d; c++) dk[at + c] = dv[at + c] = 0.0f;
  for (size_t h = g * group; h < (g + 1) * group; h++) {
    for (size_t i = j; i < end; i++) pair(p, i, j, h, &prob[i - first], &ds[i - first]);
    const size_t rows = query_at(p, first, h);
    for (size_t c = 0; c < p->d; c++) {
      dk[at + c] = dot_onto(dk[at + c], ds, 1, p->q + rows + c, step, j - first, end - first);
      dv[at + c] = dot_onto(dv[at + c], prob, 1, p->d_o + rows + c, step, j - first, end - first);
    }
  }
  for (size_t c = 0; c < p->d; c++) dk[at + c] *= p->scale;
}

static size_t longest(const uint32_t *seq, size_t n_seq) {
  size_t n = 0;
  for (size_t r = 0; r < n_seq; r++)
    if (seq[r + 1] - seq[r] > n) n = seq[r + 1] - seq[r];
  return n;
}

sl_status sl_plain_attention_backward(sl_context *ctx, float *dq, float *dk, float *dv,
                                      const float *d_o, const float *o, const float *q,
                                      const float *k, const float *v, const float *row_max,
                                      const float *row_scale, const uint32_t *seq, size_t n_seq,
                                      size_t heads, size_t kv_heads, size_t d) {
  const size_t n = longest(seq, n_seq) + 1;
  float *prob = sl_workspace(ctx, 2 * n * sizeof *prob);
  if (!prob) return ctx->error.status;
  const problem p = {d_o, o, q, k, v, row_max, row_scale, heads, kv_heads, d, attention_scale(d)};
  for (size_t r = 0; r < n_seq; r++)
    for (size_t i = seq[r]; i < seq[r + 1]; i++) {
      for (size_t h = 0; h < heads; h++) query_grad(&p, dq, prob + n, seq[r], i, h);
      for (size_t g = 0; g < kv_heads; g++)
        key_value_grad(&p, dk, dv, prob, prob + n, seq[r], seq[r + 1], i, g);
    }
  return SL_OK;
}
