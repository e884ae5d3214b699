/* The report for people. */
#include "verify_report.h"

#include "proofs/prover/region.h"

#include <math.h>
#include <string.h>

const char *sl_verdict_name(sl_verdict verdict) {
  return verdict == SL_PROVED ? "PROVED" : verdict == SL_REFUTED ? "REFUTED" : "UNDECIDED";
}

const char *sl_side_name(const sl_report *report, int positive) {
  return report->same_sides ? "either sign" : positive ? "A > 0" : "A <= 0";
}

static sl_verdict worse(sl_verdict a, sl_verdict b) {
  return a == SL_REFUTED || b == SL_REFUTED       ? SL_REFUTED
         : a == SL_UNDECIDED || b == SL_UNDECIDED ? SL_UNDECIDED
                                                  : SL_PROVED;
}

sl_verdict sl_report_property(const sl_report *report, int i) {
  sl_verdict v = SL_PROVED;
  for (int s = 0; s < 2; s++)
    if (report->sides >> s & 1) v = worse(v, report->side[s].property[i].verdict);
  return v;
}

sl_verdict sl_report_verdict(const sl_report *report) {
  sl_verdict v = SL_PROVED;
  for (int i = 0; i < SL_P4W; i++) v = worse(v, sl_report_property(report, i));
  return v;
}

sl_verdict sl_report_requirements(const sl_report *report) {
  sl_verdict v = SL_PROVED;
  for (int s = 0; s < 2; s++)
    for (int i = 0; (report->sides >> s & 1) && i < report->def->requirement_count; i++)
      v = worse(v, report->side[s].requirement[i].verdict);
  return v;
}

static void print_parameters(FILE *out, const sl_report *r, int s) {
  for (int i = 0; i < r->def->param_count; i++) {
    char a[48], b[48];
    if (i == r->def->old) {
      const char *p = r->def->param[i].name;
      fprintf(out, ", %s in (0, 1], r %s <= 1", p, p);
    } else if (r->options[s].ranged >> i & 1) {
      sl_decimal_print(a, sizeof a, r->options[s].low[i]);
      sl_decimal_print(b, sizeof b, r->options[s].high[i]);
      fprintf(out, ", %s in [%s, %s]", r->def->param[i].name, a, b);
    } else {
      sl_decimal_print(a, sizeof a, r->def->param[i].value[s]);
      fprintf(out, ", %s = %s", r->def->param[i].name, a);
    }
  }
}

static void print_line(FILE *out, const char *label, const char *text) {
  fprintf(out, "  %-22s %s\n", label, text);
}

static void print_ball(FILE *out, const char *label, const arb_t x) {
  if (!arb_is_finite(x)) {
    print_line(out, label, "not known");
    return;
  }
  char *text = arb_get_str(x, 8, 0);
  fprintf(out, "  %-22s %s\n", label, text);
  flint_free(text);
}

static void print_measures(FILE *out, const sl_side_report *side, int has_value) {
  const sl_measures *m = &side->measures;
  if (has_value && m->f_bounded == 1) {
    print_ball(out, "inf f (at r = 0)", m->f_low);
    print_ball(out, "sup f (as r -> inf)", m->f_high);
  } else if (has_value && m->f_bounded == 0) {
    fprintf(out, "  %-22s no\n", "f bounded");
  }
  if (m->supremum_where) {
    char *text = arb_get_str(m->supremum, 12, 0), *at = arb_get_str(m->supremum_at, 9, 0);
    fprintf(out, "  %-22s %s, at r = %s\n  %-22s exactly %s\n", "sup r f'", text, at, "",
            m->supremum_where);
    flint_free(text), flint_free(at);
  } else if (m->unbounded) {
    print_line(out, "sup r f'", "none, r f' -> inf");
  } else if (!arb_is_finite(m->effective)) {
    print_line(out, "sup r f'", "not known");
  } else {
    char *text = arb_get_str(m->effective, 8, 0);
    if (isinf(m->effective_at))
      fprintf(out, "  %-22s %s, as r -> inf\n", "sup r f'", text);
    else
      fprintf(out, "  %-22s %s, at r = %.6g\n", "sup r f'", text, m->effective_at);
    flint_free(text);
  }
  if (m->no_half_below)
    print_line(out, "f' = 1/2 below 1", "nowhere, f' is above it");
  else
    print_ball(out, "f' = 1/2 below 1 at", m->half_below);
  if (m->no_half_above)
    print_line(out, "f' = 1/2 above 1", "nowhere, f' is above it");
  else
    print_ball(out, "f' = 1/2 above 1 at", m->half_above);
  if (side->tail.kind == SL_TAIL_EXPONENTIAL)
    fprintf(out, "  %-22s %s (log f' ~ -c r^%g)\n", "tail",
            side->tail.order == 2   ? "Gaussian"
            : side->tail.order == 1 ? "exponential"
                                    : "stretched exponential",
            side->tail.order);
  else if (side->tail.kind == SL_TAIL_POLYNOMIAL && side->tail.order > 0)
    fprintf(out, "  %-22s polynomial, r^-%g\n", "tail", side->tail.order);
}

