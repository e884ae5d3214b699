/* P1 to P4 (spec G2.2): exact series at r = 0, 1, the joins and infinity; boxes in between; tail
 * forms beyond. */
#include "prove.h"

#include "prove_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

void sl_finding_refute(sl_finding *f, const sl_problem *p, const sl_witness *w, const char *how,
                       const char *what) {
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
  f->how = how;
  arf_set(f->witness.r, w->r);
  arb_set(f->witness.value, w->value);
  _arb_vec_set(f->witness.box, w->box, SL_FIELD_PARAMETERS);
  flint_free(r);
  flint_free(value);
}

void sl_proof_init(sl_proof *proof) {
  memset(proof, 0, sizeof *proof);
  for (int i = 0; i < 4; i++) sl_finding_init(&proof->property[i]);
  sl_claims_init(&proof->claims);
  sl_tail_fact_init(&proof->tail);
}
void sl_proof_clear(sl_proof *proof) {
  for (int i = 0; i < 4; i++) sl_finding_clear(&proof->property[i]);
  sl_claims_clear(&proof->claims);
  sl_tail_fact_clear(&proof->tail);
}

static void say_limit(sl_finding *f, const sl_tail_fact *fact) {
  char *limit = arb_get_str(fact->limit, 12, 0);
  if (fact->limit_zero && fact->kind == SL_TAIL_EXPONENTIAL)
    sl_finding_set(f, SL_PROVED, "log f' ~ -c r^%g", fact->order);
  else if (fact->limit_zero && fact->kind == SL_TAIL_POLYNOMIAL && fact->order > 0)
    sl_finding_set(f, SL_PROVED, "f' ~ c r^-%g", fact->order);
  else if (fact->limit_zero)
    sl_finding_set(f, SL_PROVED, "f' -> 0");
  else if (fact->limit_nonzero)
    sl_finding_set(f, SL_REFUTED, "as r -> inf, f' -> %s", limit);
  else
    sl_finding_set(f, SL_REFUTED, "as r -> inf, |f'| -> inf");
  if (f->verdict == SL_REFUTED) f->how = "limit";
  flint_free(limit);
}

static int limit_known(const sl_tail_fact *fact) {
  return fact->limit_zero || fact->limit_nonzero || fact->unbounded;
}

static void examine_limit(sl_tail_fact *fact, sl_problem *p, slong e) {
  const sl_segment *last = &p->segment[p->joins - 1];
  sl_tail_fact_init(fact);
  sl_tail_examine(fact, p->field, &last->tree, last->w, p->box, e, 256);
}

/* P4 from the last segment; a larger R may also name the order of the tail. The certificate takes R
 * a little further out than need be, where the checker's wider intervals decide too. */
static void prove_limit(sl_proof *proof, sl_problem *p) {
  enum { FURTHER = 3 };
  int known = 0;
  sl_finding_set(
      &proof->property[3], SL_UNDECIDED,
      "no expansion of f' at infinity: a logarithm of r, a wave with a pole, or terms that cancel");
  for (slong e = 1; e <= 64; e += e < 8 ? 1 : 8) {
    sl_tail_fact fact, further;
    examine_limit(&fact, p, e);
    const int done = limit_known(&fact), named = done && fact.kind != SL_TAIL_UNKNOWN;
    if (done && (!known || named)) {
      examine_limit(&further, p, e + FURTHER);
      say_limit(&proof->property[3], &fact);
      proof->tail.kind = fact.kind, proof->tail.order = fact.order;
      proof->tail.limit_zero = fact.limit_zero, proof->tail.limit_nonzero = fact.limit_nonzero,
      proof->tail.unbounded = fact.unbounded;
      arb_set(proof->tail.limit, fact.limit);
      proof->tail_limit =
          (sl_tail_claim){1, SL_GOAL_DEFINED, limit_known(&further) ? e + FURTHER : e};
      sl_tail_fact_clear(&further);
      known = 1;
    }
    sl_tail_fact_clear(&fact);
    if (named) return;
  }
}

void sl_prove(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  const double start = sl_clock_s();
  const long boxes = budget->boxes;
  sl_prove_smooth(proof, p, budget);
  prove_limit(proof, p);
  sl_prove_monotone(proof, p, budget);
  sl_prove_maximum(proof, p, budget);
  proof->boxes = budget->boxes - boxes;
  proof->seconds = sl_clock_s() - start;
}
