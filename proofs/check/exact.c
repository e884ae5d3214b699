/* Exact arithmetic (see exact.h) on GMP rationals. No gcd of polynomials: equality is by
 * cross-multiplication. */
#include "exact.h"

#include <stdlib.h>
#include <string.h>

void slc_field_init(field_t *k) {
  memset(k, 0, sizeof *k);
  for (int i = 0; i < MAX_PARAMS; i++) mpfi_init2(k->box[i], PREC);
}
void slc_field_clear(field_t *k) {
  for (exact_s *a = k->all, *next; a; a = next) {
    next = a->next;
    slc_poly_free(&a->num), slc_poly_free(&a->den);
    free(a);
  }
  for (int i = 0; i < MAX_PARAMS; i++) mpfi_clear(k->box[i]);
}

/* Divides out the common monomial and the denominator's leading coefficient. */
static void simplify(exact_s *a) {
  if (a->num.n == 0) return;
  unsigned char low[VARS];
  memset(low, 255, VARS);
  for (int s = 0; s < 2; s++) {
    const poly_t *p = s ? &a->den : &a->num;
    for (int i = 0; i < p->n; i++)
      for (int v = 0; v < VARS; v++)
        if (p->t[i].e[v] < low[v]) low[v] = p->t[i].e[v];
  }
  mpq_t lead;
  mpq_init(lead);
  mpq_set(lead, a->den.t[0].c);
  for (int s = 0; s < 2; s++) {
    poly_t *p = s ? &a->den : &a->num;
    for (int i = 0; i < p->n; i++) {
      for (int v = 0; v < VARS; v++) p->t[i].e[v] = (unsigned char)(p->t[i].e[v] - low[v]);
      mpq_div(p->t[i].c, p->t[i].c, lead);
    }
  }
  mpq_clear(lead);
}

static exact_t make(field_t *k, poly_t num, poly_t den) {
  if (num.n < 0 || den.n <= 0) {
    slc_poly_free(&num), slc_poly_free(&den);
    return NULL;
  }
  exact_s *a = slc_grab(sizeof *a);
  a->num = num, a->den = den;
  a->next = k->all;
  k->all = a;
  simplify(a);
  return a;
}

static exact_t single(field_t *k, const mpq_t c, int variable) {
  mpq_t one;
  mpq_init(one);
  mpq_set_si(one, 1, 1);
  const exact_t a = make(k, slc_poly_one_term(c, variable), slc_poly_one_term(one, -1));
  mpq_clear(one);
  return a;
}
exact_t slc_ex_q(field_t *k, const mpq_t q) { return single(k, q, -1); }
exact_t slc_ex_si(field_t *k, long p, unsigned long q) {
  mpq_t c;
  mpq_init(c);
  mpq_set_si(c, p, q);
  mpq_canonicalize(c);
  const exact_t a = single(k, c, -1);
  mpq_clear(c);
  return a;
}
static exact_t variable(field_t *k, int v) {
  mpq_t one;
  mpq_init(one);
  mpq_set_si(one, 1, 1);
  const exact_t a = single(k, one, v);
  mpq_clear(one);
  return a;
}
exact_t slc_ex_param(field_t *k, int i) { return variable(k, i); }
exact_t slc_ex_r(field_t *k) { return variable(k, R_VAR); }

static exact_t symbol(field_t *k, op_t op, unsigned root, exact_t arg) {
  for (int i = 0; i < k->symbols; i++)
    if (k->symbol[i].op == op && k->symbol[i].root == root &&
        (!arg || slc_ex_equal(k, k->symbol[i].arg, arg)))
      return variable(k, FIRST_SYMBOL + i);
  if (k->symbols == SYMBOLS) return NULL;
  k->symbol[k->symbols].op = op, k->symbol[k->symbols].root = root, k->symbol[k->symbols].arg = arg;
  return variable(k, FIRST_SYMBOL + k->symbols++);
}
exact_t slc_ex_sqrt_pi(field_t *k) { return symbol(k, E_PI, 0, NULL); }
exact_t slc_ex_e(field_t *k) { return symbol(k, E_E, 0, NULL); }

