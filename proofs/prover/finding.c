/* Findings (see finding.h). */
#include "finding.h"

#include "place.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sl_finding_init(sl_finding *f) {
  memset(f, 0, sizeof *f);
  f->verdict = SL_UNDECIDED;
  sl_witness_init(&f->witness);
}
void sl_finding_clear(sl_finding *f) { sl_witness_clear(&f->witness); }

void sl_finding_copy(sl_finding *to, const sl_finding *from) {
  to->verdict = from->verdict;
  memcpy(to->text, from->text, sizeof to->text);
  to->has_witness = from->has_witness, to->has_candidate = from->has_candidate;
  to->refuted_by = from->refuted_by, to->join = from->join, to->strict = from->strict;
  to->uniform = from->uniform, to->path = from->path;
  memcpy(to->at, from->at, sizeof to->at);
  arf_set(to->witness.r, from->witness.r);
  arb_set(to->witness.value, from->witness.value);
  _arb_vec_set(to->witness.box, from->witness.box, SL_FIELD_PARAMETERS);
}

void sl_finding_set(sl_finding *f, sl_verdict verdict, const char *format, ...) {
  va_list args;
  va_start(args, format);
  f->verdict = verdict;
  vsnprintf(f->text, sizeof f->text, format, args);
  va_end(args);
}

void sl_finding_out_of_time(sl_finding *f) {
  static const char more[] = "; the processor time is used up (--seconds)";
  const size_t used = strlen(f->text);
  if (f->verdict == SL_UNDECIDED && used + sizeof more <= sizeof f->text && !strstr(f->text, more))
    memcpy(f->text + used, more, sizeof more);
}

/* Over a range what refutes is no fact yet: a point of the range has to show it. */
static void say_candidate(sl_finding *f) {
  static const char front[] = "a refutation that no value of the range confirmed: ";
  const size_t used = sizeof front - 1, kept = sizeof f->text - 1 - used;
  memmove(f->text + used, f->text, kept);
  memcpy(f->text, front, used);
  f->text[sizeof f->text - 1] = '\0';
}

void sl_finding_convict(sl_finding *f, const sl_problem *p, const char *refuted_by) {
  f->refuted_by = refuted_by;
  f->has_witness = !p->ranged;
  f->has_candidate = p->ranged != 0;
  f->verdict = p->ranged ? SL_UNDECIDED : SL_REFUTED;
  const int by_log = p->powers_by_log && strcmp(refuted_by, "undefined") == 0;
  if (p->ranged && !by_log) say_candidate(f);
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) f->at[i] = p->cell.low[i];
  if (by_log && !p->ranged) {
    sl_finding_set(f, SL_UNDECIDED,
                   "a power whose exponent is a quotient of numbers above 2^31 has no exact value "
                   "where its base is 0");
    f->has_witness = 0;
  }
}

void sl_finding_refute(sl_finding *f, const sl_problem *p, const sl_witness *w,
                       const char *refuted_by, const char *what) {
  char r[SL_PLACE_TEXT], *value = arb_get_str(w->value, 12, 0);
  const int asks = what[strlen(what) - 1] == '='; /* "f' =" has a number after it */
  sl_place_point(r, w->r);
  sl_finding_set(f, SL_REFUTED, "at r = %s: %s%s%s", r, what, asks ? " " : "",
                 !asks                     ? ""
                 : arb_is_finite(w->value) ? value
                                           : "a number too large to print");
  f->join = 0; /* the point refutes; of one at a join the caller says so */
  arf_set(f->witness.r, w->r);
  arb_set(f->witness.value, w->value);
  _arb_vec_set(f->witness.box, w->box, SL_FIELD_PARAMETERS);
  sl_finding_convict(f, p, refuted_by);
  flint_free(value);
}
