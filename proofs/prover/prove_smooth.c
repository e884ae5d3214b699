/* P1: f and f' have values on every segment, and agree where segments meet (spec G2.2). */
#include "proofs/prover/prove_parts.h"

#include <stdio.h>

void sl_segment_low(arf_t out, sl_problem *p, int segment) {
  arb_t c;
  arb_init(c);
  sl_exact_ball(c, p->field, p->join[segment], 256);
  arb_get_lbound_arf(out, c, 256);
  if (arf_sgn(out) < 0) arf_zero(out);
  arb_clear(c);
}

void sl_segment_high(arf_t out, sl_problem *p, int segment) {
  if (segment + 1 == p->joins) {
    arf_pos_inf(out);
    return;
  }
  arb_t c;
  arb_init(c);
  sl_exact_ball(c, p->field, p->join[segment + 1], 256);
  arb_get_ubound_arf(out, c, 256);
  arb_clear(c);
}

/* Are f and f' defined for all r >= 2^e, e as small as it can be with 2^e above low? */
static int tail_defined(sl_proof *proof, sl_problem *p, int segment, const arf_t low) {
  const sl_segment *g = &p->segment[segment];
  for (slong e = 1; e <= 64; e += e < 8 ? 1 : 8) {
    if (arf_cmp_2exp_si(low, e) > 0) continue;
    sl_tail_fact w, f;
    sl_tail_fact_init(&w), sl_tail_fact_init(&f);
    sl_tail_examine(&w, p->field, &g->tree, g->w, p->box, e, 256);
    f.defined = 1;
    if (g->f != SL_NO_REF) sl_tail_examine(&f, p->field, &g->tree, g->f, p->box, e, 256);
    const int ok = w.defined && f.defined;
    sl_tail_fact_clear(&w), sl_tail_fact_clear(&f);
    if (ok) {
      proof->tail_defined = (sl_tail_claim){1, SL_GOAL_DEFINED, e};
      return 1;
    }
  }
  return 0;
}

static int undefined_at(sl_proof *proof, sl_problem *p, int segment, const arf_t r) {
  sl_witness w;
  sl_witness_init(&w);
  const int found = sl_search_point(p, segment, SL_GOAL_DEFINED, r, &w);
  if (found)
    sl_finding_refute(&proof->property[0], p, &w, "undefined",
                      p->segment[segment].f == SL_NO_REF ? "f' has no value (division by zero, log or root of what is not positive):"
                                                         : "f has no value (division by zero, log or root of what is not positive):");
  sl_witness_clear(&w);
  return found;
}

/* Boxes close in on a point without a value but need not hit it: try the shortest dyadic numbers within 2^-40 of it. */
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
    ok = tail_defined(proof, p, segment, low);
    arf_set_si_2exp_si(high, 1, ok ? proof->tail_defined.exponent : 40);
    if (!ok) sl_finding_set(f, SL_UNDECIDED, "no expansion of f and f' at infinity shows that they have values there");
  }
  const int tail = ok;
  if (arf_cmp(low, high) < 0 && (ok || f->verdict != SL_REFUTED)) {
    switch (sl_search(p, segment, SL_GOAL_DEFINED, 0, low, high, SL_DEPTH, budget, &proof->claims, &w, stuck)) {
      case SL_SEARCH_HOLDS:
        break;
      case SL_SEARCH_FAILS:
        sl_finding_refute(f, p, &w, "undefined", "no value; enclosure");
        ok = 0;
        break;
      case SL_SEARCH_OPEN:
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

/* Value (of f, or of w) on both sides of join j: 1 equal, -1 certainly different (refuted), 0 open. */
static int sides_agree(sl_proof *proof, sl_problem *p, int j, int weight) {
  const sl_segment *a = &p->segment[j - 1], *b = &p->segment[j];
  const sl_series left = sl_series_root(p->field, &a->tree, weight ? a->w : a->f, p->join[j], 1);
  const sl_series right = sl_series_root(p->field, &b->tree, weight ? b->w : b->f, p->join[j], 1);
  if (left.n && right.n && sl_exact_equal(p->field, left.c[0], right.c[0])) return 1;
  int result = 0;
  arb_ptr point = _arb_vec_init(SL_FIELD_PARAMETERS);
  arb_t x, y, at;
  arb_init(x), arb_init(y), arb_init(at);
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) arb_get_mid_arb(point + i, p->box + i);
  for (slong prec = 128; prec <= 4096 && left.n && right.n; prec *= 4) {
    sl_exact_ball_at(x, p->field, left.c[0], point, prec);
    sl_exact_ball_at(y, p->field, right.c[0], point, prec);
    if (arb_is_finite(x) && arb_is_finite(y) && !arb_overlaps(x, y)) {
      sl_exact_ball_at(at, p->field, p->join[j], point, 128);
      char *r = arb_get_str(at, 20, arb_is_exact(at) ? ARB_STR_NO_RADIUS : 0), *l = arb_get_str(x, 15, 0), *h = arb_get_str(y, 15, 0);
      sl_finding_set(&proof->property[0], SL_REFUTED, "%s at the join r = %s: %s from the left, %s from the right",
                     weight ? "f' jumps" : "f jumps", r, l, h);
      proof->property[0].has_witness = 1;
      proof->property[0].how = weight ? "jump" : "jump-value";
      proof->property[0].join = j;
      _arb_vec_set(proof->property[0].witness.box, point, SL_FIELD_PARAMETERS);
      arb_get_ubound_arf(proof->property[0].witness.r, at, 128);
      arb_set(proof->property[0].witness.value, y);
      flint_free(r), flint_free(l), flint_free(h);
      result = -1;
      break;
    }
  }
  if (!result) {
    sl_exact_ball(at, p->field, p->join[j], 128);
    char *r = arb_get_str(at, 12, 0);
    sl_finding_set(&proof->property[0], SL_UNDECIDED,
                   "at the join r = %s the two sides of %s agree as far as they were computed, but no identity shows that they are equal",
                   r, weight ? "f'" : "f");
    flint_free(r);
  }
  arb_clear(x), arb_clear(y), arb_clear(at);
  _arb_vec_clear(point, SL_FIELD_PARAMETERS);
  return result;
}

/* A join at which the trees of both sides are the same node needs no look. */
static int join_smooth(sl_proof *proof, sl_problem *p, int j) {
  int ok = 1;
  if (p->segment[j].f != SL_NO_REF) ok = sides_agree(proof, p, j, 0);
  return ok == 1 ? sides_agree(proof, p, j, 1) == 1 : 0;
}

void sl_prove_smooth(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  int ok = 1;
  sl_finding *f = &proof->property[0];
  sl_finding_set(f, SL_UNDECIDED, "not reached");
  for (int j = 1; j < p->joins && f->verdict != SL_REFUTED; j++) ok &= join_smooth(proof, p, j);
  for (int i = 0; i < p->joins && f->verdict != SL_REFUTED; i++) ok &= segment_defined(proof, p, i, budget);
  if (ok)
    sl_finding_set(f, SL_PROVED, "%d analytic pieces, equal in %s at their %d joins", p->joins, p->f == SL_NO_REF ? "f'" : "f and f'",
                   p->joins - 1);
}
