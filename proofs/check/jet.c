/* Interval Taylor arithmetic (see jet.h). */
#include "jet.h"

void nowhere(mpfi_t x) {
  mpfr_set_inf(&x->left, -1);
  mpfr_set_inf(&x->right, 1);
}
int bounded(mpfi_srcptr x) { return mpfi_bounded_p(x) && !mpfi_nan_p(x); }
int sign_of(mpfi_srcptr x) {
  return !bounded(x) ? 0 : mpfi_is_strictly_pos(x) ? 1 : mpfi_is_strictly_neg(x) ? -1 : 0;
}

void jet_init(jet_t *y) {
  for (int i = 0; i < JET; i++) mpfi_init2(y->c[i], BITS), mpfi_set_si(y->c[i], 0);
}
void jet_clear(jet_t *y) {
  for (int i = 0; i < JET; i++) mpfi_clear(y->c[i]);
}
void jet_set(jet_t *y, const jet_t *a) {
  for (int i = 0; i < JET; i++) mpfi_set(y->c[i], a->c[i]);
}
void jet_const(jet_t *y, const mpfi_t c) {
  mpfi_set(y->c[0], c);
  for (int i = 1; i < JET; i++) mpfi_set_si(y->c[i], 0);
}
void jet_unknown(jet_t *y) {
  for (int i = 0; i < JET; i++) nowhere(y->c[i]);
}
void jet_add(jet_t *y, const jet_t *a, const jet_t *b, int minus, int n) {
  for (int i = 0; i < n; i++)
    minus ? mpfi_sub(y->c[i], a->c[i], b->c[i]) : mpfi_add(y->c[i], a->c[i], b->c[i]);
}
void jet_scale(jet_t *y, const jet_t *a, const mpfi_t f, int n) {
  for (int i = 0; i < n; i++) mpfi_mul(y->c[i], a->c[i], f);
}

void jet_mul(jet_t *y, const jet_t *a, const jet_t *b, int n) {
  jet_t r;
  mpfi_t t;
  jet_init(&r);
  mpfi_init2(t, BITS);
  for (int m = 0; m < n; m++)
    for (int i = 0; i <= m; i++) {
      if (a == b && 2 * i == m)
        mpfi_sqr(t, a->c[i]);
      else
        mpfi_mul(t, a->c[i], b->c[m - i]);
      mpfi_add(r.c[m], r.c[m], t);
    }
  jet_set(y, &r);
  jet_clear(&r);
  mpfi_clear(t);
}

void jet_div(jet_t *y, const jet_t *a, const jet_t *b, int n) {
  jet_t r;
  mpfi_t t;
  if (sign_of(b->c[0]) == 0) {
    jet_unknown(y);
    return;
  }
  jet_init(&r);
  mpfi_init2(t, BITS);
  for (int m = 0; m < n; m++) {
    mpfi_set(r.c[m], a->c[m]);
    for (int i = 1; i <= m; i++) {
      mpfi_mul(t, b->c[i], r.c[m - i]);
      mpfi_sub(r.c[m], r.c[m], t);
    }
    mpfi_div(r.c[m], r.c[m], b->c[0]);
  }
  jet_set(y, &r);
  jet_clear(&r);
  mpfi_clear(t);
}

/* y_0 is set; y' = s a'. s may be y. */
static void solve(jet_t *y, const jet_t *s, const jet_t *a, int n) {
  mpfi_t t;
  mpfi_init2(t, BITS);
  for (int m = 1; m < n; m++) {
    mpfi_t sum;
    mpfi_init2(sum, BITS);
    mpfi_set_si(sum, 0);
    for (int i = 1; i <= m; i++) {
      mpfi_mul(t, a->c[i], s->c[m - i]);
      mpfi_mul_si(t, t, i);
      mpfi_add(sum, sum, t);
    }
    mpfi_div_si(y->c[m], sum, m);
    mpfi_clear(sum);
  }
  mpfi_clear(t);
}

