/* Gates of two arguments (see verify_two.h). */
#include "verify_two.h"

#include "proofs/prover/region.h"

#include <stdlib.h>
#include <string.h>

static void verify_at(sl_side_report *report, const sl_gate_definition *def, int positive,
                      const sl_verify_options *options, sl_decimal low, sl_decimal high) {
  sl_verify_options o = *options;
  o.ranged |= 1u << def->old, o.low[def->old] = low, o.high[def->old] = high;
  o.no_measures = 1;
  sl_verify_side(report, def, positive, &o, NULL);
}

/* P1 to P3: what is open is tried at single values of p. */
static void try_values(sl_side_report *report, const sl_gate_definition *def, int positive,
                       const sl_verify_options *options, double deadline_s) {
  for (int i = 0; i < SL_OLD_VALUES && sl_clock_s() < deadline_s; i++) {
    int open = 0;
    for (int k = 0; k < 3; k++) open |= report->property[k].verdict == SL_UNDECIDED;
    if (!open) return;
    const sl_decimal p = sl_old_value(i);
    sl_side_report at;
    verify_at(&at, def, positive, options, p, p);
    for (int k = 0; k < 3; k++) {
      char text[sizeof at.property[k].text], value[48];
      if (report->property[k].verdict != SL_UNDECIDED ||
          !sl_is_in_region(&at.property[k], def->old))
        continue;
      sl_finding_copy(&report->property[k], &at.property[k]);
      sl_decimal_print(value, sizeof value, p);
      snprintf(text, sizeof text, "%s = %s: %.300s", def->param[def->old].name, value,
               at.property[k].text);
      memcpy(report->property[k].text, text, sizeof text);
    }
    sl_side_report_clear(&at);
  }
}

typedef enum { BY_SQUARE, BY_RATIO, CURVES } curve; /* p = 1/r^2, p = 1/(2 r) */

/* w with p replaced, as a gate of one argument that is given by its weight. */
static int along_curve(sl_gate_definition *out, const sl_gate_definition *def, int positive,
                       curve c) {
  sl_tree full;
  sl_ref f, w;
  sl_tree_init(&full);
  sl_gate_definition_roots(def, positive, NULL, &full, &f, &w);
  *out = *def;
  sl_tree_init(&out->tree);
  sl_tree *t = &out->tree;
  const sl_ref r = sl_tree_unary(t, SL_OP_R, SL_NO_REF),
               under = sl_tree_binary(t, SL_OP_MUL, c == BY_SQUARE ? r : sl_tree_int(t, 2), r),
               old = sl_tree_binary(t, SL_OP_DIV, sl_tree_int(t, 1), under);
  sl_ref *map = calloc((size_t)w + 1, sizeof *map);
  if (!map) flint_abort();
  for (sl_ref i = 0; i <= w; i++) {
    const sl_gate_node *n = &full.node[i];
    sl_ref from[4] = {SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF};
    for (int k = 0; k < sl_op_arity(n->op); k++) from[k] = map[n->child[k]];
    map[i] = n->op == SL_OP_PARAM && n->param == def->old ? old
             : n->op == SL_OP_PARAM                       ? sl_tree_param(t, n->param)
             : n->op == SL_OP_NUM                         ? sl_tree_decimal(t, n->num)
                                  : sl_tree_node(t, n->op, from[0], from[1], from[2], from[3]);
  }
  out->f[positive] = SL_NO_REF, out->w[positive] = map[w], out->requirement_count = 0;
  free(map);
  const int ok = !full.failed && !t->failed;
  sl_tree_clear(&full);
  return ok;
}

/* P4 along p = 1/r^2 and p = 1/(2 r), which lie inside the region for r > 1: a bound that r f'
 * keeps there is one of the supremum. */
