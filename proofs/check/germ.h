/* Expansions next to r = 0 or r = inf in x^p log(1/x)^q, x being r or 1/r: terms by falling size,
 * then perhaps a bound O(x^p log(1/x)^q) of what is left. */
#ifndef SLUICE_CHECK_GERM_H
#define SLUICE_CHECK_GERM_H

#include "exact.h"

enum { GERM = 6 };

typedef struct {
  exact_t c, p, q;
} mono_t;

typedef struct {
  int ok;             /* 0: nothing is known, not even a value */
  int n, open;        /* terms; is there a bound? */
  mono_t t[GERM + 1]; /* t[n]: the bound, whose c is not looked at */
} germ_t;

enum { SHRINKS = -1, STAYS, GROWS, OPEN_SIZE };

int slc_mono_size(field_t *k, const mono_t *t); /* of x^p log(1/x)^q as x -> 0 */
int slc_germ_sign(field_t *k, const germ_t *a); /* next to the point, if certain */
germ_t slc_germ_mono(field_t *k, exact_t c, long p, long q);
germ_t slc_germ_bound(field_t *k, long p, long q);
germ_t slc_germ_add(field_t *k, const germ_t *a, const germ_t *b, int minus);
germ_t slc_germ_mul(field_t *k, const germ_t *a, const germ_t *b);
germ_t slc_germ_div(field_t *k, const germ_t *a, const germ_t *b);
/* c[0] + c[1] a + ... + O(a^n) for an a that tends to 0. */
germ_t slc_germ_taylor(field_t *k, const exact_t *c, int n, const germ_t *a);
germ_t slc_germ_pow(field_t *k, const germ_t *a, const mpq_t s);
germ_t slc_germ_fn(field_t *k, op_t op, const germ_t *a); /* of functions.def */

#endif
