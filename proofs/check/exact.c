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

static exact_t make(field_t *k, poly_t num, poly_t den) {
  if (!slc_reduce_roots(k, &num) || !slc_reduce_roots(k, &den) || den.n == 0) {
    slc_poly_free(&num), slc_poly_free(&den);
    return NULL;
  }
  poly_t ratio;
  if (den.n > 1 && num.n >= den.n && slc_poly_divide(&ratio, &num, &den)) {
    mpq_t one;
    mpq_init(one);
    mpq_set_si(one, 1, 1);
    slc_poly_free(&num), slc_poly_free(&den);
    num = ratio, den = slc_poly_one_term(one, -1);
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
exact_t slc_ex_r(field_t *k) { return slc_ex_add(k, variable(k, R_VAR), slc_ex_si(k, 1, 1)); }
static exact_t symbol_at(field_t *k, int i) { return variable(k, FIRST_SYMBOL + i); }

static exact_t new_symbol(field_t *k, op_t op, unsigned root, exact_t arg) {
  if (k->symbols == SYMBOLS) return NULL;
  k->symbol[k->symbols].op = op, k->symbol[k->symbols].root = root, k->symbol[k->symbols].arg = arg;
  return symbol_at(k, k->symbols++);
}

static exact_t symbol(field_t *k, op_t op, unsigned root, exact_t arg) {
  for (int i = 0; i < k->symbols; i++)
    if (k->symbol[i].op == op && k->symbol[i].root == root &&
        (!arg || slc_ex_equal(k, k->symbol[i].arg, arg)))
      return symbol_at(k, i);
  return new_symbol(k, op, root, arg);
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
  return make(k, sum, den);
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
  if (!a || !b || slc_ex_zero(b)) return NULL;
  return make(k, slc_poly_mul(&a->num, &b->den), slc_poly_mul(&a->den, &b->num));
}
exact_t slc_ex_div(field_t *k, exact_t a, exact_t b) {
  if (!a || !b || slc_ex_zero(b) || (!slc_ex_has_r(k, b) && slc_ex_signs(k, b) & NIL)) return NULL;
  return quotient(k, a, b);
}

int slc_ex_equal(field_t *k, exact_t a, exact_t b) {
  if (!a || !b) return 0;
  const exact_t d = slc_ex_sub(k, a, b);
  return d && d->num.n == 0;
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

enum { MULTIPLES = 16, FRACTIONS = 4, FACTORS = 4 }; /* of exponentials */

/* The small x with which the leading terms of a and x b are one; 0: there is none. */
static int leading_ratio(mpq_t x, exact_t a, exact_t b) {
  const term_t *p = a->num.t, *q = b->num.t, *below_p = a->den.t, *below_q = b->den.t;
  for (int v = 0; v < VARS; v++)
    if (p->e[v] + below_q->e[v] != q->e[v] + below_p->e[v]) return 0;
  mpq_div(x, p->c, q->c);
  mpq_mul(x, x, below_q->c);
  mpq_div(x, x, below_p->c);
  return mpz_cmpabs_ui(mpq_numref(x), MULTIPLES) <= 0 && mpz_cmp_ui(mpq_denref(x), FRACTIONS) <= 0;
}

/* exp(a) as a product of `factors` powers at most, with small numerators and denominators, of
 * exponentials that are there, each taken once; NULL: none is seen. */
static exact_t known_exponential(field_t *k, exact_t a, unsigned taken, int factors) {
  mpq_t x;
  exact_t y = NULL;
  mpq_init(x);
  for (int i = 0; i < k->symbols && factors && !y; i++) {
    const exact_t arg = k->symbol[i].arg;
    if (k->symbol[i].op != E_EXP || taken >> i & 1 || !leading_ratio(x, a, arg)) continue;
    const exact_t rest = slc_ex_sub(k, a, slc_ex_mul(k, slc_ex_q(k, x), arg));
    if (rest && slc_ex_zero(rest))
      y = slc_ex_si(k, 1, 1);
    else if (rest)
      y = known_exponential(k, rest, taken | 1u << i, factors - 1);
    if (y) y = slc_ex_mul(k, y, slc_ex_pow(k, symbol_at(k, i), x));
  }
  mpq_clear(x);
  return y;
}

static exact_t one_exponential(field_t *k, exact_t a) {
  const exact_t y = known_exponential(k, a, 0, FACTORS);
  return y ? y : new_symbol(k, E_EXP, 0, a);
}

static exact_t term_of(field_t *k, exact_t a, int i) {
  poly_t num = {1, slc_grab(sizeof(term_t))}, none = {0, NULL};
  mpq_init(num.t[0].c);
  mpq_set(num.t[0].c, a->num.t[i].c);
  memcpy(num.t[0].e, a->num.t[i].e, VARS);
  return make(k, num, slc_poly_add(&a->den, &none, 1));
}

static exact_t exponential_of_sum(field_t *k, exact_t a) {
  exact_t moving = slc_ex_si(k, 0, 1), factor[FACTORS];
  int count = 0;
  for (int i = 0; i < a->num.n; i++) {
    const exact_t t = term_of(k, a, i);
    const int has_r = slc_ex_has_r(k, t);
    if (!has_r && count == FACTORS) return one_exponential(k, a);
    if (has_r)
      moving = slc_ex_add(k, moving, t);
    else
      factor[count++] = t;
  }
  if (!moving) return one_exponential(k, a);
  exact_t y = slc_ex_zero(moving) ? slc_ex_si(k, 1, 1) : one_exponential(k, moving);
  for (int i = 0; i < count; i++) y = slc_ex_mul(k, y, one_exponential(k, factor[i]));
  return y;
}

/* Its factors that are powers of e and of exponentials have known logarithms. */
static exact_t logarithm(field_t *k, exact_t a) {
  const exact_t one = slc_ex_si(k, 1, 1);
  exact_t known = slc_ex_si(k, 0, 1), b = a;
  for (int i = 0; i < k->symbols && a->num.n == 1 && a->den.n == 1; i++) {
    const op_t op = k->symbol[i].op;
    const int above = a->num.t[0].e[FIRST_SYMBOL + i], below = a->den.t[0].e[FIRST_SYMBOL + i];
    if ((op != E_EXP && op != E_E) || above == below) continue;
    const exact_t arg = op == E_E ? one : k->symbol[i].arg;
    known = slc_ex_add(k, known, slc_ex_mul(k, slc_ex_si(k, above - below, 1), arg));
    for (int n = below; n < above; n++) b = quotient(k, b, symbol_at(k, i));
    for (int n = above; n < below; n++) b = slc_ex_mul(k, b, symbol_at(k, i));
  }
  if (!b || slc_ex_equal(k, b, one)) return b ? known : NULL;
  for (int i = 0; i < k->symbols; i++)
    if (k->symbol[i].op == E_LOG && slc_ex_equal(k, slc_ex_mul(k, k->symbol[i].arg, b), one))
      return slc_ex_sub(k, known, symbol_at(k, i)); /* log(1/b) = -log(b) */
  return slc_ex_add(k, known, symbol(k, E_LOG, 0, b));
}

exact_t slc_ex_fn(field_t *k, op_t op, exact_t a) {
  static const long sine[] = {0, 1, 0, -1};
  long n;
  if (!a) return NULL;
  if (slc_ex_zero(a)) return op == E_LOG ? NULL : slc_ex_si(k, op == E_EXP || op == E_COS, 1);
  if ((op == E_SIN || op == E_COS) && quarters(k, a, &n))
    return slc_ex_si(k, sine[(n + (op == E_COS)) % 4], 1);
  if (op == E_EXP) return exponential_of_sum(k, a);
  if (op == E_LOG) return slc_ex_has_r(k, a) || slc_ex_signs(k, a) == POS ? logarithm(k, a) : NULL;
  for (int sign = -1; sign <= 1 && op == E_ATAN; sign += 2)
    if (slc_ex_equal(k, a, slc_ex_si(k, sign, 1))) /* atan(1) = pi/4 */
      return slc_ex_mul(k, slc_ex_si(k, sign, 4),
                        slc_ex_mul(k, slc_ex_sqrt_pi(k), slc_ex_sqrt_pi(k)));
  for (int i = 0; i < k->symbols; i++) {
    if (k->symbol[i].op != op || !slc_ex_zero(slc_ex_add(k, k->symbol[i].arg, a))) continue;
    const exact_t same = symbol_at(k, i);
    if (op == E_ATAN || op == E_ERF || op == E_ASINH || op == E_SIN) /* odd */
      return slc_ex_sub(k, slc_ex_si(k, 0, 1), same);
  }
  return symbol(k, op, 0, a);
}

static exact_t integer_power(field_t *k, exact_t a, long p) {
  exact_t y = slc_ex_si(k, 1, 1);
  for (long i = 0; i < labs(p); i++) y = slc_ex_mul(k, y, a);
  return p < 0 && y && a && !slc_ex_zero(a) ? quotient(k, slc_ex_si(k, 1, 1), y) : y;
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

/* Of a product of powers of symbols that are no negative numbers, each a multiple of the root's. */
static exact_t root_of_powers(field_t *k, exact_t a, unsigned long root) {
  if (a->num.n != 1 || a->den.n != 1 || mpq_cmp_ui(a->num.t[0].c, 1, 1)) return NULL;
  exact_t y = slc_ex_si(k, 1, 1);
  for (int v = 0; v < VARS && y; v++) {
    const int power = a->num.t[0].e[v] - a->den.t[0].e[v];
    if (!power) continue;
    const op_t op = v < FIRST_SYMBOL ? E_R : k->symbol[v - FIRST_SYMBOL].op;
    if ((op != E_EXP && op != E_E && op != E_PI && op != E_POW) || power % (long)root) return NULL;
    y = slc_ex_mul(k, y, integer_power(k, variable(k, v), power / (long)root));
  }
  return y;
}

exact_t slc_ex_pow(field_t *k, exact_t a, const mpq_t q) {
  if (!a) return NULL;
  if (mpz_cmpabs_ui(mpq_numref(q), 64) > 0 || mpz_cmp_ui(mpq_denref(q), 64) > 0)
    return slc_ex_equal(k, a, slc_ex_si(k, 1, 1)) ? a : NULL;
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
  exact_t s = rational_root(k, a, root);
  if (!s) s = root_of_powers(k, a, root);
  if (!s) s = symbol(k, E_POW, (unsigned)root, a);
  return s ? integer_power(k, s, p) : NULL;
}
