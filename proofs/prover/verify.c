/* Parameter ranges: prove for all of the box; where a property stays open, halve the box and prove
 * each part. */
#include "verify.h"

#include "arb_function.h"
#include "prove.h"
#include "prove_requirement.h"

#include <stdlib.h>
#include <string.h>

enum { PART_LIMIT = 4096, PART_DEPTH = 40, COARSE_BOXES = 3000 };

static void merge(sl_finding *into, const sl_finding *part, int first) {
  if (first || (part->verdict == SL_REFUTED && into->verdict != SL_REFUTED) ||
      (part->verdict == SL_UNDECIDED && into->verdict == SL_PROVED)) {
    into->verdict = part->verdict;
    memcpy(into->text, part->text, sizeof into->text);
    into->has_witness = part->has_witness;
    into->refuted_by = part->refuted_by, into->join = part->join;
    arf_set(into->witness.r, part->witness.r);
    arb_set(into->witness.value, part->witness.value);
    _arb_vec_set(into->witness.box, part->witness.box, SL_FIELD_PARAMETERS);
  }
  into->strict = first ? part->strict : into->strict && part->strict;
}

typedef struct {
  sl_side_report *report;
  const sl_gate_definition *def;
  int positive;
  unsigned ranged;
  sl_budget budget;
  sl_certificate *certificate;
  int requirement; /* -1: P1 to P4 */
  arf_struct *low, *high;
} job;

/* Halves the relatively widest parameter, at the geometric mean where the range is wide. 0 if all
 * are points. */
static int halve(sl_cell *a, sl_cell *b, const sl_cell *cell, unsigned ranged) {
  int side = -1;
  slong best = -1000;
  arb_t x;
  arf_t m, twice;
  arb_init(x);
  arf_init(m), arf_init(twice);
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) {
    if (!(ranged >> i & 1) || arf_equal(&cell->low[i], &cell->high[i])) continue;
    arb_set_interval_arf(x, &cell->low[i], &cell->high[i], 64);
    if (arb_rel_error_bits(x) > best) best = arb_rel_error_bits(x), side = i;
  }
  if (side >= 0) {
    const arf_struct *low = &cell->low[side], *high = &cell->high[side];
    arf_add(m, low, high, ARF_PREC_EXACT, ARF_RND_DOWN);
    arf_mul_2exp_si(m, m, -1);
    arf_mul_2exp_si(twice, low, 1);
    if (arf_sgn(low) > 0 && arf_cmp(high, twice) >= 0) {
      arf_mul(m, low, high, 53, ARF_RND_DOWN);
      arf_sqrt(m, m, 40, ARF_RND_DOWN);
    }
    sl_cell_set(a, cell), sl_cell_set(b, cell);
    arf_set(&a->high[side], m), arf_set(&b->low[side], m);
  }
  arb_clear(x);
  arf_clear(m), arf_clear(twice);
  return side >= 0;
}

static int has_open(const sl_finding *f, int n) {
  for (int i = 0; i < n; i++)
    if (f[i].verdict == SL_UNDECIDED) return 1;
  return 0;
}

static int out_of_budget(const job *j) {
  return j->budget.boxes > j->budget.box_limit || sl_clock_s() > j->budget.deadline_s ||
         j->report->parts > PART_LIMIT;
}

static void run_properties(job *j, const sl_cell *cell, int depth);

static void descend(job *j, const sl_cell *cell, int depth,
                    void (*run)(job *, const sl_cell *, int)) {
  sl_cell a, b;
  sl_cell_init(&a), sl_cell_init(&b);
  if (halve(&a, &b, cell, j->ranged)) {
    run(j, &a, depth + 1);
    run(j, &b, depth + 1);
  }
  sl_cell_clear(&a), sl_cell_clear(&b);
}

static void run_properties(job *j, const sl_cell *cell, int depth) {
  sl_problem p;
  sl_proof proof;
  sl_proof_init(&proof);
  const int splits = j->ranged != 0 && depth < PART_DEPTH && !out_of_budget(j);
  sl_budget budget = {j->budget.deadline_s, 0,
                      splits ? COARSE_BOXES : j->budget.box_limit - j->budget.boxes};
  if (sl_problem_init(&p, j->def, j->positive, j->ranged, cell)) {
    sl_prove(&proof, &p, &budget);
  } else {
    for (int i = 0; i < 4; i++) sl_finding_set(&proof.property[i], SL_UNDECIDED, "%s", p.why);
  }
  j->budget.boxes += budget.boxes;
  int refuted = 0;
  for (int i = 0; i < 4; i++) refuted |= proof.property[i].verdict == SL_REFUTED;
  if (splits && has_open(proof.property, 4) && !refuted) {
    descend(j, cell, depth, run_properties);
  } else {
    const int first = j->report->parts++ == 0;
    for (int i = 0; i < 4; i++) merge(&j->report->property[i], &proof.property[i], first);
    if (j->certificate) sl_certificate_part(j->certificate, &proof, &p);
    if (first) {
      j->report->tail.kind = proof.tail.kind, j->report->tail.order = proof.tail.order;
      if (!j->ranged && p.joins) sl_measure(&j->report->measures, &proof, &p, &budget);
    }
  }
  sl_proof_clear(&proof);
  sl_problem_clear(&p);
}

