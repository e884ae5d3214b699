/* P4: r f' -> 0 as r -> inf (spec G2.2, G4.4). By tail forms of r f', in r or in s = log r, or,
 * where f' -> 0, of -r^2 f'': its exponent is above 0, or it keeps away from 0. Else by the lemma
 * that f' which does not rise and an f that is bounded have it (proofs/coq/Tail.v), by a
 * logarithmic slope below a negative number, or by f' that keeps away from 0. */
#include "prove_product.h"

#include "enclosure.h"
#include "joins.h"
#include "limit.h"
#include "product_tree.h"
#include "prove_tail.h"

enum { FURTHER = 3, FIRST = 1, LAST = 64, FARTHEST = 1000, MOST = 10 };

typedef struct {
  sl_problem *p;
  const sl_budget *budget;
  sl_tree tree[SL_PRODUCTS];
  sl_ref root[SL_PRODUCTS];
} product;

/* What the form of r f' says of r >= 2^e; in s = log r of s >= 2^k with 2^k <= e log 2. */
static int examine(product *x, sl_tail_fact *fact, sl_product kind, slong e) {
  const slong k = kind == SL_PRODUCT_IN_LOG ? sl_log_exponent(e) : e;
  sl_tail_fact_init(fact);
  if (k < 0 || x->tree[kind].failed) return 0;
  sl_tail_examine(fact, x->p->field, &x->tree[kind], x->root[kind], x->p->box, k, 256);
  return fact->defined;
}

static void say_order(sl_finding *f, const sl_tail_fact *fact, sl_product kind) {
  if (kind == SL_PRODUCT_IN_LOG)
    sl_finding_set(f, SL_PROVED, "by the tail form of r f' in log r");
  else if (fact->kind == SL_TAIL_EXPONENTIAL)
    sl_finding_set(f, SL_PROVED, "log f' ~ -c r^%g", fact->order);
  else if (fact->kind == SL_TAIL_POLYNOMIAL)
    sl_finding_set(f, SL_PROVED, "f' ~ c r^-%g", fact->order + 1); /* and as -r^2 f'' does */
  else
    sl_finding_set(f, SL_PROVED, "by the tail form of r f'");
}

/* A larger e may also name the order of the tail. */
static int vanishes(sl_proof *proof, product *x, sl_product kind) {
  static const sl_tail_means means[SL_PRODUCTS] = {SL_TAIL_BY_FORM, SL_TAIL_BY_SLOPE_FORM,
                                                   SL_TAIL_BY_LOG_FORM};
  int found = 0, named = 0;
  for (slong e = FIRST; e <= LAST && !named && !sl_time_over(x->budget); e += e < 8 ? 1 : 8) {
    sl_tail_fact fact, further;
    const int ok = examine(x, &fact, kind, e) && fact.limit_zero;
    named = ok && (kind == SL_PRODUCT_IN_LOG || fact.kind != SL_TAIL_UNKNOWN);
    if (ok && (!found || named)) {
      const int again = examine(x, &further, kind, e + FURTHER) && further.limit_zero;
      sl_tail_fact_clear(&further);
      proof->tail_product = (sl_tail_claim){means[kind], again ? e + FURTHER : e};
      say_order(&proof->property[3], &fact, kind);
      proof->property[3].uniform = found = 1;
    }
    sl_tail_fact_clear(&fact);
  }
  return found;
}

/* r f' >= c, or <= -c, for r >= 2^e: c is a 64th less than what was found, and
 * e further out, so that other arithmetic decides too. */
static void refute(sl_proof *proof, sl_problem *p, int sign, const arf_t least, slong e,
                   const arb_t limit) {
  sl_finding *f = &proof->property[3];
  arf_t c;
  arf_init(c);
  arf_mul_ui(c, least, 63, 10, ARF_RND_DOWN);
  arf_mul_2exp_si(c, c, -6);
  if (arf_cmpabs_2exp_si(c, MOST) > 0) arf_set_si_2exp_si(c, 1, MOST);
  if (sign < 0) arf_neg(c, c);
  arf_set_si_2exp_si(f->witness.r, 1, e);
  arb_set_arf(f->witness.value, c);
  sl_witness_middle(&f->witness, p->ranged);
  char *text = arf_get_str(c, 12), *to = arb_get_str(limit, 8, 0);
  if (arb_is_finite(limit) && arb_rel_accuracy_bits(limit) > 20) /* a wave has none */
    sl_finding_set(f, SL_REFUTED, "r f' %s %s for all r >= 2^%ld; r f' -> %s",
                   sign > 0 ? ">=" : "<=", text, (long)e, to);
  else
    sl_finding_set(f, SL_REFUTED, "r f' %s %s for all r >= 2^%ld", sign > 0 ? ">=" : "<=", text,
                   (long)e);
  sl_finding_convict(f, p, sign > 0 ? "above" : "below");
  f->join = (int)e;
  f->has_witness = 0;
  flint_free(text), flint_free(to);
  arf_clear(c);
}

