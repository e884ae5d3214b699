/* Tail forms of the functions that stand on exp. */
#ifndef SLUICE_PROOFS_TAIL_EXPONENTIAL_H
#define SLUICE_PROOFS_TAIL_EXPONENTIAL_H

#include "tail_form.h"

/* Of a node's argument `ref`. */
void sl_form_exp(sl_tail *t, sl_tail_form *y, sl_ref ref);
void sl_form_expm1(sl_tail *t, sl_tail_form *y, sl_ref ref);
void sl_form_sigmoid(sl_tail *t, sl_tail_form *y, sl_ref ref);
void sl_form_tanh(sl_tail *t, sl_tail_form *y, sl_ref ref);
void sl_form_sinh(sl_tail *t, sl_tail_form *y, sl_ref ref);
void sl_form_cosh(sl_tail *t, sl_tail_form *y, sl_ref ref);

#endif
