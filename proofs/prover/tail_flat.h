/* Functions that vanish at u = 0 with all their derivatives. */
#ifndef SLUICE_PROOFS_TAIL_FLAT_H
#define SLUICE_PROOFS_TAIL_FLAT_H

#include "tail_form.h"

/* Jets of exp(d) u^(vp/vq) c over [0, u0], where d is a negative pole: flat at u = 0. Not ok where
 * d is not certainly one. */
int sl_form_flat(sl_tail *t, arb_poly_t y, const sl_tail_form *d, slong vp, slong vq,
                 const arb_poly_t c, int m);

#endif
