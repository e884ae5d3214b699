/* Functions of spans and their slopes (see span.h). */
#include "jet.h"
#include "span.h"

typedef int (*mpfr_function)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);

/* Of functions that come near to 1, or to -1, and never attain it. */
static void never_one(span_t *y) {
  if (mpfr_cmp_si(&y->x->right, 1) == 0) y->open |= HIGH_OPEN;
  if (mpfr_cmp_si(&y->x->left, -1) == 0) y->open |= LOW_OPEN;
}

/* A function that rises. */
static void rising(span_t *y, const span_t *a, mpfr_function f, unsigned signs) {
  const unsigned open = a->open;
  f(&y->x->left, &a->x->left, MPFR_RNDD);
  f(&y->x->right, &a->x->right, MPFR_RNDU);
  slc_sp_close(y, signs, open);
}

static int sigmoid_end(mpfr_ptr y, mpfr_srcptr a, mpfr_rnd_t to) {
  const mpfr_rnd_t back = to == MPFR_RNDD ? MPFR_RNDU : MPFR_RNDD;
  mpfr_t t;
  mpfr_init2(t, BITS);
  mpfr_neg(t, a, back);
  mpfr_exp(t, t, back);
  mpfr_add_ui(t, t, 1, back);
  mpfr_ui_div(y, 1, t, to);
  mpfr_clear(t);
  return 0;
}

static void plus_one(span_t *y, const span_t *a) {
  span_t one;
  slc_sp_init(&one);
  mpfi_set_si(one.x, 1);
  slc_sp_only(&one, POS);
  slc_sp_add(y, &one, a);
  slc_sp_clear(&one);
}

static void span_exp(span_t *y, span_t *s, const span_t *a) {
  rising(y, a, mpfr_exp, POS);
  slc_sp_set(s, y);
}
static void span_expm1(span_t *y, span_t *s, const span_t *a) {
  rising(s, a, mpfr_exp, POS);
  rising(y, a, mpfr_expm1, a->signs);
}
static void span_log(span_t *y, span_t *s, const span_t *a) {
  slc_sp_invert(s, a);
  if (a->signs == POS)
    rising(y, a, mpfr_log, ANY);
  else
    slc_sp_anything(y);
}
static void span_log1p(span_t *y, span_t *s, const span_t *a) {
  plus_one(s, a);
  if (s->signs == POS)
    rising(y, a, mpfr_log1p, a->signs);
  else
    slc_sp_anything(y);
  slc_sp_invert(s, s);
}
static void span_sqrt(span_t *y, span_t *s, const span_t *a) {
  if (a->signs & NEG)
    slc_sp_anything(y);
  else
    rising(y, a, mpfr_sqrt, a->signs);
  mpq_t half;
  mpq_init(half);
  mpq_set_si(half, 1, 2);
  slc_sp_pow_slope(s, a, half);
  mpq_clear(half);
}
static void span_sigmoid(span_t *y, span_t *s, const span_t *a) {
  span_t minus;
  slc_sp_init(&minus);
  slc_sp_neg(&minus, a);
  rising(&minus, &minus, sigmoid_end, POS);
  rising(y, a, sigmoid_end, POS);
  never_one(y);
  slc_sp_mul(s, y, &minus);
  slc_sp_clear(&minus);
}
static void span_tanh(span_t *y, span_t *s, const span_t *a) {
  span_t twice, t;
  slc_sp_init(&twice), slc_sp_init(&t);
  slc_sp_add(&twice, a, a);
  span_sigmoid(&t, s, &twice);
  slc_sp_add(s, s, s);
  slc_sp_add(s, s, s);
  rising(y, a, mpfr_tanh, a->signs);
  never_one(y);
  slc_sp_clear(&twice), slc_sp_clear(&t);
}

static void wave(span_t *y, const span_t *a, int cosine) {
  slc_wave_of(y->x, a->x, cosine);
  slc_sp_close(y, ANY, 0);
}
static void span_sin(span_t *y, span_t *s, const span_t *a) {
  wave(s, a, 1);
  wave(y, a, 0);
}
static void span_cos(span_t *y, span_t *s, const span_t *a) {
  wave(s, a, 0);
  slc_sp_neg(s, s);
  wave(y, a, 1);
}
static void cosh_of(span_t *y, const span_t *a) {
  span_t size;
  slc_sp_init(&size);
  slc_sp_abs(&size, a);
  rising(y, &size, mpfr_cosh, POS);
  y->open = 0;
  slc_sp_clear(&size);
}
static void span_sinh(span_t *y, span_t *s, const span_t *a) {
  cosh_of(s, a);
  rising(y, a, mpfr_sinh, a->signs);
}
static void span_cosh(span_t *y, span_t *s, const span_t *a) {
  rising(s, a, mpfr_sinh, a->signs);
  cosh_of(y, a);
}
static void span_erf(span_t *y, span_t *s, const span_t *a) {
  span_t c;
  slc_sp_init(&c);
  slc_sp_sqr(s, a);
  slc_sp_neg(s, s);
  rising(s, s, mpfr_exp, POS);
  mpfi_const_pi(c.x);
  mpfi_sqrt(c.x, c.x);
  mpfi_ui_div(c.x, 2, c.x);
  slc_sp_close(&c, POS, 0);
  slc_sp_mul(s, s, &c);
  rising(y, a, mpfr_erf, a->signs);
  never_one(y);
  slc_sp_clear(&c);
}
static void span_atan(span_t *y, span_t *s, const span_t *a) {
  slc_sp_sqr(s, a);
  plus_one(s, s);
  slc_sp_invert(s, s);
  rising(y, a, mpfr_atan, a->signs);
}
static void span_asinh(span_t *y, span_t *s, const span_t *a) {
  mpq_t q;
  mpq_init(q);
  mpq_set_si(q, -1, 2);
  slc_sp_sqr(s, a);
  plus_one(s, s);
  slc_sp_pow(s, s, q);
  rising(y, a, mpfr_asinh, a->signs);
  mpq_clear(q);
}

void slc_sp_fn(span_t *y, span_t *slope, op_t op, const span_t *a) {
  static void (*const functions[E_COUNT])(span_t *, span_t *, const span_t *) = {
#define FUNCTION(kind, name) [E_##kind] = span_##name,
#include "functions.def"
#undef FUNCTION
  };
  functions[op](y, slope, a);
}
