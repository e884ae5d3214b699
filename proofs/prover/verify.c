/* Parameter ranges: prove for all of the box; where a property stays open, halve the box and prove
 * each part. A refutation is always at a point given by the user's decimals: the corners of the
 * ranges are tried, the middles of boxes, and points where a search found the goal to fail. */
#include "verify.h"

#include "arb_function.h"
#include "course.h"
#include "prove.h"
#include "prove_requirement.h"
#include "region.h"

#include <stdio.h>
#include <string.h>

enum {
  PART_LIMIT = 4096,
  PART_DEPTH = 40,
  COARSE_BOXES = 6000,
  POINT_BOXES = 4000,
  OLD_VALUES_FIRST = 8 /* of SL_OLD_VALUES: those from 1 to 0.15 */
};

static void merge(sl_finding *into, const sl_finding *part, int first) {
  const int strict = first ? part->strict : into->strict && part->strict,
            uniform = first ? part->uniform : into->uniform && part->uniform;
  if (first || (part->verdict == SL_REFUTED && into->verdict != SL_REFUTED) ||
      (part->verdict == SL_UNDECIDED && into->verdict == SL_PROVED))
    sl_finding_copy(into, part);
  into->strict = strict, into->uniform = uniform;
}

typedef struct {
  sl_side_report *report;
  const sl_gate_definition *def;
  int positive;
  sl_budget budget;
  sl_certificate *certificate;
  int requirement; /* -1: P1 to P4 */
  int no_measures;
  char open[SL_PROPERTIES][400]; /* why the last cell that was halved was open */
} job;

static int out_of_budget(const job *j) {
  return j->budget.boxes > j->budget.box_limit || sl_time_over(&j->budget) ||
         j->report->parts > PART_LIMIT;
}

/* "tau = 0.1: ..." */
static void name_point(sl_finding *f, const sl_gate_definition *def, const sl_cell *range) {
  const unsigned ranged = sl_cell_ranged(range);
  char at[200] = "", value[48], text[sizeof f->text];
  for (int i = 0; i < def->param_count; i++) {
    if (!(ranged >> i & 1)) continue;
    const size_t used = strlen(at);
    sl_decimal_print(value, sizeof value, f->at[i]);
    snprintf(at + used, sizeof at - used, "%s%s = %s", used ? ", " : "", def->param[i].name, value);
  }
  snprintf(text, sizeof text, "%s: %.180s", at, f->text);
  memcpy(f->text, text, sizeof text);
}

/* Runs the property prover, or the requirement's, on one cell. Returns the number of findings. */
static int run_cell(job *j, const sl_cell *cell, sl_proof *proof, sl_problem *p,
                    sl_budget *budget) {
  const sl_gate_requirement *q = j->requirement < 0 ? NULL : &j->def->requirement[j->requirement];
  const sl_decimal end[2] = {q ? q->r_low : (sl_decimal){0, 0},
                             q ? q->r_high : (sl_decimal){0, INT32_MAX}};
  const int n = q ? 1 : SL_PROPERTIES;
  if (sl_time_over(budget)) {
    sl_problem_init_uncut(p, j->def, j->positive, cell);
    for (int i = 0; i < n; i++) {
      sl_finding_set(&proof->property[i], SL_UNDECIDED, "%s",
                     *j->open[i] ? j->open[i] : "a part of the range was not looked at");
      sl_finding_out_of_time(&proof->property[i]);
    }
    return n;
  }
  const int cut =
      q ? sl_problem_init_expression(p, j->def, j->positive, cell, q->left, q->right, end)
        : sl_problem_init(p, j->def, j->positive, cell);
  if (cut && q)
    sl_prove_requirement(proof, p, budget);
  else if (cut)
    sl_prove(proof, p, budget);
  else
    for (int i = 0; i < n; i++) sl_finding_set(&proof->property[i], SL_UNDECIDED, "%s", p->why);
  return n;
}

/* Takes over what is refuted at a point of the cell, with the slopes that it rests on. in_region:
 * of P1 to P3, and only what is refuted where tokens are. */
static void try_point(job *j, const sl_cell *range, const sl_decimal *at, int in_region,
                      sl_proof *proof, sl_problem *part) {
  sl_cell cell;
  sl_problem p;
  sl_proof point;
  if (sl_time_over(&j->budget)) return;
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) cell.low[i] = cell.high[i] = at[i];
  sl_proof_init(&point);
  sl_budget budget = {j->budget.deadline_s, 0, POINT_BOXES};
  const int n = run_cell(j, &cell, &point, &p, &budget);
  j->budget.boxes += budget.boxes;
  for (int i = 0; i < n; i++) {
    sl_finding *found = &point.property[i];
    memcpy(found->at, at, sizeof found->at);
    if (found->verdict != SL_REFUTED || proof->property[i].verdict != SL_UNDECIDED ||
        (in_region && (i > 2 || !sl_is_in_region(found, j->def->old))) ||
        !sl_courses_take(part, &p))
      continue;
    sl_finding_copy(&proof->property[i], found);
    name_point(&proof->property[i], j->def, range);
    if (i == SL_P4W) proof->tail_limit = point.tail_limit;
  }
  sl_proof_clear(&point);
  sl_problem_clear(&p);
}

