/* Where pieces end (see pieces.h). */
#include "pieces.h"

int slc_join_dyadic(mpfr_t out, pieces_t *p, int join) {
  mpq_t q;
  mpq_init(q);
  const int dyadic =
      join < p->joins && slc_ex_rational(q, p->join[join]) && mpfr_set_q(out, q, MPFR_RNDN) == 0;
  mpq_clear(q);
  return dyadic;
}

void slc_piece_ends(mpfr_t low, mpfr_t high, pieces_t *p, int i) {
  mpfi_t x;
  mpfi_init2(x, PREC);
  slc_ex_interval(x, &p->field, p->join[i]);
  mpfi_get_left(low, x);
  if (i + 1 < p->joins) {
    slc_ex_interval(x, &p->field, p->join[i + 1]);
    mpfi_get_right(high, x);
  } else {
    mpfr_set_inf(high, 1);
  }
  mpfi_clear(x);
}
