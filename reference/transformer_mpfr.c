/* Forward pass of the transformer in MPFR (spec T5.1): naive loops, sharing nothing with the
 * binary64 one but the layout and the RoPE tables. */
#include "rope.h"
#include "transformer.h"

#include <stdlib.h>

#define RN MPFR_RNDN

/* The arrays of one pass; scratch numbers a and b. */
typedef struct {
  const sl_ref_model *m;
  const sl_ref_tokens *tokens;
  mpfr_t *w;
  size_t t;
  sl_reals x, h, q, k, v, o, y, gate, up, row;
  float *cosine, *sine;
  mpfr_t a, b;
} pass;

/* y (t, n) (+)= x (t, k) w^T + bias; bias 0: none */
static void linear(pass *p, sl_reals *y, int onto, const sl_reals *x, size_t w, size_t bias,
                   size_t n, size_t k) {
  for (size_t i = 0; i < p->t * n; i++) {
    if (bias)
      mpfr_set(p->a, p->w[bias + i % n], RN);
    else
      mpfr_set_zero(p->a, 1);
    for (size_t c = 0; c < k; c++)
      mpfr_fma(p->a, x->x[i / n * k + c], p->w[w + i % n * k + c], p->a, RN);
    if (onto)
      mpfr_add(y->x[i], y->x[i], p->a, RN);
    else
      mpfr_set(y->x[i], p->a, RN);
  }
}

/* Rows of x, normed, to y, which may be x. */
static void norm_rows(pass *p, sl_reals *y, const sl_reals *x, size_t w, size_t rows, size_t d) {
  for (size_t i = 0; i < rows; i++) {
    mpfr_set_zero(p->a, 1);
    for (size_t c = 0; c < d; c++) mpfr_fma(p->a, x->x[i * d + c], x->x[i * d + c], p->a, RN);
    mpfr_div_ui(p->a, p->a, d, RN);
    mpfr_add_d(p->a, p->a, p->m->eps, RN);
    mpfr_rec_sqrt(p->a, p->a, RN);
    for (size_t c = 0; c < d; c++) {
      mpfr_mul(y->x[i * d + c], x->x[i * d + c], p->a, RN);
      mpfr_mul(y->x[i * d + c], y->x[i * d + c], p->w[w + c], RN);
    }
  }
}

static void norm(pass *p, size_t w) { norm_rows(p, &p->h, &p->x, w, p->t, p->m->hidden); }

static void rope(pass *p, sl_reals *x, size_t heads) {
  const size_t d = p->m->head_dim, half = d / 2;
  for (size_t s = 0; s < p->tokens->n_seq; s++)
    for (size_t i = p->tokens->seq[s]; i < p->tokens->seq[s + 1]; i++)
      for (size_t r = 0; r < heads * half; r++) {
        const size_t re = (i * heads + r / half) * d + r % half, im = re + half,
                     at = (i - p->tokens->seq[s]) * half + r % half;
        const double cosine = (double)p->cosine[at], sine = (double)p->sine[at];
        mpfr_mul_d(p->a, x->x[re], sine, RN);
        mpfr_mul_d(p->b, x->x[im], sine, RN);
        mpfr_mul_d(x->x[re], x->x[re], cosine, RN);
        mpfr_mul_d(x->x[im], x->x[im], cosine, RN);
        mpfr_sub(x->x[re], x->x[re], p->b, RN);
        mpfr_add(x->x[im], x->x[im], p->a, RN);
      }
}

/* row[0..n) becomes e^row and p->a its sum. MPFR's exponents need no maximum subtracted. */
static void exponentiate(pass *p, size_t n) {
  mpfr_set_zero(p->a, 1);
  for (size_t j = 0; j < n; j++) {
    mpfr_exp(p->row.x[j], p->row.x[j], RN);
    mpfr_add(p->a, p->a, p->row.x[j], RN);
  }
}

