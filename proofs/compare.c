/* Measures of gates, and the parameter that matches one (see compare.h). */
#include "compare.h"

#include "proofs/prover/expectation.h"
#include "proofs/prover/supremum.h"

#include <math.h>
#include <string.h>

/* A bracket's width, relative to its end: nine digits. */
static const double BRACKET = 1e-10;
enum { HALVINGS = 60 };

void sl_compared_init(sl_compared *c) {
  memset(c, 0, sizeof *c);
  arb_init(c->half_below), arb_init(c->half_above), arb_init(c->supremum);
  arb_indeterminate(c->half_below), arb_indeterminate(c->half_above);
  arb_indeterminate(c->supremum);
  for (int i = 0; i < SL_SPREADS; i++) arb_init(c->eur[i]), arb_indeterminate(c->eur[i]);
  c->parameter = -1;
}

void sl_compared_clear(sl_compared *c) {
  arb_clear(c->half_below), arb_clear(c->half_above), arb_clear(c->supremum);
  for (int i = 0; i < SL_SPREADS; i++) arb_clear(c->eur[i]);
  sl_verified_clear(&c->v);
}

sl_status sl_compare_load(sl_compared *c, const char *text, sl_error *err) {
  char settings[sizeof c->name];
  sl_verify_request request = {.seconds = 1, .boxes = 1, .origin = text};
  if ((size_t)snprintf(c->name, sizeof c->name, "%s", text) >= sizeof c->name)
    return sl_fail(err, SL_ERR_USAGE, "'%s' is too long", text);
  snprintf(settings, sizeof settings, "%s", text);
  char *at = strchr(settings, ',');
  while (at && request.settings < SL_GATE_PARAMETER_LIMIT) {
    *at++ = '\0';
    request.setting[request.settings++] = at;
    if (strchr(at, ':'))
      return sl_fail(err, SL_ERR_USAGE, "'%s': expected values, no ranges", text);
    at = strchr(at, ',');
  }
  if (at) return sl_fail(err, SL_ERR_USAGE, "'%s': at most 8 parameters", text);
  c->name[strlen(settings)] = '\0';
  c->v.name = c->name;
  SL_TRY(sl_verify_load(&c->v, &request, err));
  if (c->v.def->old >= 0)
    return sl_fail(err, SL_ERR_USAGE, "%s has two arguments: there is nothing to compare yet",
                   c->name);
  return SL_OK;
}

static int parameter_of(const sl_compared *c, const char *name) {
  for (int i = 0; i < c->v.def->param_count; i++)
    if (strcmp(c->v.def->param[i].name, name) == 0) return i;
  return -1;
}

static void cell_of(sl_cell *cell, const sl_gate_definition *def, int positive) {
  memset(cell, 0, sizeof *cell);
  for (int i = 0; i < def->param_count; i++)
    cell->low[i] = cell->high[i] = def->param[i].value[positive];
}

static void half_width(arb_t out, sl_problem *p) {
  sl_measure_half_above(out, p);
  arb_sub_ui(out, out, 1, 128);
}

static void supremum(arb_t out, sl_problem *p, double seconds) {
  enum { BOXES = 20000 };
  const int kernel = p->def->kernel[p->positive];
  sl_measures m;
  sl_measures_init(&m);
  for (int i = 0; kernel < SL_GATE_CLIP && i < p->def->param_count; i++)
    if (strcmp(p->def->param[i].name, "tau") == 0)
      sl_exact_supremum(m.effective, m.supremum_at, (sl_gate_family)kernel, p->low + i);
  sl_budget budget = {sl_clock_s() + seconds, 0, BOXES};
  if (!arb_is_finite(m.effective)) sl_measure_effective(&m, p, &budget);
  arb_set(out, m.effective);
  sl_measures_clear(&m);
}

static void expected(arb_t out, sl_problem *p, sl_decimal spread, int falls, int bits) {
  arf_t bound;
  arf_init(bound);
  arb_indeterminate(out);
  if (sl_weight_bound(bound, p, falls)) sl_expected_weight(out, p, spread, bound, bits);
  arf_clear(bound);
}

/* The measure that is matched, with P2, P3 and P4w taken for granted: they are verified at the end,
 * for the value that is found. */
static void measure(arb_t out, const sl_compared *c, const sl_compare_request *q,
                    const sl_decimal *value) {
  sl_cell cell;
  sl_problem p;
  cell_of(&cell, c->v.def, q->positive);
  if (value) cell.low[c->parameter] = cell.high[c->parameter] = *value;
  arb_indeterminate(out);
  if (sl_problem_init(&p, c->v.def, q->positive, &cell)) {
    if (q->match == SL_MATCH_EUR)
      expected(out, &p, q->spread[0], 1, SL_EXPECTATION_BITS);
    else if (q->match == SL_MATCH_HALF_WIDTH)
      half_width(out, &p);
    else
      supremum(out, &p, q->seconds);
  }
  sl_problem_clear(&p);
}

