/* Exact numbers of a gate: the field Q(parameters, r, generators), where a generator stands for one
 * transcendental or algebraic constant (sqrt(pi), e, exp(1/2), ...). An identity that holds here
 * holds for the numbers. The converse is not claimed: unequal elements may be equal numbers, so
 * only balls refute. Elements are immutable and live as long as their field. */
#ifndef SLUICE_PROOFS_FIELD_H
#define SLUICE_PROOFS_FIELD_H

#include "kernels/gate/tree.h"

#include "span.h"

#include <fmpz_mpoly.h>

typedef struct sl_field sl_field;
typedef const struct sl_exact *sl_exact; /* NULL: not available; every operation passes NULL on */

#define SL_FIELD_PARAMETERS 8
#define SL_FIELD_GENERATORS 20

/* Parameter i is low[i] + (high[i] - low[i]) s for an s of [0, 1], so that the ends of its range
 * are exact. */
sl_field *sl_field_new(const fmpq *low, const fmpq *high);
void sl_field_free(sl_field *k);

sl_exact sl_exact_int(sl_field *k, slong value);
sl_exact sl_exact_ratio(sl_field *k, slong p, slong q);
sl_exact sl_exact_decimal(sl_field *k, sl_decimal value);
sl_exact sl_exact_parameter(sl_field *k, int index);
sl_exact sl_exact_r(sl_field *k); /* r as an indeterminate */
sl_exact sl_exact_sqrt_pi(sl_field *k);
sl_exact sl_exact_e(sl_field *k);

sl_exact sl_exact_add(sl_field *k, sl_exact a, sl_exact b);
sl_exact sl_exact_sub(sl_field *k, sl_exact a, sl_exact b);
sl_exact sl_exact_mul(sl_field *k, sl_exact a, sl_exact b);
sl_exact sl_exact_neg(sl_field *k, sl_exact a);
/* NULL unless b is nonzero for every value of the parameters in the box. */
sl_exact sl_exact_div(sl_field *k, sl_exact a, sl_exact b);

/* F(a) as a generator, one for each F and a; F is EXP, LOG, SIN, COS, ERF, ATAN, ASINH. NULL where
 * a's ball leaves the domain. exp(-a) is 1/exp(a). */
sl_exact sl_exact_function(sl_field *k, sl_gate_op op, sl_exact a);
/* a^(p/q), a > 0 on the box; exact where a is a power of a rational. */
sl_exact sl_exact_power(sl_field *k, sl_exact a, slong p, slong q);

int sl_exact_is_zero(sl_exact a);
int sl_exact_equal(sl_field *k, sl_exact a, sl_exact b); /* 0 if either is NULL */
int sl_exact_has_r(sl_field *k, sl_exact a);
/* Encloses a over the ranges at about `prec` bits; anything for NULL or where r occurs. */
void sl_exact_span(sl_span *out, sl_field *k, sl_exact a, slong prec);
void sl_exact_ball(arb_t out, sl_field *k, sl_exact a, slong prec);
/* The signs that a may have over the ranges; SL_ZERO alone only where a is 0 by an identity. */
unsigned sl_exact_signs(sl_field *k, sl_exact a);
int sl_exact_sign(sl_field *k, sl_exact a); /* 1, -1 certainly, or 0 */
/* a = c[0] + the sum of c[i + 1] s_i? */
int sl_exact_affine(sl_field *k, sl_exact a, fmpq *c);
/* a as a rational number; 0 if it is none. */
int sl_exact_rational(sl_field *k, sl_exact a, fmpq_t out);

#endif
