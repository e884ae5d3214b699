/* P4w: the limit of f' (spec G2.2), by the limits of its parts or by tail forms. */
#include "prove_limit.h"

#include "limit.h"

static void say_limit(sl_finding *f, const sl_problem *p, const sl_tail_fact *fact) {
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
  if (f->verdict == SL_REFUTED) {
    sl_finding_convict(f, p, "limit");
    f->has_witness = 0;
  }
  flint_free(limit);
}

static int limit_known(const sl_tail_fact *fact) {
  return fact->limit_zero || fact->limit_nonzero || fact->unbounded;
}

static void examine_limit(sl_tail_fact *fact, sl_problem *p, sl_ref w, slong e) {
  const sl_segment *last = &p->segment[p->joins - 1];
  sl_tail_fact_init(fact);
  sl_tail_examine(fact, p->field, &last->tree, w, p->box, e, 256);
}

/* By the limits of the parts alone: fills what they tell. */
static int limit_of_parts(sl_tail_fact *fact, sl_problem *p, sl_ref ref) {
  const sl_segment *last = &p->segment[p->joins - 1];
  const sl_limit w = sl_limit_at_infinity(p->field, &last->tree, ref);
  sl_tail_fact_init(fact);
  if (w.kind == SL_LIMIT_FINITE) {
    fact->limit_zero = sl_exact_is_zero(w.value);
    fact->limit_nonzero = sl_exact_sign(p->field, w.value) != 0;
    if (fact->limit_zero || fact->limit_nonzero) sl_exact_ball(fact->limit, p->field, w.value, 256);
  }
  fact->unbounded = w.kind == SL_LIMIT_UP || w.kind == SL_LIMIT_DOWN;
  return limit_known(fact);
}

static void keep_tail(sl_proof *proof, const sl_tail_fact *fact) {
  proof->tail.kind = fact->kind, proof->tail.order = fact->order;
  proof->tail.limit_zero = fact->limit_zero, proof->tail.limit_nonzero = fact->limit_nonzero,
  proof->tail.unbounded = fact->unbounded;
  arb_set(proof->tail.limit, fact->limit);
}

/* From the last segment's weight or its normal form; a larger R may also name the order of the
 * tail. The certificate takes R a little further out than need be, where the checker's wider
 * intervals decide too. */
static int limit_of(sl_proof *proof, sl_problem *p, sl_ref w, const sl_budget *budget) {
  enum { FURTHER = 3 };
  sl_tail_fact fact, further;
  sl_finding *f = &proof->property[SL_P4W];
  const int by_parts = limit_of_parts(&fact, p, w);
  int known = by_parts, named = 0;
  if (known) {
    say_limit(f, p, &fact);
    keep_tail(proof, &fact);
    proof->tail_limit = (sl_tail_claim){SL_TAIL_BY_LIMIT, 0};
  }
  sl_tail_fact_clear(&fact);
  for (slong e = 1; e <= 64 && !named && !sl_time_over(budget); e += e < 8 ? 1 : 8) {
    examine_limit(&fact, p, w, e);
    const int done = limit_known(&fact);
    named = done && fact.kind != SL_TAIL_UNKNOWN;
    if (done && (!known || named)) {
      examine_limit(&further, p, w, e + FURTHER);
      say_limit(f, p, &fact);
      keep_tail(proof, &fact);
      if (!by_parts) proof->tail_limit.means = SL_TAIL_BY_FORM;
      proof->tail_limit.exponent = limit_known(&further) ? e + FURTHER : e;
      sl_tail_fact_clear(&further);
      known = 1;
    }
    sl_tail_fact_clear(&fact);
  }
  return known;
}

/* Normal forms prove, where P1 says that f' has values; what refutes is looked at in the gate as it
 * was written. */
static int normal_form_vanishes(sl_problem *p, sl_ref form, const sl_budget *budget) {
  sl_tail_fact fact;
  int zero = limit_of_parts(&fact, p, form) && fact.limit_zero;
  sl_tail_fact_clear(&fact);
  for (slong e = 1; e <= 64 && !zero && !sl_time_over(budget); e += 7) {
    examine_limit(&fact, p, form, e);
    zero = fact.limit_zero;
    sl_tail_fact_clear(&fact);
  }
  return zero;
}

void sl_prove_limit(sl_proof *proof, sl_problem *p, const sl_budget *budget) {
  sl_segment *last = &p->segment[p->joins - 1];
  const sl_ref form = last->form[SL_FORM_WEIGHT];
  sl_finding_set(&proof->property[SL_P4W], SL_UNDECIDED,
                 "no expansion of f' at infinity: a wave with a pole, or terms that cancel, or a "
                 "part that may have no value");
  if (limit_of(proof, p, last->w, budget) || form == SL_NO_REF ||
      proof->property[0].verdict != SL_PROVED || !normal_form_vanishes(p, form, budget))
    return;
  last->form_used[SL_FORM_WEIGHT] = limit_of(proof, p, form, budget);
}