/* Token i, head h, keys first..i. */
static void attend(pass *p, size_t first, size_t i, size_t h) {
  const sl_ref_model *m = p->m;
  const size_t d = m->head_dim, at = (i * m->heads + h) * d, g = h / (m->heads / m->kv_heads);
  mpfr_t *o = p->o.x + at;
  mpfr_set_ui(p->b, d, RN);
  mpfr_sqrt(p->b, p->b, RN);
  for (size_t j = first; j <= i; j++) {
    mpfr_ptr s = p->row.x[j - first];
    mpfr_set_zero(s, 1);
    for (size_t c = 0; c < d; c++)
      mpfr_fma(s, p->q.x[at + c], p->k.x[(j * m->kv_heads + g) * d + c], s, RN);
    mpfr_div(s, s, p->b, RN);
  }
  exponentiate(p, i - first + 1);
  for (size_t c = 0; c < d; c++) {
    mpfr_set_zero(o[c], 1);
    for (size_t j = first; j <= i; j++)
      mpfr_fma(o[c], p->row.x[j - first], p->v.x[(j * m->kv_heads + g) * d + c], o[c], RN);
    mpfr_div(o[c], o[c], p->a, RN);
  }
}

/* gate = gate / (1 + e^-gate) * up */
static void swiglu(pass *p) {
  for (size_t i = 0; i < p->t * p->m->ffn; i++) {
    mpfr_neg(p->a, p->gate.x[i], RN);
    mpfr_exp(p->a, p->a, RN);
    mpfr_add_ui(p->a, p->a, 1, RN);
    mpfr_div(p->gate.x[i], p->gate.x[i], p->a, RN);
    mpfr_mul(p->gate.x[i], p->gate.x[i], p->up.x[i], RN);
  }
}

static void layer(pass *p, size_t l) {
  const sl_ref_model *m = p->m;
  const size_t d = m->hidden, nq = m->heads * m->head_dim, nk = m->kv_heads * m->head_dim;
#define AT(which) sl_ref_layer_offset(m, l, which)
#define BIAS(which) (m->no_bias ? 0 : AT(which))
  norm(p, AT(SL_REF_NORM1));
  linear(p, &p->q, 0, &p->h, AT(SL_REF_Q), BIAS(SL_REF_Q_BIAS), nq, d);
  linear(p, &p->k, 0, &p->h, AT(SL_REF_K), BIAS(SL_REF_K_BIAS), nk, d);
  linear(p, &p->v, 0, &p->h, AT(SL_REF_V), BIAS(SL_REF_V_BIAS), nk, d);
  if (m->qk_norm) {
    norm_rows(p, &p->q, &p->q, AT(SL_REF_Q_NORM), p->t * m->heads, m->head_dim);
    norm_rows(p, &p->k, &p->k, AT(SL_REF_K_NORM), p->t * m->kv_heads, m->head_dim);
  }
  rope(p, &p->q, m->heads);
  rope(p, &p->k, m->kv_heads);
  for (size_t s = 0; s < p->tokens->n_seq; s++)
    for (size_t i = p->tokens->seq[s]; i < p->tokens->seq[s + 1]; i++)
      for (size_t h = 0; h < m->heads; h++) attend(p, p->tokens->seq[s], i, h);
  linear(p, &p->x, 1, &p->o, AT(SL_REF_O), 0, d, nq);
  norm(p, AT(SL_REF_NORM2));
  linear(p, &p->gate, 0, &p->h, AT(SL_REF_GATE), 0, m->ffn, d);
  linear(p, &p->up, 0, &p->h, AT(SL_REF_UP), 0, m->ffn, d);
  swiglu(p);
  linear(p, &p->x, 1, &p->gate, AT(SL_REF_DOWN), 0, d, m->ffn);
#undef BIAS
#undef AT
}