/* Is |r f'|, where it has a limit, within a 32nd of it at 2^e? */
static int is_near_limit(const sl_tail_fact *fact) {
  if (!fact->limit_nonzero) return 1;
  arf_t limit, share;
  arf_init(limit), arf_init(share);
  arb_get_abs_lbound_arf(limit, fact->limit, 64);
  arf_mul_ui(limit, limit, 31, 64, ARF_RND_DOWN);
  arf_mul_2exp_si(share, fact->least, 5);
  const int near = arf_cmp(share, limit) >= 0;
  arf_clear(limit), arf_clear(share);
  return near;
}

static int keeps_away(sl_proof *proof, product *x, sl_product kind, slong first) {
  for (slong e = first; e <= FARTHEST && !sl_time_over(x->budget); e += e < first + 16 ? 1
                                                                        : e < LAST     ? 8
                                                                                       : e / 2) {
    sl_tail_fact fact;
    const int ok = examine(x, &fact, kind, e) && fact.sign && arf_sgn(fact.least) > 0 &&
                   (is_near_limit(&fact) || e > LAST);
    if (ok) refute(proof, x->p, fact.sign, fact.least, e + FURTHER, fact.limit);
    sl_tail_fact_clear(&fact);
    if (ok) return 1;
  }
  return 0;
}

/* The span of a node of s over r >= 2^e, or the variable that stands there, and of its logarithmic
 * slope if asked for; 0 where it may lack a value or jump. */
static int far_span(sl_problem *p, const sl_segment *s, sl_ref ref, slong e, sl_span *out,
                    sl_span *relative) {
  sl_enclosure x;
  sl_span r;
  arf_t low, high;
  arf_init(low), arf_init(high);
  sl_span_init(&r);
  arf_set_si_2exp_si(low, 1, e), arf_pos_inf(high);
  sl_span_ends(&r, low, high, 0);
  sl_enclosure_init(&x, p, s, ref, SL_NO_REF);
  x.signs = NULL, x.inner = SL_NO_REF;
  sl_enclose(&x, &r, p->box, 256);
  const int ok = x.node[ref].ok;
  if (ok) sl_span_set(out, &x.node[ref].v);
  if (ok && relative) sl_span_set(relative, &x.node[ref].l);
  sl_enclosure_clear(&x);
  sl_span_clear(&r);
  arf_clear(low), arf_clear(high);
  return ok;
}

/* f' keeps away from 0: r f' is then at least 2^e times that. */
static int weight_keeps_away(sl_proof *proof, sl_problem *p, slong first, const sl_budget *budget) {
  const sl_segment *last = &p->segment[p->joins - 1];
  sl_span w;
  arf_t least;
  arb_t none;
  int done = 0;
  sl_span_init(&w);
  arf_init(least);
  arb_init(none);
  arb_indeterminate(none);
  for (slong e = first; e <= first + LAST && e <= FARTHEST && !done && !sl_time_over(budget); e++) {
    if (!far_span(p, last, last->w, e, &w, NULL)) continue;
    const int sign = arf_sgn(&w.low) > 0 ? 1 : arf_sgn(&w.high) < 0 ? -1 : 0;
    if (!sign) continue;
    arf_abs(least, sign > 0 ? &w.low : &w.high);
    if (!arf_is_finite(least)) continue;
    arf_mul_2exp_si(least, least, e);
    refute(proof, p, sign, least, e + 1, none);
    done = 1;
  }
  sl_span_clear(&w);
  arf_clear(least);
  arb_clear(none);
  return done;
}

static int value_is_bounded(sl_problem *p, slong e) {
  const sl_segment *last = &p->segment[p->joins - 1];
  sl_span f;
  sl_span_init(&f);
  const int bounded =
      far_span(p, last, last->f, e, &f, NULL) &&
      (sl_span_bounded(&f) ||
       sl_limit_at_infinity(p->field, &last->tree, last->f).kind == SL_LIMIT_FINITE);
  sl_span_clear(&f);
  return bounded;
}

