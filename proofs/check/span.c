/* Spans on MPFI's ends (see span.h). */
#include "span.h"

#include "jet.h"

void slc_sp_init(span_t *y) {
  mpfi_init2(y->x, BITS);
  slc_sp_zero(y);
}
void slc_sp_clear(span_t *y) { mpfi_clear(y->x); }
void slc_sp_set(span_t *y, const span_t *a) {
  mpfi_set(y->x, a->x);
  y->signs = a->signs, y->open = a->open;
}
void slc_sp_zero(span_t *y) {
  mpfi_set_si(y->x, 0);
  y->signs = NIL, y->open = 0;
}
void slc_sp_anything(span_t *y) {
  mpfr_set_inf(&y->x->left, -1);
  mpfr_set_inf(&y->x->right, 1);
  y->signs = ANY, y->open = 0;
}

static unsigned allowed(const span_t *y) {
  const int low = mpfr_sgn(&y->x->left), high = mpfr_sgn(&y->x->right);
  const int zero =
      low <= 0 && high >= 0 && (low || !(y->open & LOW_OPEN)) && (high || !(y->open & HIGH_OPEN));
  unsigned signs = zero ? NIL : 0;
  if (low < 0) signs |= NEG;
  if (high > 0) signs |= POS;
  return signs;
}

void slc_sp_only(span_t *y, unsigned signs) {
  y->signs = allowed(y) & signs ? allowed(y) & signs : allowed(y);
  if (!(y->signs & NEG) && mpfr_sgn(&y->x->left) < 0) mpfr_set_zero(&y->x->left, 1);
  if (!(y->signs & POS) && mpfr_sgn(&y->x->right) > 0) mpfr_set_zero(&y->x->right, 1);
  if (!(y->signs & NIL) && mpfr_zero_p(&y->x->left)) y->open |= LOW_OPEN;
  if (!(y->signs & NIL) && mpfr_zero_p(&y->x->right)) y->open |= HIGH_OPEN;
}

void slc_sp_close(span_t *y, unsigned signs, unsigned open) {
  if (mpfr_nan_p(&y->x->left)) mpfr_set_inf(&y->x->left, -1);
  if (mpfr_nan_p(&y->x->right)) mpfr_set_inf(&y->x->right, 1);
  y->open = open;
  slc_sp_only(y, signs);
}

void slc_sp_ends(span_t *y, const mpfr_t low, const mpfr_t high, unsigned open) {
  mpfr_set(&y->x->left, low, MPFR_RNDD);
  mpfr_set(&y->x->right, high, MPFR_RNDU);
  slc_sp_close(y, ANY, open);
}
void slc_sp_mpfi(span_t *y, const mpfi_t a) {
  mpfi_set(y->x, a);
  slc_sp_close(y, ANY, 0);
}
void slc_sp_q(span_t *y, const mpq_t low, const mpq_t high) {
  mpfr_set_q(&y->x->left, low, MPFR_RNDD);
  mpfr_set_q(&y->x->right, high, MPFR_RNDU);
  slc_sp_close(y, ANY, 0);
}
int slc_sp_bounded(const span_t *a) {
  return mpfr_number_p(&a->x->left) && mpfr_number_p(&a->x->right);
}

unsigned slc_signs_minus(unsigned a) {
  unsigned signs = a & NIL;
  if (a & NEG) signs |= POS;
  if (a & POS) signs |= NEG;
  return signs;
}
unsigned slc_signs_times(unsigned a, unsigned b) {
  return ((a | b) & NIL) | (a & POS ? b & (NEG | POS) : 0) |
         (a & NEG ? slc_signs_minus(b) & (NEG | POS) : 0);
}
static unsigned signs_plus(unsigned a, unsigned b) {
  if (a == NIL) return b;
  if (b == NIL) return a;
  const unsigned either = (a | b) & (NEG | POS);
  return either == (NEG | POS) ? ANY : either | (a & b & NIL);
}

void slc_sp_neg(span_t *y, const span_t *a) {
  const unsigned signs = slc_signs_minus(a->signs),
                 open = (a->open & LOW_OPEN ? HIGH_OPEN : 0) | (a->open & HIGH_OPEN ? LOW_OPEN : 0);
  mpfi_neg(y->x, a->x);
  y->signs = signs, y->open = open;
}

void slc_sp_add(span_t *y, const span_t *a, const span_t *b) {
  const unsigned signs = signs_plus(a->signs, b->signs), open = a->open | b->open;
  mpfi_add(y->x, a->x, b->x);
  slc_sp_close(y, signs, open);
}
void slc_sp_sub(span_t *y, const span_t *a, const span_t *b) {
  span_t minus;
  slc_sp_init(&minus);
  slc_sp_neg(&minus, b);
  slc_sp_add(y, a, &minus);
  slc_sp_clear(&minus);
}

/* The values are finite, so 0 times an infinite end is 0. */
static void end_times(mpfr_t y, mpfr_srcptr a, mpfr_srcptr b, mpfr_rnd_t to) {
  if (mpfr_zero_p(a) || mpfr_zero_p(b))
    mpfr_set_zero(y, 1);
  else
    mpfr_mul(y, a, b, to);
}

