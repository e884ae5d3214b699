/* Tail forms: a segment's expression for r >= R = 1/u0, as exp(h) u^v c(u) with u = 1/r in (0, u0].
 * h is a combination of nodes with a pole at u = 0, v is rational, c is smooth up to u = 0 and
 * enclosed with its derivatives over [0, u0]. An exact series of c at 0 lets leading terms that
 * cancel be dropped for what they are.
 *
 * Results are initialised by the callee (sl_form_init: not ok); an argument that is not ok gives a
 * result that is not ok. */
#ifndef SLUICE_PROOFS_TAIL_FORM_H
#define SLUICE_PROOFS_TAIL_FORM_H

#include "series.h"

#include <arb_poly.h>

#define SL_TAIL_TERMS 6
#define SL_TAIL_ATOMS 8

typedef struct {
  slong p, q; /* p/q times the node */
  sl_ref atom;
} sl_tail_atom;

typedef struct {
  int ok, zero;
  int atoms; /* of h, in ascending order of node */
  sl_tail_atom h[SL_TAIL_ATOMS];
  slong vp, vq;
  int m; /* Taylor coefficients of c that are enclosed */
  arb_poly_t c;
  sl_series s; /* exact series of c at u = 0 */
} sl_tail_form;

typedef struct {
  sl_field *field;
  const sl_tree *tree;
  arb_srcptr box;
  slong prec, exponent; /* u0 = 2^-exponent */
  arb_t u;              /* [0, u0] */
  sl_tail_form *form;   /* of every node */
} sl_tail;

void sl_form_init(sl_tail_form *f);
void sl_form_clear(sl_tail_form *f);
void sl_form_copy(sl_tail_form *y, const sl_tail_form *a);
void sl_form_constant(sl_tail *t, sl_tail_form *y, const arb_t value, sl_exact exact);
void sl_form_int(sl_tail *t, sl_tail_form *y, slong value);
void sl_form_r(sl_tail *t, sl_tail_form *y);
void sl_form_negate(sl_tail *t, sl_tail_form *y, const sl_tail_form *a);
void sl_form_scale(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, slong p, slong q);
void sl_form_mul(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, const sl_tail_form *b);
void sl_form_power(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, int64_t p, int64_t q);
/* u^v c as a form with v = 0; not ok for a pole, a fractional v or h. */
void sl_form_plain(sl_tail *t, sl_tail_form *y, const sl_tail_form *a);
int sl_form_sign(const sl_tail_form *a); /* of c, hence of the form */
int sl_form_is_pole(const sl_tail_form *a);
/* c = u^k c1 exactly, with k as large as the exact series of c shows; then u^k joins u^v. */
void sl_form_drop_zeros(sl_tail_form *y);
/* Adds the atoms of b, times p/q, to those of y. */
void sl_form_add_atoms(sl_tail_form *y, const sl_tail_form *b, slong p, slong q);

#endif
