/* P4: the limit of f' (spec G2.2), by tail forms. */
#include "prove_limit.h"

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
  if (f->verdict == SL_REFUTED) f->refuted_by = "limit";
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
void sl_prove_limit(sl_proof *proof, sl_problem *p) {
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