/* log-prob of the target and entropy log(sum) - sum e^z z / sum of one row */
static void head_row(pass *p, mpfr_t logp, mpfr_t entropy, size_t i) {
  const sl_ref_model *m = p->m;
  const size_t d = m->hidden, head = sl_ref_head_offset(m);
  for (size_t v = 0; v < m->vocab; v++) {
    mpfr_ptr z = p->row.x[v];
    mpfr_set_zero(z, 1);
    for (size_t c = 0; c < d; c++) mpfr_fma(z, p->h.x[i * d + c], p->w[head + v * d + c], z, RN);
    mpfr_mul_d(z, z, p->tokens->inv_temperature, RN);
    mpfr_set(p->y.x[v], z, RN);
  }
  exponentiate(p, m->vocab);
  mpfr_set_zero(p->b, 1);
  for (size_t v = 0; v < m->vocab; v++) mpfr_fma(p->b, p->row.x[v], p->y.x[v], p->b, RN);
  mpfr_div(p->b, p->b, p->a, RN);
  mpfr_log(p->a, p->a, RN);
  mpfr_sub(logp, p->y.x[p->tokens->target[i]], p->a, RN);
  mpfr_sub(entropy, p->a, p->b, RN);
}

#define FOR_ALL_ARRAYS(DO) \
  DO(x, d) DO(h, d) DO(q, nq) DO(o, nq) DO(k, nk) DO(v, nk) DO(gate, f) DO(up, f)

static sl_status create(pass *p, const sl_ref_model *m, const sl_reals *weights,
                        const sl_ref_tokens *tokens) {
  const mpfr_prec_t precision = mpfr_get_prec(weights->x[0]);
  const size_t t = tokens->n_seq ? tokens->seq[tokens->n_seq] : 0, table = t * m->head_dim / 2,
               longest = m->vocab > t ? m->vocab : t;
  const size_t d = t * m->hidden, nq = t * m->heads * m->head_dim,
               nk = t * m->kv_heads * m->head_dim, f = t * m->ffn;
  p->m = m, p->tokens = tokens, p->w = weights->x, p->t = t;
  int complete = 1;
#define CREATE(name, size) \
  p->name = sl_reals_create(size, precision), complete = complete && p->name.x;
  FOR_ALL_ARRAYS(CREATE)
  CREATE(row, longest)
  CREATE(y, longest)
#undef CREATE
  mpfr_inits2(precision, p->a, p->b, (mpfr_ptr)0);
  p->cosine = calloc(2 * table + 1, sizeof *p->cosine);
  if (!complete || !p->cosine) return SL_ERR_MEMORY;
  p->sine = p->cosine + table;
  sl_ref_rope_tables(p->cosine, p->sine, t, m->head_dim, m->theta, &m->rope);
  return SL_OK;
}

static void destroy(pass *p) {
#define DESTROY(name, size) sl_reals_destroy(&p->name);
  FOR_ALL_ARRAYS(DESTROY)
  DESTROY(row, )
  DESTROY(y, )
#undef DESTROY
  mpfr_clears(p->a, p->b, (mpfr_ptr)0);
  free(p->cosine);
}

sl_status sl_ref_forward_mpfr(sl_reals *logp, sl_reals *entropy, const sl_ref_model *m,
                              const sl_reals *weights, const sl_ref_tokens *tokens) {
  pass p = {0};
  const sl_status status = create(&p, m, weights, tokens);
  if (!status) {
    for (size_t i = 0; i < p.t * m->hidden; i++)
      mpfr_set(p.x.x[i], p.w[tokens->ids[i / m->hidden] * m->hidden + i % m->hidden], RN);
    for (size_t l = 0; l < m->layers; l++) layer(&p, l);
    norm(&p, sl_ref_norm_offset(m));
    for (size_t i = 0; i < p.t; i++) {
      mpfr_set_zero(logp->x[i], 1);
      mpfr_set_zero(entropy->x[i], 1);
      if (tokens->mask[i]) head_row(&p, logp->x[i], entropy->x[i], i);
    }
  }
  destroy(&p);
  return status;
}
