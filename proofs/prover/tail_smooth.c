/* Forms without a pole as smooth functions of u (see tail_smooth.h). */
#include "tail_smooth.h"

#include "tail_flat.h"
#include "tail_sum.h"

/* exp(h) u^v c with h -> -inf as a function all of whose derivatives vanish at u = 0. */
static void flat_form(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  arb_t zero;
  sl_tail_form h;
  arb_init(zero);
  sl_form_exponent(t, &h, a->h, a->atoms);
  sl_form_constant(t, y, zero, sl_exact_int(t->field, 0));
  y->zero = 0;
  y->m = a->m < h.m ? a->m : h.m;
  y->ok = sl_form_flat(t, y->c, &h, a->vp, a->vq, a->c, y->m);
  sl_form_clear(&h);
  arb_clear(zero);
}

void sl_form_smooth(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  if (a->ok && !a->zero && a->atoms)
    flat_form(t, y, a);
  else
    sl_form_plain(t, y, a);
}

int sl_form_grows(sl_tail *t, const sl_tail_form *a) {
  if (!sl_form_is_pole(a) || !a->atoms) return sl_form_is_pole(a);
  sl_tail_form flat;
  sl_form_smooth(t, &flat, a);
  const int grows = !flat.ok;
  sl_form_clear(&flat);
  return grows;
}
