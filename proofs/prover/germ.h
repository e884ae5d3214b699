/* What an expression is next to r = 0, or far out, as powers and logarithms show it: with x = r or
 * x = 1/r and L = log(1/x), a sum of terms c x^p L^q, the largest first, and a rest that is
 * O(x^p L^q), for each value of the parameters. x tends to 0 from above, so L to infinity.
 *
 * The rules are those of spec G4.4. P1 and the step of P3 at r = 0 and P4w rest on them: a term in
 * the wrong place would certify a gate that jumps at r = 0. */
#ifndef SLUICE_PROOFS_GERM_H
#define SLUICE_PROOFS_GERM_H

#include "series.h"

#define SL_GERM_TERMS 6

typedef struct {
  sl_exact c, p, q; /* c is not used where it stands for a size */
} sl_germ_term;

typedef struct {
  int known; /* 0: nothing, not even that there are values */
  int n;
  sl_germ_term term[SL_GERM_TERMS];
  int has_rest; /* else the terms are all of it: none of them, and it is 0 */
  sl_germ_term rest;
} sl_germ;

typedef enum { SL_SIZE_UNKNOWN, SL_SIZE_SMALL, SL_SIZE_ONE, SL_SIZE_LARGE } sl_size;

sl_size sl_germ_size(sl_field *k, const sl_germ_term *t); /* of x^p L^q: does it tend to 0? */
sl_germ sl_germ_term_alone(sl_field *k, sl_exact c, slong p, slong q);
sl_germ sl_germ_constant(sl_field *k, sl_exact c);
sl_germ sl_germ_bounded(sl_field *k, slong p, slong q); /* O(x^p L^q) */
sl_germ sl_germ_negated(sl_field *k, const sl_germ *a);
sl_germ sl_germ_sum(sl_field *k, const sl_germ *a, const sl_germ *b);
sl_germ sl_germ_product(sl_field *k, const sl_germ *a, const sl_germ *b);
/* a over its first term, less 1, which tends to 0; not known where that term may be 0. */
sl_germ sl_germ_relative(sl_field *k, const sl_germ *a);
/* c[0] + c[1] a + ..., to n terms, for an a that tends to 0, and O(a^n). */
sl_germ sl_germ_composed(sl_field *k, const sl_exact *c, int n, const sl_germ *a);
sl_germ sl_germ_power(sl_field *k, const sl_germ *a, int64_t p, int64_t q);
sl_germ sl_germ_function(sl_field *k, sl_gate_op op, const sl_germ *a);

/* The sign next to the limit, where it is certain: 1, -1; else 0. */
int sl_germ_sign(sl_field *k, const sl_germ *a);

#endif