static void run_requirement(job *j, const sl_cell *cell, int depth) {
  sl_problem p;
  sl_finding f;
  const sl_gate_requirement *q = &j->def->requirement[j->requirement];
  sl_finding_init(&f);
  const int splits = j->ranged != 0 && depth < PART_DEPTH && !out_of_budget(j);
  sl_budget budget = {j->budget.deadline_s, 0,
                      splits ? COARSE_BOXES : j->budget.box_limit - j->budget.boxes};
  if (sl_problem_init_expression(&p, j->def, j->positive, j->ranged, cell, q->left, q->right))
    sl_prove_requirement(&f, &p, j->low, j->high, &budget);
  else
    sl_finding_set(&f, SL_UNDECIDED, "%s", p.why);
  j->budget.boxes += budget.boxes;
  if (splits && f.verdict == SL_UNDECIDED) {
    descend(j, cell, depth, run_requirement);
  } else {
    merge(&j->report->requirement[j->requirement], &f, j->report->parts++ == 0);
  }
  sl_finding_clear(&f);
  sl_problem_clear(&p);
}

static void set_range(sl_cell *cell, int i, sl_decimal low, sl_decimal high) {
  arb_t x;
  arb_init(x);
  sl_arb_decimal(x, low, 256);
  arb_get_lbound_arf(&cell->low[i], x, 256);
  sl_arb_decimal(x, high, 256);
  arb_get_ubound_arf(&cell->high[i], x, 256);
  arb_clear(x);
}

static void verify_requirement(job *j, int index, const sl_verify_options *options) {
  const sl_gate_requirement *q = &j->def->requirement[index];
  sl_cell cell;
  sl_cell_init(&cell);
  arb_t c;
  arf_t low, high;
  arb_init(c);
  arf_init(low), arf_init(high);
  j->ranged = options->ranged | q->ranged;
  j->requirement = index;
  j->report->parts = 0;
  for (int i = 0; i < j->def->param_count; i++) {
    if (q->ranged >> i & 1)
      set_range(&cell, i, q->low[i], q->high[i]);
    else if (options->ranged >> i & 1)
      set_range(&cell, i, options->low[i], options->high[i]);
  }
  sl_arb_decimal(c, q->r_low, 256);
  arb_get_lbound_arf(low, c, 256);
  j->low = low, j->high = NULL;
  if (q->r_high.e != INT32_MAX) {
    sl_arb_decimal(c, q->r_high, 256);
    arb_get_ubound_arf(high, c, 256);
    j->high = high;
  }
  run_requirement(j, &cell, 0);
  arb_clear(c);
  arf_clear(low), arf_clear(high);
  sl_cell_clear(&cell);
}

void sl_verify_side(sl_side_report *report, const sl_gate_definition *def, int positive,
                    const sl_verify_options *options, sl_certificate *certificate) {
  memset(report, 0, sizeof *report);
  const double start = sl_clock_s();
  for (int i = 0; i < 4; i++) sl_finding_init(&report->property[i]);
  for (int i = 0; i < SL_GATE_REQUIREMENT_LIMIT; i++) sl_finding_init(&report->requirement[i]);
  sl_measures_init(&report->measures);
  sl_tail_fact_init(&report->tail);
  sl_cell cell;
  sl_cell_init(&cell);
  for (int i = 0; i < def->param_count; i++)
    if (options->ranged >> i & 1) set_range(&cell, i, options->low[i], options->high[i]);
  job j = {.report = report,
           .def = def,
           .positive = positive,
           .ranged = options->ranged,
           .certificate = certificate,
           .requirement = -1,
           .budget = {start + options->seconds, 0, options->boxes}};
  if (certificate) sl_certificate_side(certificate, positive);
  run_properties(&j, &cell, 0);
  const int parts = report->parts;
  for (int i = 0; i < def->requirement_count; i++) verify_requirement(&j, i, options);
  report->parts = parts;
  report->boxes = j.budget.boxes;
  report->seconds = sl_clock_s() - start;
  sl_cell_clear(&cell);
}

void sl_side_report_clear(sl_side_report *report) {
  for (int i = 0; i < 4; i++) sl_finding_clear(&report->property[i]);
  for (int i = 0; i < SL_GATE_REQUIREMENT_LIMIT; i++) sl_finding_clear(&report->requirement[i]);
  sl_measures_clear(&report->measures);
  sl_tail_fact_clear(&report->tail);
}
