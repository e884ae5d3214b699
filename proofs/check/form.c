/* Forms of pieces (see form.h). */
#include "form.h"

/* Where w has values none of the divisors in it is 0, so equal quotients are equal values. */
static int equals(field_t *k, const piece_t *s, int ref, form_kind_t kind) {
  const series_t w = slc_se_expr(k, &s->e, s->w, NULL, 2), x = slc_se_expr(k, &s->e, ref, NULL, 1);
  if (x.n < 1 || w.n < (kind == FORM_SLOPE ? 2 : 1)) return 0;
  return slc_ex_equal(k, x.c[0],
                      kind == FORM_SLOPE  ? w.c[1]
                      : kind == FORM_OVER ? slc_ex_sub(k, w.c[0], slc_ex_si(k, 1, 1))
                                          : w.c[0]);
}

const char *slc_take_forms(const context_t *c) {
  for (int i = 0; i < c->part->forms; i++) {
    const form_line_t *f = &c->part->form[i];
    if (f->segment >= c->pieces->joins) return "a form of no segment";
    piece_t *s = &c->pieces->piece[f->segment];
    const int ref = slc_source_term(c->source, NULL, &s->e, f->text);
    if (ref < 0) return "a form does not parse";
    if (!equals(&c->pieces->field, s, ref, f->kind))
      return "a form is not shown to be what it says";
    s->form[f->kind] = ref;
    slc_piece_signs(c->pieces, f->segment);
  }
  return "";
}
