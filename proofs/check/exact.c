/* Exact arithmetic (see exact.h) on GMP rationals. No gcd of polynomials: equality is by
 * cross-multiplication. */
#include "exact.h"

#include <stdlib.h>
#include <string.h>

void slc_field_init(field_t *k) {
  memset(k, 0, sizeof *k);
  for (int i = 0; i < MAX_PARAMS; i++) mpq_inits(k->low[i], k->high[i], (mpq_ptr)0);
}
void slc_field_clear(field_t *k) {
  for (exact_s *a = k->all, *next; a; a = next) {
    next = a->next;
    slc_poly_free(&a->num), slc_poly_free(&a->den);
    free(a);
  }
  for (int i = 0; i < MAX_PARAMS; i++) mpq_clears(k->low[i], k->high[i], (mpq_ptr)0);
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

exact_t slc_ex_make(field_t *k, poly_t num, poly_t den) {
  if (!slc_reduce_roots(k, &num) || !slc_reduce_roots(k, &den) || den.n == 0) {
    slc_poly_free(&num), slc_poly_free(&den);
    return NULL;
  }
  poly_t whole;
  if (den.n > 1 && num.n >= den.n && slc_poly_divide(&whole, &num, &den)) {
    mpq_t one;
    mpq_init(one);
    mpq_set_si(one, 1, 1);
    slc_poly_free(&num), slc_poly_free(&den);
    num = whole, den = slc_poly_one_term(one, -1);
    mpq_clear(one);
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
  const exact_t a = slc_ex_make(k, slc_poly_one_term(c, variable), slc_poly_one_term(one, -1));
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
exact_t slc_ex_r(field_t *k) { return slc_ex_add(k, variable(k, R_VAR), slc_ex_si(k, 1, 1)); }
exact_t slc_ex_symbol(field_t *k, int i) { return variable(k, FIRST_SYMBOL + i); }

exact_t slc_ex_new_symbol(field_t *k, op_t op, unsigned root, exact_t arg) {
  if (k->symbols == SYMBOLS) return NULL;
  k->symbol[k->symbols].op = op, k->symbol[k->symbols].root = root, k->symbol[k->symbols].arg = arg;
  return slc_ex_symbol(k, k->symbols++);
}

static exact_t symbol(field_t *k, op_t op, unsigned root, exact_t arg) {
  for (int i = 0; i < k->symbols; i++)
    if (k->symbol[i].op == op && k->symbol[i].root == root &&
        (!arg || slc_ex_equal(k, k->symbol[i].arg, arg)))
      return slc_ex_symbol(k, i);
  return slc_ex_new_symbol(k, op, root, arg);
}
exact_t slc_ex_sqrt_pi(field_t *k) { return symbol(k, E_PI, 0, NULL); }
exact_t slc_ex_e(field_t *k) { return symbol(k, E_E, 0, NULL); }

/* The sum over the denominator of a, which is that of b times `more`: a counts `sign_a` times, b
 * the rest of s. */
static exact_t combine_over(field_t *k, exact_t a, exact_t b, poly_t *more, int s, int sign_a) {
  poly_t y = slc_poly_mul(&b->num, more), none = {0, NULL}, sum = {-1, NULL};
  if (y.n >= 0 && sign_a > 0) sum = slc_poly_add(&a->num, &y, s);
  if (y.n >= 0 && sign_a < 0) sum = slc_poly_add(&y, &a->num, -1);
  slc_poly_free(&y), slc_poly_free(more);
  poly_t den = slc_poly_add(&a->den, &none, 1);
  return slc_ex_make(k, sum, den);
}

static exact_t combine(field_t *k, exact_t a, exact_t b, int s) {
  if (!a || !b) return NULL;
  if (slc_ex_zero(b)) return a;
  poly_t more = {-1, NULL}; /* what a's denominator, or b's, lacks of the other's */
  if (slc_poly_divide(&more, &a->den, &b->den)) return combine_over(k, a, b, &more, s, 1);
  if (slc_poly_divide(&more, &b->den, &a->den)) return combine_over(k, b, a, &more, s, s);
  poly_t x = slc_poly_mul(&a->num, &b->den), y = slc_poly_mul(&b->num, &a->den);
  poly_t den = slc_poly_mul(&a->den, &b->den);
  if (x.n < 0 || y.n < 0 || den.n < 0) {
    slc_poly_free(&x), slc_poly_free(&y), slc_poly_free(&den);
    return NULL;
  }
  const exact_t r = slc_ex_make(k, slc_poly_add(&x, &y, s), den);
  slc_poly_free(&x), slc_poly_free(&y);
  return r;
}
exact_t slc_ex_add(field_t *k, exact_t a, exact_t b) { return combine(k, a, b, 1); }
exact_t slc_ex_sub(field_t *k, exact_t a, exact_t b) { return combine(k, a, b, -1); }
exact_t slc_ex_mul(field_t *k, exact_t a, exact_t b) {
  if (!a || !b) return NULL;
  if (slc_ex_zero(a)) return a;
  return slc_ex_make(k, slc_poly_mul(&a->num, &b->num), slc_poly_mul(&a->den, &b->den));
}
exact_t slc_ex_quotient(field_t *k, exact_t a, exact_t b) {
  if (!a || !b || slc_ex_zero(b)) return NULL;
  return slc_ex_make(k, slc_poly_mul(&a->num, &b->den), slc_poly_mul(&a->den, &b->num));
}
exact_t slc_ex_div(field_t *k, exact_t a, exact_t b) {
  if (!a || !b || slc_ex_zero(b) || (!slc_ex_has_r(k, b) && slc_ex_signs(k, b) & NIL)) return NULL;
  return slc_ex_quotient(k, a, b);
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
                t = a && root ? slc_ex_quotient(k, slc_ex_mul(k, slc_ex_si(k, 2, 1), a),
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
  if (op == E_EXP) return slc_ex_exp(k, a);
  if (op == E_LOG && slc_ex_equal(k, a, slc_ex_si(k, 1, 1))) return slc_ex_si(k, 0, 1);
  if (op == E_LOG && !slc_ex_has_r(k, a) && slc_ex_signs(k, a) != POS) return NULL;
  for (int sign = -1; sign <= 1 && op == E_ATAN; sign += 2)
    if (slc_ex_equal(k, a, slc_ex_si(k, sign, 1))) /* atan(1) = pi/4 */
      return slc_ex_mul(k, slc_ex_si(k, sign, 4),
                        slc_ex_mul(k, slc_ex_sqrt_pi(k), slc_ex_sqrt_pi(k)));
  for (int i = 0; i < k->symbols; i++) {
    if (k->symbol[i].op != op || !slc_ex_zero(slc_ex_add(k, k->symbol[i].arg, a))) continue;
    const exact_t same = slc_ex_symbol(k, i);
    if (op == E_ATAN || op == E_ERF || op == E_ASINH || op == E_SIN) /* odd */
      return slc_ex_sub(k, slc_ex_si(k, 0, 1), same);
  }
  return symbol(k, op, 0, a);
}

static exact_t integer_power(field_t *k, exact_t a, long p) {
  exact_t y = slc_ex_si(k, 1, 1);
  for (long i = 0; i < labs(p); i++) y = slc_ex_mul(k, y, a);
  return p < 0 && y && a && !slc_ex_zero(a) ? slc_ex_quotient(k, slc_ex_si(k, 1, 1), y) : y;
}

/* Of a positive rational number, where it is rational too. */
static exact_t rational_root(field_t *k, exact_t a, unsigned long root) {
  mpq_t q;
  mpq_init(q);
  exact_t y = NULL;
  if (slc_ex_rational(q, a) && mpq_sgn(q) > 0 && mpz_root(mpq_numref(q), mpq_numref(q), root) &&
      mpz_root(mpq_denref(q), mpq_denref(q), root))
    y = slc_ex_q(k, q);
  mpq_clear(q);
  return y;
}

exact_t slc_ex_pow(field_t *k, exact_t a, const mpq_t q) {
  if (!a || mpz_cmpabs_ui(mpq_numref(q), 64) > 0 || mpz_cmp_ui(mpq_denref(q), 64) > 0) return NULL;
  const long p = mpz_get_si(mpq_numref(q));
  const unsigned long root = mpz_get_ui(mpq_denref(q));
  if (p < 0 && slc_ex_zero(a)) return NULL;
  if (root == 1) return integer_power(k, a, p);
  if (slc_ex_zero(a)) return a;
  if (!slc_ex_has_r(k, a)) {
    const unsigned signs = slc_ex_signs(k, a);
    if (signs & NEG || (p < 0 && signs & NIL)) return NULL;
  }
  if (slc_ex_equal(k, a, slc_ex_si(k, 1, 1))) return a;
  const exact_t exact = rational_root(k, a, root),
                s = exact ? exact : symbol(k, E_POW, (unsigned)root, a);
  return s ? integer_power(k, s, p) : NULL;
}

int slc_ex_rational(mpq_t out, exact_t a) {
  static const unsigned char none[VARS];
  if (!a || a->num.n > 1 || a->den.n != 1 || memcmp(a->den.t[0].e, none, VARS)) return 0;
  if (a->num.n && memcmp(a->num.t[0].e, none, VARS)) return 0;
  mpq_set_si(out, 0, 1);
  if (a->num.n) mpq_div(out, a->num.t[0].c, a->den.t[0].c);
  return 1;
}

/* The parameter of a term c s_i, -1 for a constant term, -2 for any other. */
static int linear_in(const term_t *t) {
  int found = -1;
  for (int v = 0; v < VARS; v++) {
    if (!t->e[v]) continue;
    if (t->e[v] > 1 || found >= 0 || v >= MAX_PARAMS) return -2;
    found = v;
  }
  return found;
}

int slc_ex_affine_span(span_t *out, field_t *k, exact_t a, const mpfi_t *box) {
  if (!a || a->den.n != 1 || linear_in(&a->den.t[0]) != -1) return 0;
  for (int i = 0; i < a->num.n; i++)
    if (linear_in(&a->num.t[i]) == -2) return 0;
  mpq_t end[2], c, s, width;
  mpq_inits(end[0], end[1], c, s, width, (mpq_ptr)0);
  for (int i = 0; i < a->num.n; i++) {
    const int v = linear_in(&a->num.t[i]);
    mpq_div(c, a->num.t[i].c, a->den.t[0].c);
    for (int high = 0; high < 2; high++) {
      const int upper = mpq_sgn(c) > 0 ? high : !high;
      mpq_set_si(s, 1, 1);
      if (v >= 0 && box)
        mpfr_get_q(s, upper ? &box[v]->right : &box[v]->left);
      else if (v >= 0)
        mpq_set_si(s, upper, 1);
      if (v >= 0) { /* low + (high - low) s */
        mpq_sub(width, k->high[v], k->low[v]);
        mpq_mul(s, s, width);
        mpq_add(s, s, k->low[v]);
      }
      mpq_mul(s, s, c);
      mpq_add(end[high], end[high], s);
    }
  }
  slc_sp_q(out, end[0], end[1]);
  mpq_clears(end[0], end[1], c, s, width, (mpq_ptr)0);
  return 1;
}

static void ex_span(span_t *out, field_t *k, exact_t a);

static void symbol_span(span_t *y, field_t *k, int i) {
  span_t a, slope;
  mpfi_t c;
  mpq_t q;
  slc_sp_init(&a), slc_sp_init(&slope);
  mpfi_init2(c, PREC);
  mpq_init(q);
  if (k->symbol[i].arg) ex_span(&a, k, k->symbol[i].arg);
  switch (k->symbol[i].op) {
    case E_PI:
      mpfi_const_pi(c);
      mpfi_sqrt(c, c);
      slc_sp_mpfi(y, c);
      break;
    case E_E:
      mpfi_set_si(c, 1);
      mpfi_exp(c, c);
      slc_sp_mpfi(y, c);
      break;
    case E_POW:
      mpq_set_ui(q, 1, k->symbol[i].root);
      slc_sp_pow(y, &a, q);
      break;
    default:
      slc_sp_fn(y, &slope, k->symbol[i].op, &a);
      break;
  }
  slc_sp_clear(&a), slc_sp_clear(&slope);
  mpfi_clear(c);
  mpq_clear(q);
}

static void poly_span(span_t *y, field_t *k, const poly_t *p) {
  span_t term, x;
  mpq_t q;
  slc_sp_init(&term), slc_sp_init(&x);
  mpq_init(q);
  slc_sp_zero(y);
  for (int i = 0; i < p->n; i++) {
    slc_sp_q(&term, p->t[i].c, p->t[i].c);
    for (int v = 0; v < VARS; v++) {
      if (!p->t[i].e[v]) continue;
      if (v < MAX_PARAMS)
        slc_sp_q(&x, k->low[v], k->high[v]);
      else if (v == R_VAR)
        slc_sp_anything(&x); /* r has no value here */
      else
        symbol_span(&x, k, v - FIRST_SYMBOL);
      mpq_set_ui(q, p->t[i].e[v], 1);
      slc_sp_pow(&x, &x, q);
      slc_sp_mul(&term, &term, &x);
    }
    slc_sp_add(y, y, &term);
  }
  slc_sp_clear(&term), slc_sp_clear(&x);
  mpq_clear(q);
}

static void ex_span(span_t *out, field_t *k, exact_t a) {
  if (!a) {
    slc_sp_anything(out);
    return;
  }
  if (slc_ex_affine_span(out, k, a, NULL)) return;
  span_t den;
  slc_sp_init(&den);
  poly_span(out, k, &a->num);
  poly_span(&den, k, &a->den);
  slc_sp_div(out, out, &den);
  slc_sp_clear(&den);
}

void slc_ex_interval(mpfi_t out, field_t *k, exact_t a) {
  span_t s;
  slc_sp_init(&s);
  ex_span(&s, k, a);
  mpfi_set(out, s.x);
  slc_sp_clear(&s);
}

unsigned slc_ex_signs(field_t *k, exact_t a) {
  if (!a || slc_ex_has_r(k, a)) return ANY;
  if (slc_ex_zero(a)) return NIL;
  span_t s;
  slc_sp_init(&s);
  ex_span(&s, k, a);
  const unsigned signs = s.signs;
  slc_sp_clear(&s);
  return signs;
}

int slc_ex_sign(field_t *k, exact_t a) {
  const unsigned signs = slc_ex_signs(k, a);
  return signs == POS ? 1 : signs == NEG ? -1 : 0;
}