static void print_float(FILE *out, const sl_report *r, int s) {
  const sl_float_report *f = &r->binary32[s];
  char tested[120] = "", fast[64] = "";
  if (r->stride > 1) snprintf(fast, sizeof fast, ", one block of 4096 in %u (--fast),", r->stride);
  if (r->def->old >= 0)
    snprintf(tested, sizeof tested, " at %d values of %.20s, tested%s", r->floats,
             r->def->param[r->def->old].name, *fast ? fast : ",");
  else
    snprintf(tested, sizeof tested, "%s", fast);
  fprintf(out, "  binary32 (%s): %llu ratios%s in %.1f s, %s\n",
          r->gate->family[s] == SL_GATE_EXPRESSION ? "expression, spec G3.1" : "kernel, spec O2",
          (unsigned long long)f->checked, tested, f->seconds,
          !sl_float_holds(f)        ? "VIOLATED"
          : sl_report_exhaustive(r) ? "f' <= 1, f'(1) == 1, weakly monotone, finite"
                                    : "no violation seen: f' <= 1, f'(1) == 1, weakly monotone, "
                                      "finite");
  if (f->at_one != 1.0f) fprintf(out, "    f'(1) = %.9g\n", (double)f->at_one);
  for (int k = 0; k < SL_FLOAT_KINDS; k++) {
    const sl_float_violation *v = &f->violation[k];
    if (v->count)
      fprintf(out, "    %llu x %s, first: f'(%.9g) = %.9g, f'(%.9g) = %.9g\n",
              (unsigned long long)v->count, sl_float_kind_name((sl_float_kind)k), (double)v->r[0],
              (double)v->w[0], (double)v->r[1], (double)v->w[1]);
    if (v->count && r->def->old >= 0)
      fprintf(out, "      at %s = %g\n", r->def->param[r->def->old].name,
              sl_decimal_to_double(sl_old_value(v->old)));
  }
  if (f->nan_at_infinity)
    fputs("    f'(inf) is NaN as computed; f' -> 0 is proved, and no run asks for it (spec O1.1)\n",
          out);
  if (isinf(f->ulp_bound))
    fprintf(out, "    rounding: no bound derived; %.7g ulp seen at r = %.9g\n", f->ulp_seen,
            (double)f->ulp_at);
  else if (f->ulp_bound > 0)
    fprintf(out, "    error: at most %.7g ulp; %.7g ulp seen at r = %.9g\n", f->ulp_bound,
            f->ulp_seen, (double)f->ulp_at);
  if (r->gate->family[s] <= SL_GATE_SOFTSIGN)
    fprintf(out,
            "    for every tau, by argument: the weight is a correctly rounded function of z and z "
            "is monotone in r under rounding (spec "
            "O2.1)\n");
}

static double gap_to(const sl_largest *l, int up, sl_decimal at) {
  return fabs(sl_decimal_to_double(at) - sl_decimal_to_double(up ? l->high : l->low));
}

static void print_end(FILE *out, const sl_largest *l, const char *name, int up) {
  const sl_interval_end *e = &l->end[up];
  char at[48], further[48];
  sl_decimal_print(at, sizeof at, e->at);
  sl_decimal_print(further, sizeof further, e->refuted);
  fprintf(out, "    %s end: ", up ? "high" : "low");
  if (e->reason == SL_END_DECLARED)
    fputs("the file declares no more\n", out);
  else if (e->reason == SL_END_REFUTED)
    fprintf(out, "%s = %s, %.3g beyond, is refuted: %s, %s\n", name, at, gap_to(l, up, e->at),
            sl_property_name(e->property), e->text);
  else
    fprintf(out, "undecided from there to %s = %s: %s, %s\n", name, at,
            sl_property_name(e->property), e->text);
  if (e->reason == SL_END_OPEN && e->has_refuted)
    fprintf(out, "      %s = %s, %.3g beyond, is refuted\n", name, further,
            gap_to(l, up, e->refuted));
}

static void print_largest(FILE *out, const sl_report *r, int s) {
  const sl_largest *l = &r->largest[s];
  const sl_gate_declared *d = &r->def->param[l->parameter];
  char low[48], high[48];
  sl_decimal_print(low, sizeof low, l->low);
  sl_decimal_print(high, sizeof high, l->high);
  if (!l->found) {
    fprintf(out, "  largest interval of %s: none around the default %s, see above\n", d->name, low);
    return;
  }
  fprintf(out, "  largest interval of %s: [%s, %s]\n", d->name, low, high);
  print_end(out, l, d->name, 0), print_end(out, l, d->name, 1);
}

