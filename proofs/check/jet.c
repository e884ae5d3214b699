/* Interval Taylor arithmetic (see jet.h). */
#include "jet.h"

void slc_nowhere(mpfi_t x) {
  mpfr_set_inf(&x->left, -1);
  mpfr_set_inf(&x->right, 1);
}
int slc_bounded(mpfi_srcptr x) { return mpfi_bounded_p(x) && !mpfi_nan_p(x); }
int slc_sign_of(mpfi_srcptr x) {
  return !slc_bounded(x) ? 0 : mpfi_is_strictly_pos(x) ? 1 : mpfi_is_strictly_neg(x) ? -1 : 0;
}

void slc_jet_init(jet_t *y) {
  for (int i = 0; i < JET; i++) mpfi_init2(y->c[i], BITS), mpfi_set_si(y->c[i], 0);
}
void slc_jet_clear(jet_t *y) {
  for (int i = 0; i < JET; i++) mpfi_clear(y->c[i]);
}
void slc_jet_set(jet_t *y, const jet_t *a) {
  for (int i = 0; i < JET; i++) mpfi_set(y->c[i], a->c[i]);
}
void slc_jet_const(jet_t *y, const mpfi_t c) {
  mpfi_set(y->c[0], c);
  for (int i = 1; i < JET; i++) mpfi_set_si(y->c[i], 0);
}
void slc_jet_unknown(jet_t *y) {
  for (int i = 0; i < JET; i++) slc_nowhere(y->c[i]);
}
void slc_jet_add(jet_t *y, const jet_t *a, const jet_t *b, int minus, int n) {
  for (int i = 0; i < n; i++)
    minus ? mpfi_sub(y->c[i], a->c[i], b->c[i]) : mpfi_add(y->c[i], a->c[i], b->c[i]);
}
void slc_jet_scale(jet_t *y, const jet_t *a, const mpfi_t f, int n) {
  for (int i = 0; i < n; i++) mpfi_mul(y->c[i], a->c[i], f);
}

void slc_jet_mul(jet_t *y, const jet_t *a, const jet_t *b, int n) {
  jet_t r;
  mpfi_t t;
  slc_jet_init(&r);
  mpfi_init2(t, BITS);
  for (int m = 0; m < n; m++)
    for (int i = 0; i <= m; i++) {
      if (a == b && 2 * i == m)
        mpfi_sqr(t, a->c[i]);
      else
        mpfi_mul(t, a->c[i], b->c[m - i]);
      mpfi_add(r.c[m], r.c[m], t);
    }
  slc_jet_set(y, &r);
  slc_jet_clear(&r);
  mpfi_clear(t);
}

void slc_jet_div(jet_t *y, const jet_t *a, const jet_t *b, int n) {
  jet_t r;
  mpfi_t t;
  if (slc_sign_of(b->c[0]) == 0) {
    slc_jet_unknown(y);
    return;
  }
  slc_jet_init(&r);
  mpfi_init2(t, BITS);
  for (int m = 0; m < n; m++) {
    mpfi_set(r.c[m], a->c[m]);
    for (int i = 1; i <= m; i++) {
      mpfi_mul(t, b->c[i], r.c[m - i]);
      mpfi_sub(r.c[m], r.c[m], t);
    }
    mpfi_div(r.c[m], r.c[m], b->c[0]);
  }
  slc_jet_set(y, &r);
  slc_jet_clear(&r);
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
  slc_jet_mul(y, a, a, n);
  mpfi_add_si(y->c[0], y->c[0], 1);
}
static void invert(jet_t *y, const jet_t *a, int n) {
  jet_t one;
  slc_jet_init(&one);
  mpfi_set_si(one.c[0], 1);
  slc_jet_div(y, &one, a, n);
  slc_jet_clear(&one);
}