/* Of P1 to P4, or of the requirement: for P4w alone nothing is tried again. */
static int has_open(const sl_proof *proof, int n) {
  for (int i = 0; i < n && i < SL_P4W; i++)
    if (proof->property[i].verdict == SL_UNDECIDED) return 1;
  return 0;
}

static int any_refuted(const sl_proof *proof, int n) {
  for (int i = 0; i < n && i < SL_P4W; i++)
    if (proof->property[i].verdict == SL_REFUTED) return 1;
  return 0;
}

/* Where searches found a goal to fail; a plain number next to it first. */
static void try_candidates(job *j, const sl_cell *cell, sl_proof *proof, sl_problem *part, int n) {
  static const int digits[] = {2, 5, 15};
  sl_decimal at[SL_FIELD_PARAMETERS];
  for (int i = 0; i < n; i++) {
    const sl_finding *f = &proof->property[i];
    for (int d = 0; d < 3 && f->verdict == SL_UNDECIDED && f->has_candidate; d++) {
      for (int k = 0; k < SL_FIELD_PARAMETERS; k++)
        at[k] = sl_decimal_at(cell->low[k], cell->high[k],
                              arf_get_d(arb_midref(f->witness.box + k), ARF_RND_NEAR), digits[d]);
      try_point(j, cell, at, 0, proof, part);
    }
  }
}

/* The corners of the ranges that were asked for, and the middle of any box. */
static void try_corners(job *j, const sl_cell *cell, sl_proof *proof, sl_problem *part, int n,
                        int depth) {
  sl_decimal at[SL_FIELD_PARAMETERS];
  const unsigned ranged = sl_cell_ranged(cell);
  for (unsigned corner = 0; corner < 1u << SL_FIELD_PARAMETERS && depth == 0; corner++) {
    if (corner & ~ranged || !has_open(proof, n)) continue;
    for (int k = 0; k < SL_FIELD_PARAMETERS; k++)
      at[k] = corner >> k & 1 ? cell->high[k] : cell->low[k];
    try_point(j, cell, at, 0, proof, part);
  }
  for (int k = 0; k < SL_FIELD_PARAMETERS; k++)
    if (!(ranged >> k & 1) || !sl_decimal_between(&at[k], cell->low[k], cell->high[k]))
      at[k] = cell->low[k];
  if (has_open(proof, n)) try_point(j, cell, at, 0, proof, part);
}

/* Of a gate of two arguments, over all values of p: some that tokens have, before the ends of its
 * range. No token has p = 0, and at p = 1 r ends at 1. */
static void try_old_values(job *j, const sl_cell *cell, sl_proof *proof, sl_problem *part, int n) {
  sl_decimal at[SL_FIELD_PARAMETERS];
  for (int k = 0; k < SL_FIELD_PARAMETERS; k++)
    if (!sl_decimal_between(&at[k], cell->low[k], cell->high[k])) at[k] = cell->low[k];
  for (int i = 0; i < OLD_VALUES_FIRST && has_open(proof, n); i++) {
    at[j->def->old] = sl_old_value(i);
    try_point(j, cell, at, 1, proof, part);
  }
}

static void close_part(job *j, sl_proof *proof, sl_problem *p, int n, sl_budget *budget) {
  const int first = j->report->parts++ == 0;
  if (n == 1) {
    merge(&j->report->requirement[j->requirement], &proof->property[0], first);
    if (j->certificate) sl_certificate_requirement_part(j->certificate, proof, p);
    return;
  }
  for (int i = 0; i < SL_PROPERTIES; i++)
    merge(&j->report->property[i], &proof->property[i], first);
  if (j->certificate) sl_certificate_part(j->certificate, proof, p);
  if (first) {
    j->report->tail.kind = proof->tail.kind, j->report->tail.order = proof->tail.order;
    if (!p->ranged && p->joins && !j->no_measures && !sl_time_over(&j->budget))
      sl_measure(&j->report->measures, proof, p, budget);
  }
}

