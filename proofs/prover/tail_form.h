/* Arithmetic of tail forms (tail.h). Results are initialised by the callee (sl_form_init: not ok);
 * an argument that is not ok gives a result that is not ok. */
#ifndef SLUICE_PROOFS_TAIL_FORM_H
#define SLUICE_PROOFS_TAIL_FORM_H

#include "tail.h"

void sl_form_init(sl_tail_form *f);
void sl_form_clear(sl_tail_form *f);
void sl_form_copy(sl_tail_form *y, const sl_tail_form *a);
void sl_form_constant(sl_tail *t, sl_tail_form *y, const arb_t value, sl_exact exact);
void sl_form_int(sl_tail *t, sl_tail_form *y, slong value);
void sl_form_r(sl_tail *t, sl_tail_form *y);
void sl_form_negate(sl_tail *t, sl_tail_form *y, const sl_tail_form *a);
void sl_form_scale(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, slong p, slong q);
void sl_form_add(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, const sl_tail_form *b);
/* p/q a + offset */
void sl_form_affine(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, slong p, slong q,
                    slong offset);
void sl_form_mul(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, const sl_tail_form *b);
void sl_form_power(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, int64_t p, int64_t q);
/* Sum of the atoms of h times their factors. */
void sl_form_exponent(sl_tail *t, sl_tail_form *y, const sl_tail_atom *h, int atoms);
/* u^v c as a form with v = 0; not ok for a pole, a fractional v or h. */
void sl_form_plain(sl_tail *t, sl_tail_form *y, const sl_tail_form *a);
/* Jets of exp(d) u^(vp/vq) c over [0, u0], where d is a negative pole: flat at u = 0. Not ok where
 * d is not certainly one. */
int sl_form_flat(sl_tail *t, arb_poly_t y, const sl_tail_form *d, slong vp, slong vq,
                 const arb_poly_t c, int m);
int sl_form_sign(const sl_tail_form *a); /* of c, hence of the form */
int sl_form_is_pole(const sl_tail_form *a);

/* EXP, EXPM1, SIGMOID, TANH, SINH or COSH of node ref. */
void sl_form_exponential(sl_tail *t, sl_tail_form *y, sl_gate_op op, sl_ref ref);
/* t->form[i] of a node from its children's. */
void sl_form_node(sl_tail *t, sl_ref i);

#endif