void slc_erf_of(mpfi_t y, const mpfi_t a) {
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
void slc_sigmoid_of(mpfi_t y, const mpfi_t a) {
  sigmoid_end(&y->left, &a->left, MPFR_RNDD);
  sigmoid_end(&y->right, &a->right, MPFR_RNDU);
}

/* MPFR reduces an argument by as many digits of pi as its exponent says. */
void slc_wave_of(mpfi_t y, const mpfi_t a, int cosine) {
  enum { LARGEST = 4096 };
  mpfr_t size;
  if (mpfi_nan_p(a)) {
    slc_nowhere(y);
    return;
  }
  mpfr_init2(size, BITS);
  mpfi_mag(size, a);
  if (mpfr_number_p(size) && mpfr_cmp_ui_2exp(size, 1, LARGEST) <= 0)
    cosine ? mpfi_cos(y, a) : mpfi_sin(y, a);
  else
    mpfi_interv_si(y, -1, 1);
  mpfr_clear(size);
}

void slc_jet_pow(jet_t *y, const jet_t *a, const mpq_t q, int n) {
  const long p = mpz_get_si(mpq_numref(q));
  const int integer = mpz_cmp_ui(mpq_denref(q), 1) == 0;
  if (!mpz_fits_sint_p(mpq_numref(q)) || !mpz_fits_sint_p(mpq_denref(q)) ||
      (integer && (p > 1000 || p < -1000))) {
    slc_jet_unknown(y);
    return;
  }
  if (integer) {
    jet_t base;
    slc_jet_init(&base);
    slc_jet_set(&base, a);
    jet_t r;
    slc_jet_init(&r);
    mpfi_set_si(r.c[0], 1);
    for (long e = p < 0 ? -p : p; e; e /= 2) { /* squaring keeps even powers nonnegative */
      if (e & 1) slc_jet_mul(&r, &r, &base, n);
      slc_jet_mul(&base, &base, &base, n);
    }
    if (p < 0)
      invert(y, &r, n);
    else
      slc_jet_set(y, &r);
    slc_jet_clear(&base), slc_jet_clear(&r);
    return;
  }
  if (slc_sign_of(a->c[0]) <= 0) {
    slc_jet_unknown(y);
    return;
  }
  mpfi_t f;
  mpfi_init2(f, BITS);
  mpfi_set_q(f, q);
  slc_jet_fn(y, E_LOG, a, n);
  slc_jet_scale(y, y, f, n);
  slc_jet_fn(y, E_EXP, y, n);
  mpfi_clear(f);
}

/* s' = c a' and c' = sign s a', from s_0 and c_0. */
static void solve_pair(jet_t *s, jet_t *c, int sign, const jet_t *a, int n) {
  mpfi_t t;
  mpfi_init2(t, BITS);
  for (int m = 1; m < n; m++) {
    for (int i = 1; i <= m; i++) {
      mpfi_mul(t, a->c[i], c->c[m - i]);
      mpfi_mul_si(t, t, i);
      mpfi_add(s->c[m], s->c[m], t);
      mpfi_mul(t, a->c[i], s->c[m - i]);
      mpfi_mul_si(t, t, sign * i);
      mpfi_add(c->c[m], c->c[m], t);
    }
    mpfi_div_si(s->c[m], s->c[m], m);
    mpfi_div_si(c->c[m], c->c[m], m);
  }
  mpfi_clear(t);
}

static void trigonometric(jet_t *y, const jet_t *a, int cosine, int n) {
  jet_t s, c;
  slc_jet_init(&s), slc_jet_init(&c);
  slc_wave_of(s.c[0], a->c[0], 0);
  slc_wave_of(c.c[0], a->c[0], 1);
  solve_pair(&s, &c, -1, a, n);
  slc_jet_set(y, cosine ? &c : &s);
  slc_jet_clear(&s), slc_jet_clear(&c);
}

static void hyperbolic(jet_t *y, const jet_t *a, int cosine, int n) {
  jet_t s, c;
  slc_jet_init(&s), slc_jet_init(&c);
  mpfi_sinh(s.c[0], a->c[0]);
  mpfi_cosh(c.c[0], a->c[0]);
  solve_pair(&s, &c, 1, a, n);
  slc_jet_set(y, cosine ? &c : &s);
  slc_jet_clear(&s), slc_jet_clear(&c);
}

/* y' = s a' with s = 1 - y^2, whose s_0 is 1/cosh^2: exact at the ends of a wide argument, where a
 * quotient of exponentials takes its two sides from different ends. */
static void jet_tanh(jet_t *y, const jet_t *a, int n) {
  jet_t s, x;
  mpfi_t t;
  slc_jet_init(&s), slc_jet_init(&x);
  mpfi_init2(t, BITS);
  mpfi_tanh(x.c[0], a->c[0]);
  mpfi_cosh(t, a->c[0]), mpfi_sqr(t, t), mpfi_inv(s.c[0], t);
  for (int m = 1; m < n; m++) {
    for (int i = 1; i <= m; i++) {
      mpfi_mul(t, a->c[i], s.c[m - i]);
      mpfi_mul_si(t, t, i);
      mpfi_add(x.c[m], x.c[m], t);
    }
    mpfi_div_si(x.c[m], x.c[m], m);
    for (int i = 0; i <= m; i++) {
      mpfi_mul(t, x.c[i], x.c[m - i]);
      mpfi_sub(s.c[m], s.c[m], t);
    }
  }
  slc_jet_set(y, &x);
  slc_jet_clear(&s), slc_jet_clear(&x);
  mpfi_clear(t);
}

static void jet_sigmoid(jet_t *y, const jet_t *a, int n) { /* (1 + tanh(a/2)) / 2 */
  jet_t half;
  mpfi_t lead;
  slc_jet_init(&half);
  mpfi_init2(lead, BITS);
  slc_sigmoid_of(lead, a->c[0]);
  for (int i = 0; i < n; i++) mpfi_div_2ui(half.c[i], a->c[i], 1);
  jet_tanh(y, &half, n);
  for (int i = 1; i < n; i++) mpfi_div_2ui(y->c[i], y->c[i], 1);
  mpfi_set(y->c[0], lead);
  slc_jet_clear(&half);
  mpfi_clear(lead);
}

static void jet_exp(jet_t *y, const jet_t *a, int n) {
  slc_jet_unknown(y);
  mpfi_exp(y->c[0], a->c[0]);
  solve(y, y, a, n);
}

static void jet_expm1(jet_t *y, const jet_t *a, int n) {
  jet_exp(y, a, n);
  mpfi_expm1(y->c[0], a->c[0]);
}

static void jet_log(jet_t *y, const jet_t *a, int n) {
  if (slc_sign_of(a->c[0]) <= 0) {
    slc_jet_unknown(y);
    return;
  }
  jet_t s;
  slc_jet_init(&s);
  invert(&s, a, n);
  mpfi_log(y->c[0], a->c[0]);
  solve(y, &s, a, n);
  slc_jet_clear(&s);
}

static void jet_log1p(jet_t *y, const jet_t *a, int n) {
  jet_t x;
  slc_jet_init(&x);
  slc_jet_set(&x, a);
  mpfi_add_si(x.c[0], x.c[0], 1);
  jet_log(y, &x, n);
  slc_jet_clear(&x);
}

static void jet_half_power(jet_t *y, const jet_t *a, int sign, int n) {
  mpq_t half;
  mpq_init(half);
  mpq_set_si(half, sign, 2);
  slc_jet_pow(y, a, half, n);
  mpq_clear(half);
}

static void jet_sqrt(jet_t *y, const jet_t *a, int n) {
  if (n == 1 && slc_bounded(a->c[0]) && mpfi_is_nonneg(a->c[0]))
    mpfi_sqrt(y->c[0], a->c[0]);
  else
    jet_half_power(y, a, 1, n);
}

static void jet_times(jet_t *y, const jet_t *a, long f, int n) {
  for (int i = 0; i < n; i++) mpfi_mul_si(y->c[i], a->c[i], f);
}

static void jet_sin(jet_t *y, const jet_t *a, int n) { trigonometric(y, a, 0, n); }
static void jet_cos(jet_t *y, const jet_t *a, int n) { trigonometric(y, a, 1, n); }

static void jet_sinh(jet_t *y, const jet_t *a, int n) { hyperbolic(y, a, 0, n); }
static void jet_cosh(jet_t *y, const jet_t *a, int n) { hyperbolic(y, a, 1, n); }

static void jet_erf(jet_t *y, const jet_t *a, int n) { /* y' = 2/sqrt(pi) exp(-a^2) a' */
  jet_t s, square;
  mpfi_t t;
  slc_jet_init(&s), slc_jet_init(&square);
  mpfi_init2(t, BITS);
  slc_jet_mul(&square, a, a, n);
  jet_times(&square, &square, -1, n);
  jet_exp(&s, &square, n);
  mpfi_const_pi(t), mpfi_sqrt(t, t), mpfi_inv(t, t), mpfi_mul_si(t, t, 2);
  slc_jet_scale(&s, &s, t, n);
  slc_erf_of(y->c[0], a->c[0]);
  solve(y, &s, a, n);
  slc_jet_clear(&s), slc_jet_clear(&square);
  mpfi_clear(t);
}

static void jet_atan(jet_t *y, const jet_t *a, int n) {
  jet_t s;
  slc_jet_init(&s);
  one_plus_square(&s, a, n);
  invert(&s, &s, n);
  mpfi_atan(y->c[0], a->c[0]);
  solve(y, &s, a, n);
  slc_jet_clear(&s);
}

static void jet_asinh(jet_t *y, const jet_t *a, int n) {
  jet_t s, root;
  slc_jet_init(&s), slc_jet_init(&root);
  one_plus_square(&s, a, n);
  jet_half_power(&root, &s, -1, n);
  mpfi_asinh(y->c[0], a->c[0]);
  solve(y, &root, a, n);
  slc_jet_clear(&s), slc_jet_clear(&root);
}

void slc_jet_fn(jet_t *y, op_t op, const jet_t *a, int n) {
  static void (*const functions[E_COUNT])(jet_t *, const jet_t *, int) = {
#define FUNCTION(kind, name) [E_##kind] = jet_##name,
#include "functions.def"
#undef FUNCTION
  };
  if (!slc_expr_is_function(op)) {
    slc_jet_unknown(y);
    return;
  }
  jet_t x; /* y may be a */
  slc_jet_init(&x);
  slc_jet_set(&x, a);
  functions[op](y, &x, n);
  slc_jet_clear(&x);
}