static void one_plus_square(jet_t *y, const jet_t *a, int n) {
  jet_mul(y, a, a, n);
  mpfi_add_si(y->c[0], y->c[0], 1);
}
static void invert(jet_t *y, const jet_t *a, int n) {
  jet_t one;
  jet_init(&one);
  mpfi_set_si(one.c[0], 1);
  jet_div(y, &one, a, n);
  jet_clear(&one);
}

void erf_of(mpfi_t y, const mpfi_t a) {
  mpfr_erf(&y->left, &a->left, MPFR_RNDD);
  mpfr_erf(&y->right, &a->right, MPFR_RNDU);
}

static void sigmoid_end(mpfr_t y, const mpfr_t a, mpfr_rnd_t to) {
  const mpfr_rnd_t back = to == MPFR_RNDD ? MPFR_RNDU : MPFR_RNDD;
  mpfr_t t;
  mpfr_init2(t, BITS);
  mpfr_neg(t, a, back);
  mpfr_exp(t, t, back);
  mpfr_add_ui(t, t, 1, back);
  mpfr_ui_div(y, 1, t, to);
  mpfr_clear(t);
}
void sigmoid_of(mpfi_t y, const mpfi_t a) {
  sigmoid_end(&y->left, &a->left, MPFR_RNDD);
  sigmoid_end(&y->right, &a->right, MPFR_RNDU);
}

void jet_pow(jet_t *y, const jet_t *a, const mpq_t q, int n) {
  const long p = mpz_get_si(mpq_numref(q));
  if (!mpz_fits_sint_p(mpq_numref(q)) || mpz_cmp_ui(mpq_denref(q), 1000000000) > 0 || p > 1000 ||
      p < -1000) {
    jet_unknown(y);
    return;
  }
  if (mpz_cmp_ui(mpq_denref(q), 1) == 0) {
    jet_t base;
    jet_init(&base);
    jet_set(&base, a);
    jet_t r;
    jet_init(&r);
    mpfi_set_si(r.c[0], 1);
    for (long e = p < 0 ? -p : p; e; e /= 2) { /* squaring keeps even powers nonnegative */
      if (e & 1) jet_mul(&r, &r, &base, n);
      jet_mul(&base, &base, &base, n);
    }
    if (p < 0)
      invert(y, &r, n);
    else
      jet_set(y, &r);
    jet_clear(&base), jet_clear(&r);
    return;
  }
  if (sign_of(a->c[0]) <= 0) {
    jet_unknown(y);
    return;
  }
  mpfi_t f;
  mpfi_init2(f, BITS);
  mpfi_set_q(f, q);
  jet_fn(y, E_LOG, a, n);
  jet_scale(y, y, f, n);
  jet_fn(y, E_EXP, y, n);
  mpfi_clear(f);
}

static void jet_sin_cos(jet_t *y, const jet_t *a, int cosine, int n) {
  jet_t s, c;
  mpfi_t t;
  jet_init(&s), jet_init(&c);
  mpfi_init2(t, BITS);
  mpfi_sin(s.c[0], a->c[0]);
  mpfi_cos(c.c[0], a->c[0]);
  for (int m = 1; m < n; m++) {
    for (int i = 1; i <= m; i++) {
      mpfi_mul(t, a->c[i], c.c[m - i]);
      mpfi_mul_si(t, t, i);
      mpfi_add(s.c[m], s.c[m], t);
      mpfi_mul(t, a->c[i], s.c[m - i]);
      mpfi_mul_si(t, t, i);
      mpfi_sub(c.c[m], c.c[m], t);
    }
    mpfi_div_si(s.c[m], s.c[m], m);
    mpfi_div_si(c.c[m], c.c[m], m);
  }
  jet_set(y, cosine ? &c : &s);
  jet_clear(&s), jet_clear(&c);
  mpfi_clear(t);
}