static void refute_product(sl_finding *f, const sl_gate_definition *def, int positive,
                           const sl_verify_options *options) {
  for (curve c = BY_SQUARE; c < CURVES && f->verdict == SL_UNDECIDED; c++) {
    sl_gate_definition one;
    if (along_curve(&one, def, positive, c)) {
      sl_verify_options o = *options;
      sl_side_report report;
      o.no_measures = 1;
      o.ranged &= ~(1u << def->old); /* it is in the curve no more */
      sl_verify_side(&report, &one, positive, &o, NULL);
      const sl_finding *found = &report.property[3];
      if (found->verdict == SL_REFUTED) {
        char text[sizeof found->text];
        sl_finding_copy(f, found);
        f->path = c == BY_SQUARE ? "1/r^2" : "1/(2*r)";
        snprintf(text, sizeof text, "at %s = %s: %.300s", def->param[def->old].name, f->path,
                 found->text);
        memcpy(f->text, text, sizeof text);
      }
      sl_side_report_clear(&report);
    }
    sl_tree_clear(&one.tree);
  }
}

/* The reason of what stays open: how far down it is proved. */
static void say_range(sl_side_report *report, const sl_gate_definition *def, int positive,
                      const sl_verify_options *options) {
  static const sl_decimal least = {1, -6}, one = {1, 0};
  int open = 0;
  for (int k = 0; k < 3; k++) open |= report->property[k].verdict == SL_UNDECIDED;
  if (!open) return;
  sl_side_report part;
  verify_at(&part, def, positive, options, least, one);
  for (int k = 0; k < 3; k++)
    if (report->property[k].verdict == SL_UNDECIDED && part.property[k].verdict == SL_PROVED)
      sl_finding_set(&report->property[k], SL_UNDECIDED,
                     "proved for %s in [1e-6, 1]; not for smaller ones", def->param[def->old].name);
  sl_side_report_clear(&part);
}

static void settle_product(sl_side_report *report, const sl_gate_definition *def, int positive,
                           const sl_verify_options *options) {
  sl_finding *f = &report->property[3];
  if (f->verdict == SL_PROVED && !f->uniform)
    sl_finding_set(f, SL_UNDECIDED, "shown for each %s, but not for all at once",
                   def->param[def->old].name);
  else if (f->verdict == SL_REFUTED) /* at one p, where the region ends at r = 1/p */
    sl_finding_set(f, SL_UNDECIDED,
                   "neither shown for all %s, nor refuted along %s = 1/r^2 or 1/(2*r)",
                   def->param[def->old].name, def->param[def->old].name);
  refute_product(f, def, positive, options);
  sl_finding *weak = &report->property[SL_P4W];
  if (f->verdict == SL_PROVED)
    sl_finding_set(weak, SL_PROVED, "as r f' -> 0");
  else
    sl_finding_set(weak, SL_UNDECIDED, "not looked at for gates of two arguments");
}

void sl_verify_two(sl_side_report *report, const sl_gate_definition *def, int positive,
                   const sl_verify_options *options, sl_certificate *certificate) {
  const double start = sl_clock_s();
  sl_verify_options o = *options;
  o.ranged |= 1u << def->old;
  o.low[def->old] = (sl_decimal){0, 0}, o.high[def->old] = (sl_decimal){1, 0};
  o.seconds = options->seconds / 4;
  sl_verify_side(report, def, positive, &o, certificate);
  for (int k = 0; k < 3; k++)
    if (report->property[k].verdict == SL_REFUTED &&
        !sl_is_in_region(&report->property[k], def->old))
      sl_finding_set(&report->property[k], SL_UNDECIDED,
                     "refuted only beyond r = 1/%s, or at %s = 0: no token is there",
                     def->param[def->old].name, def->param[def->old].name);
  o.seconds = options->seconds / 8;
  try_values(report, def, positive, &o, sl_clock_s() + options->seconds / 4);
  say_range(report, def, positive, &o);
  settle_product(report, def, positive, &o);
  report->seconds = sl_clock_s() - start;
}
