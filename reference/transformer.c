/* Forward and backward of the binary64 transformer (spec T5.1, T5.2). */
#include "rope.h"
#include "transformer_parts.h"

#include <stdlib.h>
#include <string.h>

/* What a layer keeps: input, norms, projections after RoPE, probabilities, and the feed-forward's
 * inside. */
typedef struct {
  double *x, *h1, *rstd1, *q, *k, *v, *p, *o, *mid, *h2, *rstd2, *gate, *up, *act;
  double *raw_q, *raw_k, *rstd_q, *rstd_k; /* q and k before their norms, where there are any */
} layer_state;

struct sl_ref_run {
  const sl_ref_model *m;
  const double *w;
  const sl_ref_tokens *tokens;
  size_t t, positions;
  double *memory, *x, *h, *rstd, *log_p, *entropy;
  float *cosine, *sine;
  layer_state *layers;
};

static double *carve(double **memory, size_t n) {
  double *p = *memory;
  *memory += n;
  return p;
}

/* Lays out everything from `memory`; returns the number of elements. Called with NULL it only
 * counts. */
static size_t lay_out(sl_ref_run *r, double *memory) {
  const sl_ref_model *m = r->m;
  const size_t t = r->t, td = t * m->hidden, tq = t * m->heads * m->head_dim,
               tk = t * m->kv_heads * m->head_dim, tf = t * m->ffn;
  const size_t pairs = sl_part_pairs(m, r->tokens),
               in_layer =
                   4 * td + 2 * t + 3 * tq + 3 * tk + pairs + 3 * tf + t * (m->heads + m->kv_heads);
  const size_t total = m->layers * in_layer + 2 * td + t + t * m->vocab + t;
  if (!memory) return total;
  double *at = memory;
  for (size_t l = 0; l < m->layers; l++) {
    layer_state *s = &r->layers[l];
    s->x = carve(&at, td), s->h1 = carve(&at, td), s->mid = carve(&at, td), s->h2 = carve(&at, td);
    s->rstd1 = carve(&at, t), s->rstd2 = carve(&at, t);
    s->q = carve(&at, tq), s->o = carve(&at, tq), s->k = carve(&at, tk), s->v = carve(&at, tk);
    s->raw_q = carve(&at, tq), s->raw_k = carve(&at, tk);
    s->rstd_q = carve(&at, t * m->heads), s->rstd_k = carve(&at, t * m->kv_heads);
    s->p = carve(&at, pairs);
    s->gate = carve(&at, tf), s->up = carve(&at, tf), s->act = carve(&at, tf);
  }
  r->x = carve(&at, td), r->h = carve(&at, td), r->rstd = carve(&at, t);
  r->log_p = carve(&at, t * m->vocab), r->entropy = carve(&at, t);
  return total;
}

static const double *tensor(const sl_ref_run *r, size_t layer, sl_ref_tensor which) {
  return r->w + sl_ref_layer_offset(r->m, layer, which);
}

/* NULL where the model has no biases. */
static const double *bias(const sl_ref_run *r, size_t layer, sl_ref_tensor which) {
  return r->m->no_bias ? NULL : tensor(r, layer, which);
}

