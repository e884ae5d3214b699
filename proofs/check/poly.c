/* Polynomials as sorted lists of terms (see poly.h). */
#include "poly.h"

#include <stdlib.h>
#include <string.h>

void *slc_grab(size_t n) {
  void *p = calloc(1, n ? n : 1);
  if (!p) abort();
  return p;
}

void slc_poly_free(poly_t *p) {
  for (int i = 0; i < p->n; i++) mpq_clear(p->t[i].c);
  free(p->t);
  *p = (poly_t){-1, NULL};
}

static int order(const term_t *a, const term_t *b) { return memcmp(a->e, b->e, VARS); }

poly_t slc_poly_add(const poly_t *a, const poly_t *b, int s) {
  poly_t y = {0, slc_grab((size_t)(a->n + b->n) * sizeof(term_t))};
  for (int i = 0, j = 0; i < a->n || j < b->n;) {
    const int c = i == a->n ? -1 : j == b->n ? 1 : order(&a->t[i], &b->t[j]);
    term_t *t = &y.t[y.n];
    mpq_init(t->c);
    memcpy(t->e, c >= 0 ? a->t[i].e : b->t[j].e, VARS);
    if (c >= 0) mpq_set(t->c, a->t[i++].c);
    if (c <= 0) {
      if (s > 0)
        mpq_add(t->c, t->c, b->t[j++].c);
      else
        mpq_sub(t->c, t->c, b->t[j++].c);
    }
    if (mpq_sgn(t->c))
      y.n++;
    else
      mpq_clear(t->c);
  }
  return y;
}

static int by_order(const void *a, const void *b) { return order(b, a); }

poly_t slc_poly_mul(const poly_t *a, const poly_t *b) {
  poly_t y = {0, NULL};
  if ((long)a->n * b->n > 40L * TERM_MAX) return (poly_t){-1, NULL};
  y.t = slc_grab((size_t)(a->n * b->n) * sizeof(term_t));
  for (int i = 0; i < a->n; i++)
    for (int j = 0; j < b->n; j++) {
      term_t *t = &y.t[y.n++];
      mpq_init(t->c);
      mpq_mul(t->c, a->t[i].c, b->t[j].c);
      for (int v = 0; v < VARS; v++) {
        const int e = a->t[i].e[v] + b->t[j].e[v];
        t->e[v] = (unsigned char)(e > 255 ? 255 : e);
        if (e > 200) {
          slc_poly_free(&y);
          return y;
        }
      }
    }
  qsort(y.t, (size_t)y.n, sizeof *y.t, by_order);
  int m = 0;
  for (int i = 0; i < y.n; i++) {
    if (m && order(&y.t[m - 1], &y.t[i]) == 0) {
      mpq_add(y.t[m - 1].c, y.t[m - 1].c, y.t[i].c);
      mpq_clear(y.t[i].c);
      if (mpq_sgn(y.t[m - 1].c) == 0) mpq_clear(y.t[--m].c);
    } else {
      if (m != i) y.t[m] = y.t[i];
      m++;
    }
  }
  y.n = m;
  if (m > TERM_MAX) slc_poly_free(&y);
  return y;
}

poly_t slc_poly_one_term(const mpq_t c, int variable) {
  poly_t p = {0, slc_grab(sizeof(term_t))};
  if (mpq_sgn(c) == 0) return p;
  p.n = 1;
  mpq_init(p.t[0].c);
  mpq_set(p.t[0].c, c);
  if (variable >= 0) p.t[0].e[variable] = 1;
  return p;
}

int slc_poly_equal(const poly_t *a, const poly_t *b) {
  if (a->n != b->n) return 0;
  for (int i = 0; i < a->n; i++)
    if (order(&a->t[i], &b->t[i]) || !mpq_equal(a->t[i].c, b->t[i].c)) return 0;
  return 1;
}

/* a / b of single terms; 0 where an exponent would be negative. */
static int divide_term(term_t *y, const term_t *a, const term_t *b) {
  for (int v = 0; v < VARS; v++) {
    if (a->e[v] < b->e[v]) return 0;
    y->e[v] = (unsigned char)(a->e[v] - b->e[v]);
  }
  mpq_div(y->c, a->c, b->c);
  return 1;
}

/* The leading terms go one by one, as in a division of numbers. */
int slc_poly_divide(poly_t *q, const poly_t *a, const poly_t *b) {
  poly_t rest = {a->n, slc_grab((size_t)a->n * sizeof(term_t))};
  *q = (poly_t){0, slc_grab((size_t)(a->n + 1) * sizeof(term_t))};
  for (int i = 0; i < a->n; i++) {
    mpq_init(rest.t[i].c);
    mpq_set(rest.t[i].c, a->t[i].c);
    memcpy(rest.t[i].e, a->t[i].e, VARS);
  }
  while (rest.n > 0 && q->n < a->n) {
    term_t *t = &q->t[q->n++];
    mpq_init(t->c);
    if (!divide_term(t, &rest.t[0], &b->t[0])) break;
    const poly_t one = {1, t};
    poly_t part = slc_poly_mul(&one, b);
    if (part.n < 0) break;
    poly_t less = slc_poly_add(&rest, &part, -1);
    slc_poly_free(&part), slc_poly_free(&rest);
    rest = less;
  }
  const int ok = rest.n == 0;
  slc_poly_free(&rest);
  if (!ok) slc_poly_free(q);
  return ok;
}