/* Of the measure at a value, minus the target: 1, -1, 0 not certain; *known: it was enclosed. */
static int side_of(const sl_compared *c, const sl_compare_request *q, sl_decimal value,
                   const arb_t target, int *known) {
  arb_t x;
  arb_init(x);
  measure(x, c, q, &value);
  *known = arb_is_finite(x);
  const int side = arb_gt(x, target) ? 1 : arb_lt(x, target) ? -1 : 0;
  arb_clear(x);
  return side;
}

static sl_decimal middle(sl_decimal low, sl_decimal high) {
  const double a = sl_decimal_to_double(low), b = sl_decimal_to_double(high);
  return sl_decimal_from_double(a > 0 ? sqrt(a) * sqrt(b) : a + (b - a) / 2);
}

/* The bracket, and in it the decimal of fewest digits as the parameter's value. */
static void settle(sl_compared *c, const sl_compare_request *q, sl_decimal low, sl_decimal high) {
  sl_gate_declared *d = &c->v.def->param[c->parameter];
  c->low = low, c->high = high;
  if (!sl_decimal_shortest(&d->value[q->positive], low, high))
    d->value[q->positive] = middle(low, high);
}

/* By halves between values at which the measure is certainly on either side of the target. */
static sl_match_result match_gate(sl_compared *c, const sl_compare_request *q, const arb_t target) {
  if (c->parameter < 0) return SL_MATCHED_NO_PARAMETER;
  if (!arb_is_finite(target)) return SL_MATCHED_UNKNOWN;
  const sl_gate_declared *d = &c->v.def->param[c->parameter];
  sl_decimal low = d->low, high = d->high;
  int known_low, known_high;
  const int at_low = side_of(c, q, low, target, &known_low),
            at_high = side_of(c, q, high, target, &known_high);
  if (!known_low || !known_high) return SL_MATCHED_UNKNOWN;
  if (at_low == 0 || at_high == 0 || at_low == at_high) return SL_MATCHED_OUT_OF_RANGE;
  for (int i = 0; i < HALVINGS; i++) {
    const sl_decimal m = middle(low, high);
    const double width = sl_decimal_to_double(high) - sl_decimal_to_double(low);
    if (width <= BRACKET * fabs(sl_decimal_to_double(high)) || sl_decimal_cmp(low, m) >= 0 ||
        sl_decimal_cmp(m, high) >= 0)
      break;
    int known;
    const int side = side_of(c, q, m, target, &known);
    if (!known) return SL_MATCHED_UNKNOWN;
    if (!side) break; /* the enclosures overlap: no nearer */
    *(side == at_low ? &low : &high) = m;
  }
  settle(c, q, low, high);
  return SL_MATCHED;
}

static void fill_measures(sl_compared *c, const sl_compare_request *q) {
  sl_gate_definition bare = *c->v.def;
  const sl_verify_options options = {.seconds = q->seconds, .boxes = 400000};
  sl_side_report report;
  sl_cell cell;
  sl_problem p;
  bare.requirement_count = 0;
  sl_verify_side(&report, &bare, q->positive, &options, NULL);
  for (int k = 0; k < SL_P4W; k++) c->property[k] = report.property[k].verdict;
  arb_set(c->half_below, report.measures.half_below);
  arb_set(c->half_above, report.measures.half_above);
  c->no_half_below = report.measures.no_half_below;
  c->no_half_above = report.measures.no_half_above;
  c->unbounded = report.measures.unbounded;
  arb_set(c->supremum,
          report.measures.supremum_where ? report.measures.supremum : report.measures.effective);
  const int falls = report.property[1].verdict == SL_PROVED &&
                    report.property[2].verdict == SL_PROVED &&
                    report.property[SL_P4W].verdict == SL_PROVED;
  cell_of(&cell, c->v.def, q->positive);
  if (sl_problem_init(&p, c->v.def, q->positive, &cell))
    for (int i = 0; i < q->spreads; i++)
      expected(c->eur[i], &p, q->spread[i], falls, SL_EXPECTATION_BITS);
  sl_problem_clear(&p);
  sl_side_report_clear(&report);
}

void sl_compare(sl_compared *c, size_t n, const sl_compare_request *request) {
  arb_t target;
  arb_init(target);
  for (size_t i = 0; i < n; i++) c[i].parameter = parameter_of(&c[i], request->vary);
  if (request->match) {
    c[0].result = SL_MATCHED_REFERENCE;
    measure(target, &c[0], request, NULL);
    for (size_t i = 1; i < n; i++) c[i].result = match_gate(&c[i], request, target);
  }
  for (size_t i = 0; i < n; i++) fill_measures(&c[i], request);
  arb_clear(target);
}

double sl_compare_eur(const sl_compared *c, int positive, sl_decimal spread) {
  sl_cell cell;
  sl_problem p;
  arb_t x;
  arb_init(x);
  arb_indeterminate(x);
  cell_of(&cell, c->v.def, positive);
  if (sl_problem_init(&p, c->v.def, positive, &cell))
    expected(x, &p, spread, 1, SL_EXPECTATION_PICTURE);
  const double value = arb_is_finite(x) ? arf_get_d(arb_midref(x), ARF_RND_NEAR) : (double)NAN;
  sl_problem_clear(&p);
  arb_clear(x);
  return value;
}

const char *sl_match_name(sl_match match) {
  static const char *const names[] = {"none", "eur", "half-width", "sup"};
  return names[match];
}
