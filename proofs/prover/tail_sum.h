/* Sums of tail forms. */
#ifndef SLUICE_PROOFS_TAIL_SUM_H
#define SLUICE_PROOFS_TAIL_SUM_H

#include "tail_form.h"

void sl_form_add(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, const sl_tail_form *b);
/* p/q a + offset */
void sl_form_affine(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, slong p, slong q,
                    slong offset);
/* a with exp(h) as a part of c, where h stays bounded; else a. */
void sl_form_fold(sl_tail *t, sl_tail_form *y, const sl_tail_form *a);
/* Sum of the atoms of h times their factors. */
void sl_form_exponent(sl_tail *t, sl_tail_form *y, const sl_tail_atom *h, int atoms);

#endif