/* Of which values of the ranged parameters a requirement is judged (spec G1.3), but for the ranges
 * that its text has. */
static void print_requirement(FILE *out, const sl_report *r, int s, int i) {
  const sl_gate_requirement *q = &r->def->requirement[i];
  const sl_finding *f = &r->side[s].requirement[i];
  fprintf(out, "  %-31s %-9s %s", q->text, sl_verdict_name(f->verdict), f->text);
  for (int k = 0, n = 0; k < r->def->param_count; k++) {
    char low[48], high[48];
    if ((q->ranged >> k & 1) || !(r->options[s].ranged >> k & 1)) continue;
    sl_decimal_print(low, sizeof low, r->options[s].low[k]);
    sl_decimal_print(high, sizeof high, r->options[s].high[k]);
    fprintf(out, "%s%s in [%s, %s]", n++ ? ", " : "; for ", r->def->param[k].name, low, high);
  }
  fputc('\n', out);
}

static void print_side(FILE *out, const sl_report *r, int s) {
  static const char *const titles[] = {"P1 continuously differentiable", "P2 sup f' = 1, at r = 1",
                                       "P3 monotone from r = 1", "P4 r f' -> 0",
                                       "P4w f' -> 0 (not asked for)"};
  const sl_side_report *side = &r->side[s];
  fprintf(out, "%s, %s", r->def->name, sl_side_name(r, s));
  print_parameters(out, r, s);
  fprintf(out, "  (%ld boxes, %d part%s, %.1f ms)\n", side->boxes, side->parts,
          side->parts == 1 ? "" : "s", 1e3 * side->seconds);
  for (int i = 0; i < SL_PROPERTIES; i++) {
    const sl_finding *f = &side->property[i];
    fprintf(out, "  %-31s %-9s %s%s\n", titles[i], sl_verdict_name(f->verdict),
            i == 2 && f->verdict == SL_PROVED ? (f->strict ? "strict: " : "weak: ") : "", f->text);
  }
  for (int i = 0; i < r->def->requirement_count; i++) print_requirement(out, r, s, i);
  if (r->largest) print_largest(out, r, s);
  if (!r->options[s].ranged) print_measures(out, side, r->def->f[s] != SL_NO_REF);
  if (r->floats) print_float(out, r, s);
}

unsigned long long sl_report_float_violations(const sl_report *r) {
  unsigned long long n = 0;
  for (int s = 0; s < 2; s++) {
    if (!r->floats || !(r->sides >> s & 1)) continue;
    for (int k = 0; k < SL_FLOAT_KINDS; k++) n += r->binary32[s].violation[k].count;
    n += r->binary32[s].at_one != 1.0f;
  }
  return n;
}

int sl_report_exhaustive(const sl_report *r) { return r->stride == 1 && r->def->old < 0; }

/* "VIOLATED at 3 places", or that only a part was looked at; "" where there is nothing to say. */
static void print_places(FILE *out, const sl_report *r) {
  const unsigned long long places = sl_report_float_violations(r);
  if (places)
    fprintf(out, " over the reals, proved; binary32: VIOLATED at %llu place%s", places,
            places == 1 ? "" : "s");
  else
    fputs(", proved", out);
  if (r->floats && r->stride > 1)
    fprintf(out, "%s one block of 4096 ratios in %u",
            places ? " of" : "; binary32: no violation seen in", r->stride);
}

static const char *requirements_aside(const sl_report *r) {
  const sl_verdict need = sl_report_requirements(r);
  return need == SL_PROVED    ? ""
         : need == SL_REFUTED ? "; a requirement is NOT MET"
                              : "; a requirement is UNDECIDED";
}

void sl_report_text(FILE *out, const sl_report *r) {
  for (int s = 1; s >= 0; s--)
    if (r->sides >> s & 1) print_side(out, r, s);
  const sl_verdict v = sl_report_verdict(r), need = sl_report_requirements(r);
  if (r->certificate)
    fprintf(out, "certificate: a second program checks it: sluice-check %s\n", r->certificate);
  if (r->def->requirement_count)
    fprintf(out, "%s: %s\n", r->def->name,
            need == SL_PROVED    ? "requirements met, proved"
            : need == SL_REFUTED ? "a requirement is NOT MET, refuted"
                                 : "a requirement is UNDECIDED");
  fprintf(out, "%s: %s", r->def->name,
          v == SL_PROVED    ? "ADMISSIBLE"
          : v == SL_REFUTED ? "NOT ADMISSIBLE, refuted"
                            : "UNDECIDED");
  if (v == SL_PROVED) print_places(out, r);
  fprintf(out, "%s\n", requirements_aside(r));
}
