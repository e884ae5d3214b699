/* Polynomials with rational coefficients in the parameters, r, and symbols for constants. */
#ifndef SLUICE_CHECK_POLY_H
#define SLUICE_CHECK_POLY_H

#include "expr.h"

enum {
  SYMBOLS = 20,
  R_VAR = MAX_PARAMS,
  FIRST_SYMBOL,
  VARS = FIRST_SYMBOL + SYMBOLS,
  TERM_MAX = 2000
};

typedef struct {
  mpq_t c;
  unsigned char e[VARS];
} term_t;

typedef struct {
  int n;
  term_t *t; /* by descending exponents, no zero coefficients */
} poly_t;

void slc_poly_free(poly_t *p);
/* a + s b */
poly_t slc_poly_add(const poly_t *a, const poly_t *b, int s);
/* n = -1 where it grows too large. */
poly_t slc_poly_mul(const poly_t *a, const poly_t *b);
/* q = a / b where b divides a; 0 where it does not. b is not zero. */
int slc_poly_divide(poly_t *q, const poly_t *a, const poly_t *b);
int slc_poly_equal(const poly_t *a, const poly_t *b);
/* c times a variable; c alone where variable is -1. */
poly_t slc_poly_one_term(const mpq_t c, int variable);
/* Zeroed memory; aborts without it, as GMP does. */
void *slc_grab(size_t n);

#endif
