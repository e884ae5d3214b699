/* Findings (see finding.h). */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sl_finding_init(sl_finding *f) {
  memset(f, 0, sizeof *f);
  f->verdict = SL_UNDECIDED;
  sl_witness_init(&f->witness);
}
void sl_finding_clear(sl_finding *f) { sl_witness_clear(&f->witness); }

void sl_finding_set(sl_finding *f, sl_verdict verdict, const char *format, ...) {
  va_list args;
  va_start(args, format);
  f->verdict = verdict;
  vsnprintf(f->text, sizeof f->text, format, args);
  va_end(args);
}

void sl_finding_refute(sl_finding *f, const sl_problem *p, const sl_witness *w,
                       const char *refuted_by, const char *what) {
  char *r = arf_get_str(w->r, 20), *value = arb_get_str(w->value, 12, 0);
  char at[160] = "";
  for (int i = 0; i < p->def->param_count; i++)
    if (p->ranged >> i & 1) {
      char *v = arb_get_str(w->box + i, 10, ARB_STR_NO_RADIUS);
      snprintf(at + strlen(at), sizeof at - strlen(at), ", %s = %s", p->def->param[i].name, v);
      flint_free(v);
    }
  sl_finding_set(f, SL_REFUTED, "at r = %s%s: %s %s", r, at, what, value);
  f->has_witness = 1;
  f->refuted_by = refuted_by;
  arf_set(f->witness.r, w->r);
  arb_set(f->witness.value, w->value);
  _arb_vec_set(f->witness.box, w->box, SL_FIELD_PARAMETERS);
  flint_free(r);
  flint_free(value);
}
