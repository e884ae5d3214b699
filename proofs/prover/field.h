/* Exact numbers of a gate: the field Q(parameters, r, generators), where a generator stands for one
 * transcendental or algebraic constant (sqrt(pi), e, exp(1/2), ...). An identity that holds here
 * holds for the numbers. The converse is not claimed: unequal elements may be equal numbers, so
 * only balls refute. Elements are immutable and live as long as their field. */
#ifndef SLUICE_PROOFS_FIELD_H
#define SLUICE_PROOFS_FIELD_H

#include "kernels/gate/tree.h"

#include <arb.h>
#include <fmpz_mpoly.h>

typedef struct sl_field sl_field;
typedef const struct sl_exact *sl_exact; /* NULL: not available; every operation passes NULL on */

#define SL_FIELD_PARAMETERS 8
#define SL_FIELD_GENERATORS 20

/* box[i] encloses parameter i; kept by reference. */
sl_field *sl_field_new(arb_srcptr box);
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
/* Encloses a over the box at about `prec` bits; indeterminate for NULL or where r occurs. */
void sl_exact_ball(arb_t out, sl_field *k, sl_exact a, slong prec);
/* The same with other parameter values. */
void sl_exact_ball_at(arb_t out, sl_field *k, sl_exact a, arb_srcptr box, slong prec);
int sl_exact_sign(sl_field *k, sl_exact a); /* over the box: 1, -1, or 0 for zero or unknown */

#endif