/* f' does not rise for r >= 2^e, shown by a box without an end, and f is bounded there. */
static int by_lemma(sl_proof *proof, sl_problem *p, slong first, sl_budget *budget) {
  enum { TRIALS = 24 };
  if (p->f == SL_NO_REF) return 0;
  for (slong e = first; e < first + TRIALS && e <= FARTHEST && !sl_time_over(budget); e++) {
    if (!value_is_bounded(p, e) || !sl_tail_box(proof, p, p->joins - 1, SL_GOAL_FALLS, e, budget))
      continue;
    proof->tail_product = (sl_tail_claim){SL_TAIL_BY_LEMMA, e};
    sl_finding_set(&proof->property[3], SL_PROVED,
                   "f' does not rise for r >= 2^%ld, and f is bounded", (long)e);
    return 1;
  }
  return 0;
}

/* g keeps a sign and g'/g <= -c < 0 from R on: |g| <= |g(R)| exp(-c (r - R)). */
static int decays(sl_proof *proof, sl_problem *p, const sl_segment *s, sl_ref g, slong e) {
  sl_span v, relative;
  sl_span_init(&v), sl_span_init(&relative);
  const int ok =
      far_span(p, s, g, e, &v, &relative) && sl_span_sign(&v) && arf_sgn(&relative.high) < 0;
  if (ok) proof->property[3].uniform = sl_span_bounded(&v);
  sl_span_clear(&v), sl_span_clear(&relative);
  return ok;
}

/* f' decays in r, or r f' in s = log r. */
static int by_decay(sl_proof *proof, product *x, slong first) {
  enum { TRIALS = 12, LOGS = 8 };
  sl_problem *p = x->p;
  const sl_segment *last = &p->segment[p->joins - 1],
                   in_log = {.tree = x->tree[SL_PRODUCT_IN_LOG], .inner = SL_NO_REF};
  for (slong e = first; e < first + TRIALS && e <= FARTHEST && !sl_time_over(x->budget); e++) {
    if (!decays(proof, p, last, last->w, e)) continue;
    proof->tail_product = (sl_tail_claim){SL_TAIL_BY_DECAY, e + 1};
    sl_finding_set(&proof->property[3], SL_PROVED,
                   "f' decays exponentially at least from r = 2^%ld on", (long)e);
    return 1;
  }
  for (slong k = 0; k < LOGS && !in_log.tree.failed && !sl_time_over(x->budget); k++) {
    const slong e = 2L << k; /* at least (2^k)/log 2 */
    if (e < first || !decays(proof, p, &in_log, x->root[SL_PRODUCT_IN_LOG], k)) continue;
    proof->tail_product = (sl_tail_claim){SL_TAIL_BY_LOG_DECAY, 2 * e};
    sl_finding_set(&proof->property[3], SL_PROVED,
                   "r f' decays as a power of r at least from r = 2^%ld on", (long)e);
    return 1;
  }
  return 0;
}

/* The least exponent e with 2^e no less than the last join, for all values of the parameters; above
 * FARTHEST where there is none that can be claimed. */
static slong first_exponent(sl_problem *p) {
  arb_t join;
  arf_t last;
  arb_init(join);
  arf_init(last);
  sl_exact_ball(join, p->field, p->join[p->joins - 1], 256);
  arb_get_ubound_arf(last, join, 256);
  slong e = FIRST;
  while (e <= FARTHEST && !(arf_cmp_2exp_si(last, e) <= 0)) e++;
  arb_clear(join);
  arf_clear(last);
  return e;
}

/* Has f' values for r >= 2^e? Its slope does not tell: that of 0*log(r - 9) is 0. */
static int weight_has_values(sl_problem *p, slong e) {
  const sl_segment *last = &p->segment[p->joins - 1];
  sl_tail_fact fact;
  sl_span w;
  sl_tail_fact_init(&fact);
  sl_span_init(&w);
  sl_tail_examine(&fact, p->field, &last->tree, last->w, p->box, e, 256);
  const int ok = fact.defined || far_span(p, last, last->w, e, &w, NULL);
  sl_tail_fact_clear(&fact);
  sl_span_clear(&w);
  return ok;
}