static void add(double *y, const double *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

/* q and k, normed head by head (spec T5.5), from what the projections gave. */
static void norm_heads(const sl_ref_run *r, size_t l) {
  const sl_ref_model *m = r->m;
  const layer_state *s = &r->layers[l];
  const size_t q = r->t * m->heads, k = r->t * m->kv_heads, d = m->head_dim;
  if (!m->qk_norm) return;
  memcpy(s->raw_q, s->q, q * d * sizeof *s->q);
  memcpy(s->raw_k, s->k, k * d * sizeof *s->k);
  sl_part_norm(s->q, s->rstd_q, s->raw_q, tensor(r, l, SL_REF_Q_NORM), q, d, m->eps);
  sl_part_norm(s->k, s->rstd_k, s->raw_k, tensor(r, l, SL_REF_K_NORM), k, d, m->eps);
}

/* One layer: its input is s->x, its output goes to `out`. */
static void layer_forward(const sl_ref_run *r, size_t l, double *out) {
  const sl_ref_model *m = r->m;
  const layer_state *s = &r->layers[l];
  const size_t t = r->t, d = m->hidden, nq = m->heads * m->head_dim, nk = m->kv_heads * m->head_dim;
  sl_part_norm(s->h1, s->rstd1, s->x, tensor(r, l, SL_REF_NORM1), t, d, m->eps);
  sl_part_linear(s->q, s->h1, tensor(r, l, SL_REF_Q), bias(r, l, SL_REF_Q_BIAS), t, nq, d);
  sl_part_linear(s->k, s->h1, tensor(r, l, SL_REF_K), bias(r, l, SL_REF_K_BIAS), t, nk, d);
  sl_part_linear(s->v, s->h1, tensor(r, l, SL_REF_V), bias(r, l, SL_REF_V_BIAS), t, nk, d);
  norm_heads(r, l);
  sl_part_rope(s->q, r->tokens, r->cosine, r->sine, m->heads, m->head_dim, 1.0);
  sl_part_rope(s->k, r->tokens, r->cosine, r->sine, m->kv_heads, m->head_dim, 1.0);
  sl_part_attention(s->o, s->p, s->q, s->k, s->v, m, r->tokens);
  sl_part_linear(s->mid, s->o, tensor(r, l, SL_REF_O), NULL, t, d, nq);
  add(s->mid, s->x, t * d);
  sl_part_norm(s->h2, s->rstd2, s->mid, tensor(r, l, SL_REF_NORM2), t, d, m->eps);
  sl_part_linear(s->gate, s->h2, tensor(r, l, SL_REF_GATE), NULL, t, m->ffn, d);
  sl_part_linear(s->up, s->h2, tensor(r, l, SL_REF_UP), NULL, t, m->ffn, d);
  sl_part_swiglu(s->act, s->gate, s->up, t * m->ffn);
  sl_part_linear(out, s->act, tensor(r, l, SL_REF_DOWN), NULL, t, d, m->ffn);
  add(out, s->mid, t * d);
}

static size_t longest(const sl_ref_tokens *tokens) {
  size_t n = 0;
  for (size_t s = 0; s < tokens->n_seq; s++)
    n = tokens->seq[s + 1] - tokens->seq[s] > n ? tokens->seq[s + 1] - tokens->seq[s] : n;
  return n;
}

static sl_ref_run *create_run(const sl_ref_model *m, const double *weights,
                              const sl_ref_tokens *tokens) {
  sl_ref_run *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->m = m, r->w = weights, r->tokens = tokens;
  r->t = tokens->n_seq ? tokens->seq[tokens->n_seq] : 0;
  r->positions = longest(tokens);
  const size_t table = r->positions * m->head_dim / 2;
  r->layers = calloc(m->layers + 1, sizeof *r->layers);
  r->memory = calloc(lay_out(r, NULL) + 1, sizeof *r->memory);
  r->cosine = calloc(2 * table + 1, sizeof *r->cosine);
  if (!r->layers || !r->memory || !r->cosine) {
    sl_ref_run_destroy(r);
    return NULL;
  }
  r->sine = r->cosine + table;
  lay_out(r, r->memory);
  sl_ref_rope_tables(r->cosine, r->sine, r->positions, m->head_dim, m->theta, &m->rope);
  return r;
}

void sl_ref_run_destroy(sl_ref_run *r) {
  if (!r) return;
  free(r->layers);
  free(r->memory);
  free(r->cosine);
  free(r);
}

sl_status sl_ref_forward(sl_ref_run **run, const sl_ref_model *m, const double *weights,
                         const sl_ref_tokens *tokens, double *logp, double *entropy) {
  sl_ref_run *r = create_run(m, weights, tokens);
  if (!r) return SL_ERR_MEMORY;
  const size_t t = r->t, d = m->hidden;
  double *first = m->layers ? r->layers[0].x : r->x;
  for (size_t i = 0; i < t; i++)
    memcpy(first + i * d, weights + tokens->ids[i] * d, d * sizeof *first);
  for (size_t l = 0; l < m->layers; l++)
    layer_forward(r, l, l + 1 < m->layers ? r->layers[l + 1].x : r->x);
  sl_part_norm(r->h, r->rstd, r->x, weights + sl_ref_norm_offset(m), t, d, m->eps);
  sl_part_linear(r->log_p, r->h, weights + sl_ref_head_offset(m), NULL, t, m->vocab, d);
  sl_part_head(logp, r->entropy, r->log_p, tokens, t, m->vocab);
  memcpy(entropy, r->entropy, t * sizeof *entropy);
  *run = r;
  return SL_OK;
}

/* Gradients of the arrays of one layer, reused from layer to layer. */
typedef struct {
  double *memory, *dx, *dh, *d_o, *dq, *dk, *dv, *ds, *dgate, *dup, *dact;
  size_t hidden, wide;
} gradients;

static int take(gradients *g, const sl_ref_run *r) {
  const sl_ref_model *m = r->m;
  const size_t t = r->t, td = t * m->hidden, tq = t * m->heads * m->head_dim,
               tk = t * m->kv_heads * m->head_dim, tf = t * m->ffn;
  const size_t pairs = sl_part_pairs(m, r->tokens);
  double *at = calloc(2 * td + 2 * tq + 2 * tk + pairs + 3 * tf + 1, sizeof *at);
  if (!at) return 0;
  g->memory = at;
  g->dx = carve(&at, td), g->dh = carve(&at, td);
  g->d_o = carve(&at, tq), g->dq = carve(&at, tq), g->dk = carve(&at, tk), g->dv = carve(&at, tk),
  g->ds = carve(&at, pairs);
  g->dgate = carve(&at, tf), g->dup = carve(&at, tf), g->dact = carve(&at, tf);
  g->hidden = td;
  g->wide = (size_t)(at - g->dh);
  return 1;
}

/* A gradient of normed heads becomes that of what was normed; scratch is as large. */
static void norm_heads_grad(double *dy, double *scratch, double *dw, const double *raw,
                            const double *w, const double *rstd, size_t rows, size_t d) {
  memcpy(scratch, dy, rows * d * sizeof *dy);
  memset(dy, 0, rows * d * sizeof *dy);
  sl_part_norm_grad(dy, dw, scratch, raw, w, rstd, rows, d);
}

/* dx of the layer's output becomes dx of its input. Everything but dx starts at 0. */
static void layer_backward(const sl_ref_run *r, size_t l, gradients *g, double *grad) {
  const sl_ref_model *m = r->m;
  const layer_state *s = &r->layers[l];
  const size_t t = r->t, d = m->hidden, nq = m->heads * m->head_dim, nk = m->kv_heads * m->head_dim;
#define GRAD(which) (grad + sl_ref_layer_offset(m, l, which))
#define BIAS(which) (m->no_bias ? NULL : GRAD(which))
  memset(g->dh, 0, g->wide * sizeof *g->dh);
  sl_part_linear_grad(g->dact, GRAD(SL_REF_DOWN), NULL, g->dx, s->act, tensor(r, l, SL_REF_DOWN), t,
                      d, m->ffn);
  sl_part_swiglu_grad(g->dgate, g->dup, g->dact, s->gate, s->up, t * m->ffn);
  sl_part_linear_grad(g->dh, GRAD(SL_REF_GATE), NULL, g->dgate, s->h2, tensor(r, l, SL_REF_GATE), t,
                      m->ffn, d);
  sl_part_linear_grad(g->dh, GRAD(SL_REF_UP), NULL, g->dup, s->h2, tensor(r, l, SL_REF_UP), t,
                      m->ffn, d);
  sl_part_norm_grad(g->dx, GRAD(SL_REF_NORM2), g->dh, s->mid, tensor(r, l, SL_REF_NORM2), s->rstd2,
                    t, d);
  memset(g->dh, 0, g->hidden * sizeof *g->dh);
  sl_part_linear_grad(g->d_o, GRAD(SL_REF_O), NULL, g->dx, s->o, tensor(r, l, SL_REF_O), t, d, nq);
  sl_part_attention_grad(g->dq, g->dk, g->dv, g->ds, g->d_o, s->p, s->q, s->k, s->v, m, r->tokens);
  sl_part_rope(g->dq, r->tokens, r->cosine, r->sine, m->heads, m->head_dim, -1.0);
  sl_part_rope(g->dk, r->tokens, r->cosine, r->sine, m->kv_heads, m->head_dim, -1.0);
  if (m->qk_norm) { /* d_o has been used */
    norm_heads_grad(g->dq, g->d_o, GRAD(SL_REF_Q_NORM), s->raw_q, tensor(r, l, SL_REF_Q_NORM),
                    s->rstd_q, t * m->heads, m->head_dim);
    norm_heads_grad(g->dk, g->d_o, GRAD(SL_REF_K_NORM), s->raw_k, tensor(r, l, SL_REF_K_NORM),
                    s->rstd_k, t * m->kv_heads, m->head_dim);
  }
  sl_part_linear_grad(g->dh, GRAD(SL_REF_Q), BIAS(SL_REF_Q_BIAS), g->dq, s->h1,
                      tensor(r, l, SL_REF_Q), t, nq, d);
  sl_part_linear_grad(g->dh, GRAD(SL_REF_K), BIAS(SL_REF_K_BIAS), g->dk, s->h1,
                      tensor(r, l, SL_REF_K), t, nk, d);
  sl_part_linear_grad(g->dh, GRAD(SL_REF_V), BIAS(SL_REF_V_BIAS), g->dv, s->h1,
                      tensor(r, l, SL_REF_V), t, nk, d);
  sl_part_norm_grad(g->dx, GRAD(SL_REF_NORM1), g->dh, s->x, tensor(r, l, SL_REF_NORM1), s->rstd1, t,
                    d);
#undef BIAS
#undef GRAD
}

const double *sl_ref_log_probs(const sl_ref_run *r) { return r->log_p; }

sl_status sl_ref_backward_logits(const sl_ref_run *r, const double *dz, double *grad) {
  const sl_ref_model *m = r->m;
  const size_t t = r->t, d = m->hidden, head = sl_ref_head_offset(m), norm = sl_ref_norm_offset(m);
  gradients g = {0};
  if (!take(&g, r)) return SL_ERR_MEMORY;
  sl_part_linear_grad(g.dh, grad + head, NULL, dz, r->h, r->w + head, t, m->vocab, d);
  sl_part_norm_grad(g.dx, grad + norm, g.dh, r->x, r->w + norm, r->rstd, t, d);
  for (size_t l = m->layers; l-- > 0;) layer_backward(r, l, &g, grad);
  for (size_t i = 0; i < t; i++) add(grad + r->tokens->ids[i] * d, g.dx + i * d, d);
  free(g.memory);
  return SL_OK;
}

sl_status sl_ref_backward(const sl_ref_run *r, const double *dlogp, const double *dentropy,
                          double *grad) {
  const size_t vocab = r->m->vocab;
  double *dz = calloc(r->t * vocab + 1, sizeof *dz);
  if (!dz) return SL_ERR_MEMORY;
  sl_part_head_grad(dz, dlogp, dentropy, r->log_p, r->entropy, r->tokens, r->t, vocab);
  const sl_status status = sl_ref_backward_logits(r, dz, grad);
  free(dz);
  return status;
}