static exact_t combine(field_t *k, exact_t a, exact_t b, int s) {
  if (!a || !b) return NULL;
  if (slc_ex_zero(b)) return a;
  if (slc_poly_equal(&a->den, &b->den)) {
    mpq_t one;
    mpq_init(one);
    mpq_set_si(one, 1, 1);
    const poly_t p1 = slc_poly_one_term(one, -1);
    mpq_clear(one);
    const poly_t den = slc_poly_mul(&a->den, &p1);
    poly_t p = p1;
    slc_poly_free(&p);
    return make(k, slc_poly_add(&a->num, &b->num, s), den);
  }
  poly_t x = slc_poly_mul(&a->num, &b->den), y = slc_poly_mul(&b->num, &a->den);
  poly_t den = slc_poly_mul(&a->den, &b->den);
  if (x.n < 0 || y.n < 0 || den.n < 0) {
    slc_poly_free(&x), slc_poly_free(&y), slc_poly_free(&den);
    return NULL;
  }
  const exact_t r = make(k, slc_poly_add(&x, &y, s), den);
  slc_poly_free(&x), slc_poly_free(&y);
  return r;
}
exact_t slc_ex_add(field_t *k, exact_t a, exact_t b) { return combine(k, a, b, 1); }
exact_t slc_ex_sub(field_t *k, exact_t a, exact_t b) { return combine(k, a, b, -1); }
exact_t slc_ex_mul(field_t *k, exact_t a, exact_t b) {
  if (!a || !b) return NULL;
  if (slc_ex_zero(a)) return a;
  return make(k, slc_poly_mul(&a->num, &b->num), slc_poly_mul(&a->den, &b->den));
}
static exact_t quotient(field_t *k, exact_t a, exact_t b) {
  return make(k, slc_poly_mul(&a->num, &b->den), slc_poly_mul(&a->den, &b->num));
}
exact_t slc_ex_div(field_t *k, exact_t a, exact_t b) {
  if (!a || !b || slc_ex_zero(b) || (!slc_ex_has_r(k, b) && slc_ex_sign(k, b) == 0)) return NULL;
  return quotient(k, a, b);
}

int slc_ex_zero(exact_t a) { return a && a->num.n == 0; }
int slc_ex_equal(field_t *k, exact_t a, exact_t b) {
  if (!a || !b) return 0;
  const exact_t d = slc_ex_sub(k, a, b);
  return d && d->num.n == 0;
}

static int poly_has_r(const field_t *k, const poly_t *p) {
  for (int i = 0; i < p->n; i++) {
    if (p->t[i].e[R_VAR]) return 1;
    for (int s = 0; s < k->symbols; s++)
      if (p->t[i].e[FIRST_SYMBOL + s] && k->symbol[s].arg && slc_ex_has_r(k, k->symbol[s].arg))
        return 1;
  }
  return 0;
}
int slc_ex_has_r(const field_t *k, exact_t a) {
  return a && (poly_has_r(k, &a->num) || poly_has_r(k, &a->den));
}

/* n where a = n pi/2 */
static int quarters(field_t *k, exact_t a, long *n) {
  const exact_t root = slc_ex_sqrt_pi(k),
                t = a && root ? quotient(k, slc_ex_mul(k, slc_ex_si(k, 2, 1), a),
                                         slc_ex_mul(k, root, root))
                              : NULL;
  if (!t) return 0;
  for (long i = -8; i <= 8; i++)
    if (slc_ex_equal(k, t, slc_ex_si(k, i, 1))) {
      *n = (i + 8) % 4;
      return 1;
    }
  return 0;
}

exact_t slc_ex_fn(field_t *k, op_t op, exact_t a) {
  static const long sine[] = {0, 1, 0, -1};
  long n;
  if (!a) return NULL;
  if (slc_ex_zero(a)) return op == E_LOG ? NULL : slc_ex_si(k, op == E_EXP || op == E_COS, 1);
  if ((op == E_SIN || op == E_COS) && quarters(k, a, &n))
    return slc_ex_si(k, sine[(n + (op == E_COS)) % 4], 1);
  if (op == E_LOG && slc_ex_equal(k, a, slc_ex_si(k, 1, 1))) return slc_ex_si(k, 0, 1);
  if (op == E_LOG && !slc_ex_has_r(k, a) && slc_ex_sign(k, a) <= 0) return NULL;
  if (op == E_EXP)
    for (int i = 0; i < k->symbols; i++)
      if (k->symbol[i].op == E_EXP && slc_ex_zero(slc_ex_add(k, k->symbol[i].arg, a)))
        return quotient(k, slc_ex_si(k, 1, 1), variable(k, FIRST_SYMBOL + i));
  return symbol(k, op, 0, a);
}

static exact_t integer_power(field_t *k, exact_t a, long p) {
  exact_t y = slc_ex_si(k, 1, 1);
  for (long i = 0; i < labs(p); i++) y = slc_ex_mul(k, y, a);
  return p < 0 && y && a && !slc_ex_zero(a) ? quotient(k, slc_ex_si(k, 1, 1), y) : y;
}