static void jet_sigmoid(jet_t *y, const jet_t *a, int n) {
  jet_t d;
  jet_init(&d);
  mpfi_t lead;
  mpfi_init2(lead, BITS);
  sigmoid_of(lead, a->c[0]);
  for (int i = 0; i < n; i++) mpfi_neg(d.c[i], a->c[i]);
  jet_fn(&d, E_EXP, &d, n);
  mpfi_add_si(d.c[0], d.c[0], 1);
  invert(y, &d, n);
  mpfi_set(y->c[0], lead);
  mpfi_clear(lead);
  jet_clear(&d);
}

void jet_fn(jet_t *y, op_t op, const jet_t *a, int n) {
  jet_t s, x;
  mpfi_t t;
  jet_init(&s), jet_init(&x);
  jet_set(&x, a);
  mpfi_init2(t, BITS);
  switch (op) {
    case E_EXP:
      jet_unknown(y);
      mpfi_exp(y->c[0], x.c[0]);
      solve(y, y, &x, n);
      break;
    case E_EXPM1:
      jet_fn(y, E_EXP, &x, n);
      mpfi_expm1(y->c[0], x.c[0]);
      break;
    case E_LOG:
      if (sign_of(x.c[0]) <= 0) {
        jet_unknown(y);
      } else {
        invert(&s, &x, n);
        mpfi_log(y->c[0], x.c[0]);
        solve(y, &s, &x, n);
      }
      break;
    case E_LOG1P:
      mpfi_add_si(x.c[0], x.c[0], 1);
      jet_fn(y, E_LOG, &x, n);
      break;
    case E_SQRT: {
      mpq_t half;
      mpq_init(half);
      mpq_set_ui(half, 1, 2);
      if (n == 1 && bounded(x.c[0]) && mpfi_is_nonneg(x.c[0]))
        mpfi_sqrt(y->c[0], x.c[0]);
      else
        jet_pow(y, &x, half, n);
      mpq_clear(half);
      break;
    }
    case E_SIGMOID:
      jet_sigmoid(y, &x, n);
      break;
    case E_TANH:
      for (int i = 0; i < n; i++) mpfi_mul_si(x.c[i], x.c[i], 2);
      jet_sigmoid(y, &x, n);
      for (int i = 0; i < n; i++) mpfi_mul_si(y->c[i], y->c[i], 2);
      mpfi_sub_si(y->c[0], y->c[0], 1);
      break;
    case E_SIN:
    case E_COS:
      jet_sin_cos(y, &x, op == E_COS, n);
      break;
    case E_SINH:
    case E_COSH:
      jet_fn(&s, E_EXP, &x, n);
      for (int i = 0; i < n; i++) mpfi_neg(x.c[i], x.c[i]);
      jet_fn(&x, E_EXP, &x, n);
      jet_add(y, &s, &x, op == E_SINH, n);
      for (int i = 0; i < n; i++) mpfi_div_si(y->c[i], y->c[i], 2);
      break;
    case E_ERF:
      jet_mul(&s, &x, &x, n);
      for (int i = 0; i < n; i++) mpfi_neg(s.c[i], s.c[i]);
      jet_fn(&s, E_EXP, &s, n);
      mpfi_const_pi(t), mpfi_sqrt(t, t), mpfi_inv(t, t), mpfi_mul_si(t, t, 2);
      jet_scale(&s, &s, t, n);
      erf_of(y->c[0], x.c[0]);
      solve(y, &s, &x, n);
      break;
    case E_ATAN:
      one_plus_square(&s, &x, n);
      invert(&s, &s, n);
      mpfi_atan(y->c[0], x.c[0]);
      solve(y, &s, &x, n);
      break;
    case E_ASINH: {
      mpq_t q;
      mpq_init(q);
      mpq_set_si(q, -1, 2);
      one_plus_square(&s, &x, n);
      jet_pow(&s, &s, q, n);
      mpfi_asinh(y->c[0], x.c[0]);
      solve(y, &s, &x, n);
      mpq_clear(q);
      break;
    }
    default:
      jet_unknown(y);
      break;
  }
  jet_clear(&s), jet_clear(&x);
  mpfi_clear(t);
}
