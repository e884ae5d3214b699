/* Forms that are smooth up to u = 0. */
#ifndef SLUICE_PROOFS_TAIL_SMOOTH_H
#define SLUICE_PROOFS_TAIL_SMOOTH_H

#include "tail_form.h"

/* The form with v = 0 and without h: not ok for a pole or a fractional v, or where exp(h) grows. */
void sl_form_smooth(sl_tail *t, sl_tail_form *y, const sl_tail_form *a);
/* A pole, unless an exponential that falls stands before it. */
int sl_form_grows(sl_tail *t, const sl_tail_form *a);

#endif