/* A cell with ranges is halved while something is open and nothing refuted. */
static void run(job *j, const sl_cell *cell, int depth) {
  sl_problem p;
  sl_proof proof;
  sl_cell a, b;
  sl_proof_init(&proof);
  const unsigned ranged = sl_cell_ranged(cell);
  const int splits =
      ranged && depth < PART_DEPTH && !out_of_budget(j) && sl_cell_halve(&a, &b, cell);
  sl_budget budget = {j->budget.deadline_s, 0,
                      splits ? COARSE_BOXES : j->budget.box_limit - j->budget.boxes};
  if (splits) { /* what is left is for its corners and its halves */
    const double now = sl_clock_s();
    budget.deadline_s = now + (j->budget.deadline_s - now) / 2;
  }
  const int n = run_cell(j, cell, &proof, &p, &budget);
  j->budget.boxes += budget.boxes;
  if (j->def->old >= 0 && ranged >> j->def->old & 1 && depth == 0)
    try_old_values(j, cell, &proof, &p, n);
  if (ranged && has_open(&proof, n)) {
    try_candidates(j, cell, &proof, &p, n);
    try_corners(j, cell, &proof, &p, n, depth);
  }
  const int halve = splits && has_open(&proof, n) && !any_refuted(&proof, n) && !proof.no_halves;
  if (!halve) close_part(j, &proof, &p, n, &budget);
  for (int i = 0; halve && i < n; i++)
    snprintf(j->open[i], sizeof j->open[i], "%s",
             proof.property[i].verdict == SL_UNDECIDED ? proof.property[i].text : "");
  sl_proof_clear(&proof);
  sl_problem_clear(&p); /* before the halves: they need its memory */
  if (!halve) return;
  run(j, &a, depth + 1);
  run(j, &b, depth + 1);
}

/* All that was asked for. A range of one value is that value. */
static void cell_of(sl_cell *cell, const sl_gate_definition *def, int positive,
                    const sl_verify_options *options) {
  memset(cell, 0, sizeof *cell);
  for (int i = 0; i < def->param_count; i++) {
    const int ranged = options->ranged >> i & 1;
    cell->low[i] = ranged ? options->low[i] : def->param[i].value[positive];
    cell->high[i] = ranged ? options->high[i] : def->param[i].value[positive];
  }
}

/* f' <= C with C >= 1, over values of the parameters for which P1 and P2 are proved? */
static int follows_from_maximum(const job *j, const sl_gate_requirement *q, const sl_cell *cell,
                                const sl_cell *side) {
  const sl_tree *t = &j->def->tree;
  if (t->node[q->left].op != SL_OP_WEIGHT || t->node[q->right].op != SL_OP_NUM) return 0;
  for (int i = 0; i < j->def->param_count; i++)
    if (sl_decimal_cmp(cell->low[i], side->low[i]) < 0 ||
        sl_decimal_cmp(cell->high[i], side->high[i]) > 0)
      return 0;
  return sl_decimal_cmp(t->node[q->right].num, (sl_decimal){1, 0}) >= 0 &&
         j->report->property[0].verdict == SL_PROVED && j->report->property[1].verdict == SL_PROVED;
}

/* Each requirement has a budget of its own. */
static void verify_requirement(job *j, int index, const sl_cell *side,
                               const sl_verify_options *options) {
  const sl_gate_requirement *q = &j->def->requirement[index];
  sl_cell cell = *side;
  for (int i = 0; i < j->def->param_count; i++)
    if (q->ranged >> i & 1) cell.low[i] = q->low[i], cell.high[i] = q->high[i];
  j->requirement = index;
  j->report->parts = 0;
  memset(j->open, 0, sizeof j->open);
  j->budget = (sl_budget){sl_clock_s() + options->seconds, 0, options->boxes};
  const int follows = follows_from_maximum(j, q, &cell, side);
  if (j->certificate) sl_certificate_requirement(j->certificate, q, &cell, follows);
  if (follows)
    sl_finding_set(&j->report->requirement[index], SL_PROVED, "as P1 and P2 are");
  else
    run(j, &cell, 0);
}

void sl_verify_side(sl_side_report *report, const sl_gate_definition *def, int positive,
                    const sl_verify_options *options, sl_certificate *certificate) {
  memset(report, 0, sizeof *report);
  const double start = sl_clock_s();
  for (int i = 0; i < SL_PROPERTIES; i++) sl_finding_init(&report->property[i]);
  for (int i = 0; i < SL_GATE_REQUIREMENT_LIMIT; i++) sl_finding_init(&report->requirement[i]);
  sl_measures_init(&report->measures);
  sl_tail_fact_init(&report->tail);
  sl_cell cell;
  cell_of(&cell, def, positive, options);
  job j = {.report = report,
           .def = def,
           .positive = positive,
           .certificate = certificate,
           .requirement = -1,
           .no_measures = options->no_measures,
           .budget = {start + options->seconds, 0, options->boxes}};
  if (certificate) sl_certificate_side(certificate, positive, &cell);
  run(&j, &cell, 0);
  const int parts = report->parts;
  long boxes = j.budget.boxes;
  for (int i = 0; i < def->requirement_count; i++) {
    verify_requirement(&j, i, &cell, options);
    boxes += j.budget.boxes;
  }
  report->parts = parts;
  report->boxes = boxes;
  report->seconds = sl_clock_s() - start;
}

void sl_side_report_clear(sl_side_report *report) {
  for (int i = 0; i < SL_PROPERTIES; i++) sl_finding_clear(&report->property[i]);
  for (int i = 0; i < SL_GATE_REQUIREMENT_LIMIT; i++) sl_finding_clear(&report->requirement[i]);
  sl_measures_clear(&report->measures);
  sl_tail_fact_clear(&report->tail);
}
