/* What symbols have to do with each other: a root raised to its own degree is what it is the root
 * of; exponentials of multiples are powers of one, and of sums products. */
#include "exact.h"

#include <stdlib.h>
#include <string.h>

enum { MULTIPLES = 16, FRACTIONS = 4, FACTORS = 4 };

static int is_number(const poly_t *p) {
  static const unsigned char none[VARS];
  return p->n == 1 && !memcmp(p->t[0].e, none, VARS);
}

/* p = low + y high, y the symbol to the degree of the root: terms of both in order. */
static void part_by(const poly_t *p, int v, unsigned degree, poly_t *low, poly_t *high) {
  *low = (poly_t){0, slc_grab((size_t)p->n * sizeof(term_t))};
  *high = (poly_t){0, slc_grab((size_t)p->n * sizeof(term_t))};
  for (int i = 0; i < p->n; i++) {
    const int upper = p->t[i].e[v] >= degree;
    poly_t *to = upper ? high : low;
    term_t *t = &to->t[to->n++];
    mpq_init(t->c);
    mpq_set(t->c, p->t[i].c);
    memcpy(t->e, p->t[i].e, VARS);
    if (upper) t->e[v] = (unsigned char)(t->e[v] - degree);
  }
}

static int highest(const poly_t *p, int v) {
  int most = 0;
  for (int i = 0; i < p->n; i++)
    if (p->t[i].e[v] > most) most = p->t[i].e[v];
  return most;
}

/* One degree of the root, of all terms that have it. */
static void replace_once(poly_t *p, int v, unsigned degree, const exact_s *arg) {
  poly_t low, high;
  part_by(p, v, degree, &low, &high);
  poly_t more = slc_poly_mul(&high, &arg->num);
  for (int i = 0; i < more.n; i++) mpq_div(more.t[i].c, more.t[i].c, arg->den.t[0].c);
  slc_poly_free(p);
  if (more.n >= 0) *p = slc_poly_add(&low, &more, 1);
  slc_poly_free(&low), slc_poly_free(&high), slc_poly_free(&more);
}

int slc_reduce_roots(field_t *k, poly_t *p) {
  for (int i = k->symbols; i-- > 0 && p->n >= 0;) { /* an argument holds earlier symbols only */
    const exact_s *arg = k->symbol[i].arg;
    if (k->symbol[i].op != E_POW || !is_number(&arg->den)) continue;
    while (p->n > 0 && highest(p, FIRST_SYMBOL + i) >= (int)k->symbol[i].root)
      replace_once(p, FIRST_SYMBOL + i, k->symbol[i].root, arg);
  }
  return p->n >= 0;
}

/* exp(a) as a power, with small numerator and denominator, of an exponential that is there. */
static exact_t one_exponential(field_t *k, exact_t a) {
  mpq_t x;
  exact_t y = NULL;
  mpq_init(x);
  for (int i = 0; i < k->symbols && !y; i++)
    if (k->symbol[i].op == E_EXP && slc_ex_rational(x, slc_ex_quotient(k, a, k->symbol[i].arg)) &&
        mpz_cmpabs_ui(mpq_numref(x), MULTIPLES) <= 0 && mpz_cmp_ui(mpq_denref(x), FRACTIONS) <= 0)
      y = slc_ex_pow(k, slc_ex_symbol(k, i), x);
  mpq_clear(x);
  return y ? y : slc_ex_new_symbol(k, E_EXP, 0, a);
}

static exact_t term_of(field_t *k, exact_t a, int i) {
  poly_t num = {1, slc_grab(sizeof(term_t))}, none = {0, NULL};
  mpq_init(num.t[0].c);
  mpq_set(num.t[0].c, a->num.t[i].c);
  memcpy(num.t[0].e, a->num.t[i].e, VARS);
  return slc_ex_make(k, num, slc_poly_add(&a->den, &none, 1));
}

exact_t slc_ex_exp(field_t *k, exact_t a) {
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
