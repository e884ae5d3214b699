/* The search for the largest admissible interval (see verify_largest.h). Single values, which are
 * quick, find the last one that is admissible; then the interval from the default to it is proved.
 * What that refutes on the way becomes the new end; what it leaves open moves the end inward. */
#include "verify_largest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Ends are found to a 1000th of their size. */
static const double CLOSE = 1e-3;
enum { STEPS = 40, DIGITS = 17 };

typedef struct {
  const sl_gate_definition *def;
  const sl_verify_options *options;
  sl_largest *out;
  int positive;
  double deadline_s;
} search;

const char *sl_property_name(int property) {
  static const char *const names[] = {"P1", "P2", "P3", "P4"};
  return names[property];
}

/* What a trial may take of the time that is left. */
static double share(const search *x) { return (x->deadline_s - sl_clock_s()) / 4; }

/* The worst verdict of P1 to P4 for all values of [a, b], and what it is about. */
static sl_verdict probe(const search *x, sl_decimal a, sl_decimal b, double seconds,
                        sl_interval_end *why) {
  const int i = x->out->parameter;
  const double deadline_s = sl_clock_s() + seconds;
  sl_gate_definition bare = *x->def;
  sl_verify_options o = *x->options;
  sl_side_report report;
  sl_verdict verdict = SL_PROVED;
  bare.requirement_count = 0;
  o.ranged |= 1u << i, o.low[i] = a, o.high[i] = b;
  o.seconds = fmax(seconds, 1e-3), o.no_measures = 1;
  sl_verify_side(&report, &bare, x->positive, &o, NULL);
  for (int k = 0; k < SL_P4W; k++) {
    const sl_finding *f = &report.property[k];
    if (f->verdict == SL_PROVED || verdict == SL_REFUTED ||
        (verdict == SL_UNDECIDED && f->verdict == SL_UNDECIDED))
      continue;
    verdict = f->verdict;
    why->property = k;
    snprintf(why->text, sizeof why->text, "%s", f->text);
    why->reason = verdict == SL_REFUTED ? SL_END_REFUTED : SL_END_OPEN;
    if (verdict == SL_REFUTED) why->at = f->at[i];
  }
  if (verdict == SL_UNDECIDED && sl_clock_s() > deadline_s)
    snprintf(why->text, sizeof why->text, "not decided in the time that --seconds leaves it");
  sl_side_report_clear(&report);
  return verdict;
}

static void stop_at(sl_interval_end *end, const sl_interval_end *why) {
  const int had = end->reason == SL_END_REFUTED, has = end->has_refuted;
  const sl_decimal refuted = had ? end->at : end->refuted;
  *end = *why;
  end->has_refuted = why->reason == SL_END_OPEN && (had || has);
  end->refuted = refuted;
}

static int is_close(sl_decimal a, sl_decimal b) {
  const double x = sl_decimal_to_double(a), y = sl_decimal_to_double(b);
  return fabs(x - y) <= CLOSE * fmax(fabs(x), fabs(y));
}

int sl_decimal_shortest(sl_decimal *out, sl_decimal a, sl_decimal b) {
  const double x = sl_decimal_to_double(a), y = sl_decimal_to_double(b);
  for (int digits = 1; digits <= DIGITS; digits++) {
    char text[40];
    snprintf(text, sizeof text, "%.*e", digits - 1, x + (y - x) / 2);
    if (sl_decimal_parse(text, out) && sl_decimal_cmp(a, *out) < 0 && sl_decimal_cmp(*out, b) < 0)
      return 1;
  }
  return 0;
}

/* Is this value admissible? Else `end` says what is not, and stands there. */
static int holds_at(const search *x, sl_decimal at, sl_interval_end *end) {
  sl_interval_end why = {.at = at};
  if (probe(x, at, at, share(x), &why) == SL_PROVED) return 1;
  stop_at(end, &why);
  return 0;
}

/* The last admissible value between `good` and the end, by halves; then the shortest decimal of
 * what is left. */
static sl_decimal last_value(const search *x, sl_decimal good, int up, sl_interval_end *end) {
  sl_decimal m;
  for (int step = 0; step < STEPS && sl_clock_s() < x->deadline_s; step++) {
    const sl_decimal a = up ? good : end->at, b = up ? end->at : good;
    if (is_close(a, b) || !sl_decimal_between(&m, a, b)) break;
    if (holds_at(x, m, end)) good = m;
  }
  /* the decimal of fewest digits is the end that the designer means, if any */
  if (sl_decimal_shortest(&m, up ? good : end->at, up ? end->at : good) && holds_at(x, m, end))
    good = m;
  return good;
}

/* Proves all from `good` to `last`, or as much of it as can be decided. */
static void prove_to(const search *x, sl_decimal *good, sl_decimal last, int up,
                     sl_interval_end *end) {
  sl_decimal to = last;
  for (int step = 0; step < STEPS && sl_decimal_cmp(*good, last) != 0; step++) {
    sl_interval_end why = {.at = to};
    const sl_verdict v = probe(x, up ? *good : to, up ? to : *good, share(x), &why);
    if (v == SL_PROVED)
      *good = to;
    else
      stop_at(end, &why);
    if (sl_clock_s() > x->deadline_s || (v != SL_REFUTED && is_close(*good, end->at))) return;
    if (v == SL_REFUTED)
      to = last = last_value(x, *good, up, end);
    else if (!sl_decimal_between(&to, up ? *good : end->at, up ? end->at : *good))
      return;
  }
}

/* Moves one end from the default towards the file's. */
static void find_end(const search *x, sl_decimal *good, int up) {
  sl_interval_end *end = &x->out->end[up];
  const sl_gate_declared *d = &x->def->param[x->out->parameter];
  sl_decimal to = up ? d->high : d->low;
  *end = (sl_interval_end){.reason = SL_END_DECLARED, .at = to};
  if (sl_decimal_cmp(*good, to) == 0) return;
  if (!holds_at(x, to, end)) to = last_value(x, *good, up, end);
  prove_to(x, good, to, up, end);
}

/* The file's range itself, with half of the time, where its ends hold. */
static int holds_everywhere(const search *x) {
  sl_largest *l = x->out;
  const sl_gate_declared *d = &x->def->param[l->parameter];
  sl_interval_end *low = &l->end[0], *high = &l->end[1], open = {.at = d->low};
  *low = (sl_interval_end){.reason = SL_END_DECLARED, .at = d->low};
  *high = (sl_interval_end){.reason = SL_END_DECLARED, .at = d->high};
  if (!holds_at(x, d->low, low) || !holds_at(x, d->high, high) ||
      probe(x, d->low, d->high, 2 * share(x), &open) != SL_PROVED)
    return 0;
  l->low = d->low, l->high = d->high;
  return 1;
}

void sl_largest_find(sl_largest *out, const sl_gate_definition *def, int positive, int parameter,
                     const sl_verify_options *options) {
  const sl_decimal start = def->param[parameter].value[positive];
  *out = (sl_largest){.parameter = parameter, .low = start, .high = start};
  search x = {def, options, out, positive, sl_clock_s() + options->seconds};
  sl_interval_end why = {.at = start};
  out->found = probe(&x, start, start, share(&x), &why) == SL_PROVED;
  out->end[0] = out->end[1] = why;
  if (!out->found || holds_everywhere(&x)) return;
  const double last = x.deadline_s;
  x.deadline_s = (sl_clock_s() + last) / 2;
  find_end(&x, &out->high, 1);
  x.deadline_s = last;
  find_end(&x, &out->low, 0);
}