/* Where P4w shows that f' -> 0. */
static int by_slope(sl_proof *proof, product *x, slong first) {
  if (proof->property[SL_P4W].verdict != SL_PROVED) return 0;
  if (proof->tail_limit.means == SL_TAIL_BY_FORM && first < proof->tail_limit.exponent)
    first = proof->tail_limit.exponent;
  if (vanishes(proof, x, SL_PRODUCT_BY_SLOPE)) return 1;
  while (first <= FARTHEST && !weight_has_values(x->p, first)) first += first < LAST ? 1 : LAST;
  return keeps_away(proof, x, SL_PRODUCT_BY_SLOPE, first);
}

static void product_init(product *x, sl_problem *p, sl_ref w, const sl_budget *budget) {
  x->p = p, x->budget = budget;
  for (int k = 0; k < SL_PRODUCTS; k++) {
    sl_tree_init(&x->tree[k]);
    x->root[k] = sl_product_tree(&x->tree[k], &p->segment[p->joins - 1].tree, w, (sl_product)k);
  }
}
static void product_clear(product *x) {
  for (int k = 0; k < SL_PRODUCTS; k++) sl_tree_clear(&x->tree[k]);
}

static int by_weight(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  const slong first = first_exponent(p);
  product x;
  product_init(&x, p, p->segment[p->joins - 1].w, budget);
  const int done = vanishes(proof, &x, SL_PRODUCT_IN_R) ||
                   keeps_away(proof, &x, SL_PRODUCT_IN_R, first) || by_slope(proof, &x, first) ||
                   by_lemma(proof, p, first, budget) || vanishes(proof, &x, SL_PRODUCT_IN_LOG) ||
                   keeps_away(proof, &x, SL_PRODUCT_IN_LOG, first) || by_decay(proof, &x, first) ||
                   weight_keeps_away(proof, p, first, budget);
  product_clear(&x);
  return done;
}

/* Normal forms prove, where P1 says that f' has values; what refutes is looked at in the gate as it
 * was written. */
static int by_normal_form(sl_proof *proof, sl_problem *p, const sl_budget *budget) {
  sl_segment *last = &p->segment[p->joins - 1];
  if (last->form[SL_FORM_WEIGHT] == SL_NO_REF || proof->property[0].verdict != SL_PROVED) return 0;
  product x;
  product_init(&x, p, last->form[SL_FORM_WEIGHT], budget);
  const int done =
      vanishes(proof, &x, SL_PRODUCT_IN_R) ||
      (proof->property[SL_P4W].verdict == SL_PROVED && vanishes(proof, &x, SL_PRODUCT_BY_SLOPE)) ||
      vanishes(proof, &x, SL_PRODUCT_IN_LOG);
  product_clear(&x);
  last->form_used[SL_FORM_WEIGHT] |= done;
  return done;
}

/* The order of the tail, for the report, where terms of f' cancel that its normal form does not
 * have. */
static void name_tail(sl_proof *proof, sl_problem *p, const sl_budget *budget) {
  const sl_segment *last = &p->segment[p->joins - 1];
  const sl_ref form = last->form[SL_FORM_WEIGHT];
  if (form == SL_NO_REF || proof->property[0].verdict != SL_PROVED) return;
  for (slong e = FIRST; e <= LAST && proof->tail.kind == SL_TAIL_UNKNOWN && !sl_time_over(budget);
       e += 9) {
    sl_tail_fact fact;
    sl_tail_fact_init(&fact);
    sl_tail_examine(&fact, p->field, &last->tree, form, p->box, e, 256);
    if (fact.defined) proof->tail.kind = fact.kind, proof->tail.order = fact.order;
    sl_tail_fact_clear(&fact);
  }
}

void sl_prove_product(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  sl_finding *weak = &proof->property[SL_P4W];
  if (!by_weight(proof, p, budget) && !by_normal_form(proof, p, budget))
    sl_finding_set(&proof->property[3], SL_UNDECIDED,
                   p->f == SL_NO_REF
                       ? "no expansion of r f' at infinity, and no f that could be bounded"
                       : "no expansion of r f' at infinity; f' and f are not shown to fall and to "
                         "be bounded there");
  name_tail(proof, p, budget);
  if (proof->property[3].verdict == SL_PROVED && weak->verdict != SL_PROVED)
    sl_finding_set(weak, SL_PROVED, "as r f' -> 0");
}
