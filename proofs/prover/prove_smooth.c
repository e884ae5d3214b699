/* P1: f and f' have values on every segment, and agree where segments meet (spec G2.2). */
#include "prove_smooth.h"

#include "beside.h"
#include "enclosure.h"
#include "joins.h"
#include "place.h"
#include "prove_tail.h"

#include <stdio.h>

static int undefined_at(sl_proof *proof, sl_problem *p, int segment, const arf_t r) {
  sl_witness w;
  sl_witness_init(&w);
  const int found = sl_search_point(p, segment, SL_GOAL_DEFINED, r, &w);
  if (found)
    sl_finding_refute(
        &proof->property[0], p, &w, "undefined",
        p->segment[segment].f == SL_NO_REF
            ? "f' has no value (division by zero, log or root of what is not positive)"
            : "f has no value (division by zero, log or root of what is not positive)");
  sl_witness_clear(&w);
  return found;
}

/* Boxes close in on a point without a value but need not hit it: try the shortest dyadic numbers
 * within 2^-40 of it. */
static int undefined_near(sl_proof *proof, sl_problem *p, int segment, const arf_t stuck) {
  arf_t r, gap;
  int found = 0;
  arf_init(r), arf_init(gap);
  for (slong bits = 1; bits <= 32 && !found; bits++) {
    arf_set_round(r, stuck, bits, ARF_RND_NEAR);
    arf_sub(gap, r, stuck, ARF_PREC_EXACT, ARF_RND_DOWN);
    if (arf_cmpabs_2exp_si(gap, -40) < 0) found = undefined_at(proof, p, segment, r);
  }
  arf_clear(r), arf_clear(gap);
  return found;
}

/* 1 defined on all of the segment; 0 refuted or open, said in the finding. */
static int segment_defined(sl_proof *proof, sl_problem *p, int segment, sl_budget *budget) {
  sl_finding *f = &proof->property[0];
  arf_t low, high, stuck;
  sl_witness w;
  arf_init(low), arf_init(high), arf_init(stuck);
  sl_witness_init(&w);
  sl_segment_low(low, p, segment);
  sl_segment_high(high, p, segment);
  int ok = !undefined_at(proof, p, segment, low);
  if (ok && arf_is_inf(high)) {
    ok = sl_tail_from(proof, p, segment, SL_GOAL_DEFINED, low, &proof->tail_defined, high, budget);
    if (!ok)
      sl_finding_set(f, SL_UNDECIDED,
                     "no expansion of f and f' at infinity shows that they have values there");
  }
  const int tail = ok;
  if (arf_cmp(low, high) < 0 && (ok || f->verdict != SL_REFUTED)) {
    switch (sl_search(p, segment, SL_GOAL_DEFINED, 0, low, high, SL_DEPTH, budget, &proof->claims,
                      &w, stuck)) {
      case SL_SEARCH_HOLDS:
        break;
      case SL_SEARCH_FAILS:
        sl_finding_refute(f, p, &w, "undefined", "no value");
        ok = 0;
        break;
      default:
        if (undefined_near(proof, p, segment, stuck)) {
          ok = 0;
          break;
        }
        if (tail) {
          char *at = arf_get_str(stuck, 12);
          sl_finding_set(f, SL_UNDECIDED, "f' could not be enclosed next to r = %s", at);
          flint_free(at);
        }
        ok = 0;
    }
  }
  arf_clear(low), arf_clear(high), arf_clear(stuck);
  sl_witness_clear(&w);
  return ok;
}

static const char *approach_name(sl_approach from) {
  return from == SL_AT_JOIN ? "at it" : from == SL_FROM_LEFT ? "from the left" : "from the right";
}

/* The two values are certainly different: said in the finding. */
static void refute_join(sl_finding *f, sl_problem *p, int j, int weight, const arb_t x,
                        sl_approach a, const arb_t y, sl_approach b) {
  char r[SL_PLACE_TEXT], *l = arb_get_str(x, 15, 0), *h = arb_get_str(y, 15, 0);
  sl_place_join(r, p, j);
  if (weight && p->f != SL_NO_REF && a == SL_AT_JOIN)
    sl_finding_set(
        f, SL_REFUTED,
        "at the join r = %s the rules give f' = %s, and so a run computes, though both "
        "sides tend to %s: let one piece have the join, as in A if r <= ... | B otherwise",
        r, l, h);
  else
    sl_finding_set(f, SL_REFUTED, "%s at the join r = %s: %s %s, %s %s%s",
                   weight ? "f' jumps" : "f jumps", r, l, approach_name(a), h, approach_name(b),
                   sl_join_is_approached(p, j, a) && sl_join_is_approached(p, j, b)
                       ? ""
                       : ", with no values known beside it");
  f->join = j;
  sl_witness_middle(&f->witness, p->ranged);
  sl_join_rounded(f->witness.r, p, j);
  arb_set(f->witness.value, y);
  sl_finding_convict(f, p, weight ? "jump" : "jump-value");
  flint_free(l), flint_free(h);
}

