/* The checker's exact numbers: quotients of polynomials with rational coefficients in the
 * parameters, r, and symbols for constants such as sqrt(pi) or exp(1/2). Equal quotients mean equal
 * numbers; nothing is concluded from unequal ones. */
#ifndef SLUICE_CHECK_EXACT_H
#define SLUICE_CHECK_EXACT_H

#include "poly.h"
#include "span.h"

#include <mpfi.h>

typedef struct exact_s {
  poly_t num, den;
  struct exact_s *next;
} exact_s;
typedef const exact_s *exact_t; /* NULL: not available */

/* Parameter i is low[i] + (high[i] - low[i]) s for an s of [0, 1], so that the ends of its range
 * are exact. */
typedef struct {
  mpq_t low[MAX_PARAMS], high[MAX_PARAMS];
  exact_s *all;
  struct {
    op_t op;
    unsigned root;
    exact_t arg;
  } symbol[SYMBOLS];
  int symbols;
} field_t;

void slc_field_init(field_t *k);
void slc_field_clear(field_t *k);
exact_t slc_ex_q(field_t *k, const mpq_t q);
exact_t slc_ex_si(field_t *k, long p, unsigned long q);
exact_t slc_ex_param(field_t *k, int i);
exact_t slc_ex_r(field_t *k);
exact_t slc_ex_sqrt_pi(field_t *k);
exact_t slc_ex_e(field_t *k);
exact_t slc_ex_add(field_t *k, exact_t a, exact_t b);
exact_t slc_ex_sub(field_t *k, exact_t a, exact_t b);
exact_t slc_ex_mul(field_t *k, exact_t a, exact_t b);
exact_t slc_ex_div(field_t *k, exact_t a, exact_t b); /* NULL unless b cannot vanish on the box */
exact_t slc_ex_fn(field_t *k, op_t op, exact_t a);    /* EXP LOG SIN COS ERF ATAN ASINH */
exact_t slc_ex_pow(field_t *k, exact_t a, const mpq_t q);
/* p with every power of a root that is its argument replaced by it; 0: too large. */
int slc_reduce_roots(field_t *k, poly_t *p);
int slc_ex_zero(exact_t a);
int slc_ex_equal(field_t *k, exact_t a, exact_t b);
int slc_ex_has_r(const field_t *k, exact_t a);
void slc_ex_interval(mpfi_t out, field_t *k, exact_t a);
/* The signs that a may have over the ranges; NIL alone only where a is 0 by an identity. */
unsigned slc_ex_signs(field_t *k, exact_t a);
/* a = c + the sum of c_i s_i exactly? Then between its least and largest value over the box of s.
 */
int slc_ex_affine_span(span_t *out, field_t *k, exact_t a, const mpfi_t *box);
/* a as a rational number; 0 if it is none. */
int slc_ex_rational(mpq_t out, exact_t a);
int slc_ex_sign(field_t *k, exact_t a); /* over the box; 0: zero or unknown */

enum { PREC = 256, TERMS = 10 };

/* Truncated Taylor series with exact coefficients: c[0 .. n-1] and O(t^n). */
typedef struct {
  int n;
  exact_t c[TERMS];
} series_t;

series_t slc_se_const(field_t *k, exact_t c);
series_t slc_se_add(field_t *k, const series_t *a, const series_t *b, int minus);
series_t slc_se_mul(field_t *k, const series_t *a, const series_t *b);
series_t slc_se_pow(field_t *k, const series_t *a, const mpq_t q);
series_t slc_se_fn(field_t *k, op_t op, const series_t *a);
series_t slc_se_shift(field_t *k, const series_t *a, int by);
/* Of node ref at r = point + t; point NULL: r stays a symbol. */
series_t slc_se_expr(field_t *k, const expr_t *e, int ref, exact_t point, int terms);

#endif