void slc_sp_mul(span_t *y, const span_t *a, const span_t *b) {
  const unsigned signs = slc_signs_times(a->signs, b->signs);
  mpfr_t low, high, t;
  mpfr_inits2(BITS, low, high, t, (mpfr_ptr)0);
  mpfr_set_inf(low, 1), mpfr_set_inf(high, -1);
  for (int i = 0; i < 4; i++) {
    const mpfr_srcptr p = i & 1 ? &a->x->right : &a->x->left,
                      q = i & 2 ? &b->x->right : &b->x->left;
    end_times(t, p, q, MPFR_RNDD);
    mpfr_min(low, low, t, MPFR_RNDD);
    end_times(t, p, q, MPFR_RNDU);
    mpfr_max(high, high, t, MPFR_RNDU);
  }
  mpfr_set(&y->x->left, low, MPFR_RNDD), mpfr_set(&y->x->right, high, MPFR_RNDU);
  slc_sp_close(y, signs, 0);
  mpfr_clears(low, high, t, (mpfr_ptr)0);
}

void slc_sp_abs(span_t *y, const span_t *a) {
  if (!(a->signs & NEG)) {
    slc_sp_set(y, a);
  } else if (!(a->signs & POS)) {
    slc_sp_neg(y, a);
  } else {
    const unsigned signs = POS | (a->signs & NIL);
    mpfi_abs(y->x, a->x);
    slc_sp_close(y, signs, 0);
  }
}
void slc_sp_sqr(span_t *y, const span_t *a) {
  span_t size;
  slc_sp_init(&size);
  slc_sp_abs(&size, a);
  slc_sp_mul(y, &size, &size);
  slc_sp_clear(&size);
}

void slc_sp_invert(span_t *y, const span_t *a) {
  if (a->signs != NEG && a->signs != POS) {
    slc_sp_anything(y);
    return;
  }
  const unsigned signs = a->signs,
                 open = (a->open & LOW_OPEN ? HIGH_OPEN : 0) | (a->open & HIGH_OPEN ? LOW_OPEN : 0);
  mpfr_t low, high;
  mpfr_inits2(BITS, low, high, (mpfr_ptr)0);
  mpfr_ui_div(low, 1, &a->x->right, MPFR_RNDD);
  mpfr_ui_div(high, 1, &a->x->left, MPFR_RNDU);
  /* an end 0 is approached from inside */
  if (mpfr_zero_p(&a->x->right)) mpfr_set_inf(low, -1);
  if (mpfr_zero_p(&a->x->left)) mpfr_set_inf(high, 1);
  mpfr_set(&y->x->left, low, MPFR_RNDD), mpfr_set(&y->x->right, high, MPFR_RNDU);
  slc_sp_close(y, signs, open);
  mpfr_clears(low, high, (mpfr_ptr)0);
}
void slc_sp_div(span_t *y, const span_t *a, const span_t *b) {
  span_t inverse;
  slc_sp_init(&inverse);
  slc_sp_invert(&inverse, b);
  if (b->signs & NIL)
    slc_sp_anything(y);
  else
    slc_sp_mul(y, a, &inverse);
  slc_sp_clear(&inverse);
}

void slc_sp_hull(span_t *y, const span_t *a, const span_t *b) {
  const unsigned signs = a->signs | b->signs;
  mpfi_union(y->x, a->x, b->x);
  slc_sp_close(y, signs, 0);
}

/* x^(p/n) for x >= 0, or n = 1; p > 0 */
static void end_pow(mpfr_t y, mpfr_srcptr x, unsigned long p, unsigned long n, mpfr_rnd_t to) {
  mpfr_t root;
  mpfr_init2(root, BITS + 64);
  if (n == 1)
    mpfr_set(root, x, to);
  else
    mpfr_rootn_ui(root, x, n, to);
  mpfr_pow_ui(y, root, p, to);
  mpfr_clear(root);
}

void slc_sp_pow(span_t *y, const span_t *a, const mpq_t q) {
  enum { LARGEST = 2147483647 }; /* of powers that are read as such */
  const int integer = mpz_cmp_ui(mpq_denref(q), 1) == 0, sign = mpq_sgn(q);
  if ((!integer && a->signs & NEG) || (sign < 0 && a->signs & NIL) ||
      mpz_cmpabs_ui(mpq_numref(q), LARGEST) > 0 || mpz_cmp_ui(mpq_denref(q), LARGEST) > 0) {
    slc_sp_anything(y);
    return;
  }
  const unsigned long n = mpz_get_ui(mpq_denref(q));
  mpz_t size;
  span_t base;
  mpz_init(size);
  mpz_abs(size, mpq_numref(q));
  const unsigned long p = mpz_get_ui(size);
  mpz_clear(size);
  slc_sp_init(&base);
  if (p % 2 == 0)
    slc_sp_abs(&base, a);
  else
    slc_sp_set(&base, a);
  const unsigned signs = p ? base.signs : POS;
  end_pow(&base.x->left, &base.x->left, p, n, MPFR_RNDD);
  end_pow(&base.x->right, &base.x->right, p, n, MPFR_RNDU);
  slc_sp_close(&base, signs, p ? base.open : 0);
  if (sign < 0)
    slc_sp_invert(y, &base);
  else
    slc_sp_set(y, &base);
  slc_sp_clear(&base);
}

void slc_sp_pow_slope(span_t *y, const span_t *a, const mpq_t q) {
  span_t base, factor;
  mpq_t less;
  mpq_init(less);
  slc_sp_init(&base), slc_sp_init(&factor);
  mpq_set_si(less, 1, 1);
  mpq_sub(less, q, less);
  slc_sp_set(&base, a);
  if (mpq_sgn(q) > 0 && mpq_sgn(less) < 0 && a->signs == (NIL | POS)) slc_sp_only(&base, POS);
  slc_sp_q(&factor, q, q);
  slc_sp_pow(&base, &base, less);
  slc_sp_mul(y, &base, &factor);
  slc_sp_clear(&base), slc_sp_clear(&factor);
  mpq_clear(less);
}
