/* A root raised to its own degree is what it is the root of. */
#include "exact.h"

#include <stdlib.h>
#include <string.h>

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