exact_t slc_ex_pow(field_t *k, exact_t a, const mpq_t q) {
  if (!a || mpz_cmpabs_ui(mpq_numref(q), 64) > 0 || mpz_cmp_ui(mpq_denref(q), 64) > 0) return NULL;
  const long p = mpz_get_si(mpq_numref(q));
  const unsigned long root = mpz_get_ui(mpq_denref(q));
  if (p < 0 && slc_ex_zero(a)) return NULL;
  if (root == 1) return integer_power(k, a, p);
  if (!slc_ex_has_r(k, a) && slc_ex_sign(k, a) <= 0) return NULL;
  if (slc_ex_equal(k, a, slc_ex_si(k, 1, 1))) return a;
  const exact_t s = symbol(k, E_POW, (unsigned)root, a);
  return s ? integer_power(k, s, p) : NULL;
}

static void root_up(mpfi_t y, const mpfi_t a, unsigned n) {
  mpfr_t lo, hi;
  mpfr_inits2(PREC, lo, hi, (mpfr_ptr)0);
  mpfi_get_left(lo, a), mpfi_get_right(hi, a);
  mpfr_rootn_ui(lo, lo, n, MPFR_RNDD);
  mpfr_rootn_ui(hi, hi, n, MPFR_RNDU);
  mpfi_interv_fr(y, lo, hi);
  mpfr_clears(lo, hi, (mpfr_ptr)0);
}

static void erf_interval(mpfi_t y, const mpfi_t a) {
  mpfr_t lo, hi;
  mpfr_inits2(PREC, lo, hi, (mpfr_ptr)0);
  mpfi_get_left(lo, a), mpfi_get_right(hi, a);
  mpfr_erf(lo, lo, MPFR_RNDD);
  mpfr_erf(hi, hi, MPFR_RNDU);
  mpfi_interv_fr(y, lo, hi);
  mpfr_clears(lo, hi, (mpfr_ptr)0);
}

static void symbol_interval(mpfi_t y, field_t *k, int i) {
  mpfi_t a;
  mpfi_init2(a, PREC);
  if (k->symbol[i].arg) slc_ex_interval(a, k, k->symbol[i].arg);
  switch (k->symbol[i].op) {
    case E_PI:
      mpfi_const_pi(y);
      mpfi_sqrt(y, y);
      break;
    case E_E:
      mpfi_set_si(a, 1);
      mpfi_exp(y, a);
      break;
    case E_POW:
      root_up(y, a, k->symbol[i].root);
      break;
    case E_EXP:
      mpfi_exp(y, a);
      break;
    case E_LOG:
      mpfi_log(y, a);
      break;
    case E_SIN:
      mpfi_sin(y, a);
      break;
    case E_COS:
      mpfi_cos(y, a);
      break;
    case E_ERF:
      erf_interval(y, a);
      break;
    case E_ATAN:
      mpfi_atan(y, a);
      break;
    case E_ASINH:
      mpfi_asinh(y, a);
      break;
    default:
      mpfi_set_d(y, 0.0);
      mpfi_log(y, y);
      break;
  }
  mpfi_clear(a);
}

static void poly_interval(mpfi_t y, field_t *k, const poly_t *p) {
  mpfi_t term, x;
  mpfi_init2(term, PREC), mpfi_init2(x, PREC);
  mpfi_set_si(y, 0);
  for (int i = 0; i < p->n; i++) {
    mpfi_set_q(term, p->t[i].c);
    for (int v = 0; v < VARS; v++) {
      if (!p->t[i].e[v]) continue;
      if (v < MAX_PARAMS)
        mpfi_set(x, k->box[v]);
      else if (v == R_VAR)
        mpfi_set_d(x, 0.0), mpfi_inv(x, x); /* r has no value here: everything */
      else
        symbol_interval(x, k, v - FIRST_SYMBOL);
      for (int e = 0; e < p->t[i].e[v]; e++) mpfi_mul(term, term, x);
    }
    mpfi_add(y, y, term);
  }
  mpfi_clear(term), mpfi_clear(x);
}

void slc_ex_interval(mpfi_t out, field_t *k, exact_t a) {
  if (!a) {
    mpfi_set_d(out, 0.0);
    mpfi_inv(out, out);
    return;
  }
  mpfi_t den;
  mpfi_init2(den, PREC);
  poly_interval(out, k, &a->num);
  poly_interval(den, k, &a->den);
  mpfi_div(out, out, den);
  mpfi_clear(den);
}

int slc_ex_sign(field_t *k, exact_t a) {
  if (!a || slc_ex_has_r(k, a)) return 0;
  mpfi_t x;
  mpfi_init2(x, PREC);
  slc_ex_interval(x, k, a);
  const int s = !mpfi_bounded_p(x)        ? 0
                : mpfi_is_strictly_pos(x) ? 1
                : mpfi_is_strictly_neg(x) ? -1
                                          : 0;
  mpfi_clear(x);
  return s;
}
