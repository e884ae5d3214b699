/* Values at joins (see join_value.h). */
#include "join_value.h"

#include "box.h"

/* Where the join is not a dyadic number, boxes extend beyond it. */
int slc_join_known(pieces_t *p, int j, int weight, side_t from) {
  mpfr_t r;
  span_t x;
  box_t b;
  if (slc_join_value(p, j, weight, from)) return 1;
  mpfr_init2(r, 512);
  slc_sp_init(&x);
  int ok = !slc_join_dyadic(r, p, j);
  if (!ok) {
    const piece_t *s = from == AT ? &p->at[j] : &p->piece[from == LEFT ? j - 1 : j];
    slc_sp_ends(&x, r, r, 0);
    slc_box_init(&b, &p->field, s);
    b.in_piece = 0;
    mpfi_t range[MAX_PARAMS];
    for (int i = 0; i < MAX_PARAMS; i++) {
      mpfi_init2(range[i], 53);
      mpfi_interv_si(range[i], 0, 1);
    }
    slc_box_flow(&b, &x, (const mpfi_t *)range);
    const flow_t *y = &b.flow[weight ? s->w : s->f];
    ok = y->ok && slc_sp_bounded(&y->v);
    for (int i = 0; i < MAX_PARAMS; i++) mpfi_clear(range[i]);
    slc_box_clear(&b);
  }
  mpfr_clear(r);
  slc_sp_clear(&x);
  return ok;
}