/* f or w at join j by two approaches: 1 equal, -1 certainly different (refuted), 0 open. */
static int values_agree(sl_proof *proof, sl_problem *p, int j, int weight, sl_approach a,
                        sl_approach b) {
  sl_finding *f = &proof->property[0];
  if (sl_join_same(p, j, weight, a, b) && sl_join_known(p, j, weight, a) &&
      sl_join_known(p, j, weight, b))
    return 1;
  const sl_exact left = sl_join_value(p, j, weight, a), right = sl_join_value(p, j, weight, b);
  const int result = sl_exact_sign(p->field, sl_exact_sub(p->field, left, right)) ? -1 : 0;
  arb_t x, y;
  arb_init(x), arb_init(y);
  if (result) {
    sl_exact_ball(x, p->field, left, 256);
    sl_exact_ball(y, p->field, right, 256);
    refute_join(f, p, j, weight, x, a, y, b);
  } else {
    char r[SL_PLACE_TEXT];
    sl_place_join(r, p, j);
    sl_finding_set(f, SL_UNDECIDED,
                   "at the join r = %s the values of %s %s and %s agree as far as they were "
                   "computed, but no identity shows that they are equal",
                   r, weight ? "f'" : "f", approach_name(a), approach_name(b));
  }
  arb_clear(x), arb_clear(y);
  return result;
}

static const char *why_undefined(const sl_problem *p, int j, int is_slope) {
  if (is_slope)
    return "the rules give f' no value at the join itself, though it may have a limit there: let "
           "one "
           "piece have the join, as in A if r <= ... | B otherwise";
  if (!p->powers_by_log) return "no value at the join itself";
  return j == 0
             ? "no value at the join itself; with a range in its exponent a power has none at 0: "
               "write it as 0 if r <= 0 | ..., if it is 0 there"
             : "no value at the join itself; with a range in its exponent a power has none where "
               "its base is 0: give it a piece of its own there";
}

/* Has f, or w, certainly no value at the join itself? Then P1 is refuted. */
static int undefined_at_join(sl_proof *proof, sl_problem *p, int j, int weight) {
  const sl_segment *g = &p->at[j];
  const sl_ref root = weight ? g->w : g->f;
  sl_witness w;
  sl_span r;
  sl_enclosure e;
  sl_witness_init(&w);
  sl_span_init(&r);
  int undefined = 0;
  if (sl_join_is_dyadic(p, j, w.r)) {
    sl_span_ends(&r, w.r, w.r, 0);
    sl_enclosure_init(&e, p, g, root, SL_NO_REF);
    sl_enclose(&e, &r, p->box, 256);
    undefined = e.node[root].undefined;
    sl_enclosure_clear(&e);
  }
  if (undefined) {
    arb_indeterminate(w.value);
    sl_witness_middle(&w, p->ranged);
    sl_finding_refute(&proof->property[0], p, &w, "undefined",
                      why_undefined(p, j, weight && g->f != SL_NO_REF));
    proof->no_halves = p->powers_by_log;
  }
  sl_witness_clear(&w);
  sl_span_clear(&r);
  return undefined;
}

/* f' at a join other than 0: its sides tend to one number, and the rules of the derivative, by
 * which a run computes it, give that number at the join too. Then f has that slope there. */
static int slope_smooth(sl_proof *proof, sl_problem *p, int j) {
  return values_agree(proof, p, j, 1, SL_FROM_LEFT, SL_FROM_RIGHT) == 1 &&
         !undefined_at_join(proof, p, j, 1) &&
         values_agree(proof, p, j, 1, SL_AT_JOIN, SL_FROM_RIGHT) == 1;
}

/* f (of a weight gate: w) at the join itself is what its sides tend to, and so is f'. Join 0 is r =
 * 0, which has one side. */
static int join_smooth(sl_proof *proof, sl_problem *p, int j) {
  const int weight = p->segment[j].f == SL_NO_REF;
  int ok = !undefined_at_join(proof, p, j, weight) &&
           values_agree(proof, p, j, weight, SL_AT_JOIN, SL_FROM_RIGHT) == 1;
  if (ok && j) ok = values_agree(proof, p, j, weight, SL_FROM_LEFT, SL_FROM_RIGHT) == 1;
  if (ok && j && !weight) ok = slope_smooth(proof, p, j);
  if (ok && !j && !weight && !sl_join_known(p, 0, 1, SL_FROM_RIGHT)) {
    sl_finding_set(&proof->property[0], SL_UNDECIDED, "f' is not shown to have a limit at r = 0");
    ok = 0;
  }
  return ok;
}

void sl_prove_smooth(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  int ok = 1;
  sl_finding *f = &proof->property[0];
  sl_finding_set(f, SL_UNDECIDED, "not reached");
  proof->open_segment = -1;
  for (int j = 0; j < p->joins && f->verdict != SL_REFUTED && !f->has_candidate; j++)
    ok &= join_smooth(proof, p, j);
  for (int i = 0; i < p->joins && f->verdict != SL_REFUTED && !f->has_candidate; i++)
    if (!segment_defined(proof, p, i, budget)) ok = 0, proof->open_segment = i;
  if (ok)
    sl_finding_set(f, SL_PROVED, "%d analytic pieces, equal in %s at their %d joins", p->joins,
                   p->f == SL_NO_REF ? "f'" : "f and f'", p->joins - 1);
}
