/* Reports on a dump. */
#include "dump_report.h"

#include "dump_explain.h"

#include "ci/products/judge/lost_digits.h"
#include "kernels/support/cli.h"
#include "kernels/support/plot.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void sl_dump_reason(char out[SL_DUMP_REASON], const sl_dump_report *r) {
  const sl_judgement *j = &r->v->all;
  char place[SL_DUMP_PLACE] = "";
  if (j->wrong) sl_dump_place(place, &r->d->c, j->wrong_at.tensor, j->wrong_at.index);
  if (r->happened)
    snprintf(out, SL_DUMP_REASON, "%s", r->happened);
  else if (j->wrong)
    snprintf(out, SL_DUMP_REASON, "%s is %.9g; exact is %.9g, within %.3g", place, j->got, j->mid,
             j->rad);
  else if (j->unbounded)
    snprintf(out, SL_DUMP_REASON,
             "%zu elements have no bound under this contract: a step may overflow, or its errors "
             "are as large as its terms; smaller inputs, or a wider acc, have one",
             j->unbounded);
  else if (j->judged == 0)
    snprintf(out, SL_DUMP_REASON, "no element was judged");
  else if (r->v->passes_as)
    snprintf(out, SL_DUMP_REASON, "no power: %s would pass as %s on these inputs",
             sl_control_name(r->v->passes), r->v->passes_as);
  else
    snprintf(out, SL_DUMP_REASON, "every judged element lies within its bound");
}

static void print_types(FILE *out, const sl_dump_case *d) {
  const sl_op *op = d->c.op;
  for (size_t i = 0; i < sl_op_inputs(op); i++)
    if (d->c.in[i]) fprintf(out, "; %s %s", op->in[i].name, sl_tensor_type_name(d->given[i]));
  for (size_t o = 0; o < sl_op_outputs(op); o++)
    if (d->output[o].got)
      fprintf(out, "; %s %s", op->out[o].name, sl_tensor_type_name(d->output[o].stored));
}

static void print_settings(FILE *out, const sl_op_case *c) {
  for (size_t i = 0; i < sl_op_settings(c->op); i++) {
    char text[64];
    sl_op_setting_text(text, sizeof text, c, i);
    fprintf(out, "%s%s=%s", i ? " " : "  settings     ", c->op->setting[i].name, text);
  }
  if (sl_op_settings(c->op)) fputc('\n', out);
}

/* By steps of the count of shares, so that it may come out above the largest. */
static double p99(const sl_judgement *j) { return fmin(sl_judgement_p99(j), j->share); }

static void print_output(FILE *out, const sl_dump_report *r, size_t o) {
  const sl_dump_sample *s = &r->v->output[o];
  const sl_judgement *j = &s->judgement;
  const char *name = r->d->c.op->out[o].name;
  if (!r->d->output[o].got) {
    fprintf(out, "  %-12s %s\n", name, r->made ? "not written" : "not in the dump");
    return;
  }
  fprintf(out, "  %-12s %zu of %zu elements judged, %zu wrong", name, j->judged,
          r->d->output[o].count, j->wrong);
  if (j->unbounded) fprintf(out, ", %zu without a bound", j->unbounded);
  if (j->unjudged) fprintf(out, ", %zu not judged", j->unjudged);
  char place[SL_DUMP_PLACE];
  sl_dump_place(place, &r->d->c, name, j->ulps_at.index);
  if (j->judged)
    fprintf(out, "; largest error %.3g ulps of %s at %s; of the bound at most %.3g, p99 %.3g",
            j->ulps, sl_format_name(r->d->output[o].type), place, j->share, p99(j));
  fputc('\n', out);
  sl_dump_place(place, &r->d->c, name, s->first_nonfinite);
  if (s->nonfinite)
    fprintf(out, "  %-12s %zu NaNs and infinities, the first is %s\n", "", s->nonfinite, place);
}

static void print_causes(FILE *out, const sl_dump_causes *causes) {
  for (size_t i = 0; i < causes->n && i < SL_DUMP_CAUSES; i++) {
    char text[SL_DUMP_CAUSE];
    sl_dump_cause_text(text, causes->found[i]);
    fprintf(out, "  %-12s %s\n", i ? "" : "explained by", text);
  }
  if (causes->n > SL_DUMP_CAUSES)
    fprintf(out, "  %-12s and %zu more\n", "", causes->n - SL_DUMP_CAUSES);
  if (causes->no_pairs)
    fprintf(out, "  %-12s by no known formula; pairs were not tried: the inputs are large\n",
            "explained");
  if (causes->n > 1) fprintf(out, "  %-12s these are not distinguishable on these inputs\n", "");
}

/* What makes the same inputs again. */
static void print_made(FILE *out, const sl_generated_request *made) {
  if (made)
    fprintf(out, "  inputs       --seed %" PRIu64 " --kind %s --type %s\n", made->seed, made->kind,
            made->type);
}

void sl_dump_report_text(FILE *out, const sl_dump_report *r) {
  char shape[SL_OP_SHAPE_TEXT], contract[SL_CONTRACT_TEXT], reason[SL_DUMP_REASON];
  const sl_op *op = r->d->c.op;
  sl_op_shape_print(shape, &r->d->c);
  sl_contract_print(contract, &r->d->c.contract, op->stored);
  fprintf(out, "%s: %s\n  %-12s %s\n", op->name, op->summary, r->made ? "kernel" : "dump", r->path);
  print_made(out, r->made);
  fprintf(out, "  shape        %s", shape);
  print_types(out, r->d);
  fputc('\n', out);
  print_settings(out, &r->d->c);
  fprintf(out, "  contract     %s\n", contract);
  for (size_t o = 0; !r->happened && o < sl_op_outputs(op); o++) print_output(out, r, o);
  if (r->v->lost)
    fprintf(out, "  lost digits  %zu elements of %s: " SL_LOST_DIGITS_NAME "\n", r->v->lost,
            op->out[0].name);
  sl_dump_reason(reason, r);
  fprintf(out, "  verdict      %s: %s\n", sl_outcome_name(r->v->outcome), reason);
  print_causes(out, r->causes);
}

/* JSON has no infinity. */
static void number(FILE *out, const char *key, double x) {
  fprintf(out, isfinite(x) ? ", \"%s\": %.9g" : ", \"%s\": \"inf\"", key, x);
}

static void output_as_json(FILE *out, const sl_dump_report *r, size_t o) {
  const sl_dump_sample *s = &r->v->output[o];
  const sl_judgement *j = &s->judgement;
  fprintf(out,
          "{\"name\": \"%s\", \"elements\": %zu, \"judged\": %zu, \"wrong\": %zu, \"no_bound\": "
          "%zu, \"not_judged\": %zu, \"nonfinite\": %zu, \"ulps_at\": %zu, \"share_at\": %zu",
          r->d->c.op->out[o].name, r->d->output[o].count, j->judged, j->wrong, j->unbounded,
          j->unjudged, s->nonfinite, j->ulps_at.index, j->share_at.index);
  number(out, "ulps", j->ulps);
  number(out, "share", j->share);
  number(out, "share_p99", p99(j));
  fputc('}', out);
}

/* formula: false where the error would be within that of such arithmetic (spec E8.3). */
static void cause_as_json(FILE *out, sl_cause cause, const char *before) {
  if (cause == SL_CAUSE_NONE) return;
  const sl_cause_row *row = sl_cause_at(cause);
  fprintf(out, "%s{\"name\": \"%s\", \"defects\": \"%s\", \"formula\": %s, \"text\": ", before,
          row->name, row->defects, sl_cause_is_coarse(cause) ? "false" : "true");
  sl_cli_json_text(out, row->text);
  fputc('}', out);
}

void sl_dump_report_json(FILE *out, const sl_dump_report *r) {
  char shape[SL_OP_SHAPE_TEXT], contract[SL_CONTRACT_TEXT], reason[SL_DUMP_REASON];
  sl_op_shape_print(shape, &r->d->c);
  sl_contract_print(contract, &r->d->c.contract, r->d->c.op->stored);
  sl_dump_reason(reason, r);
  fprintf(out, "{\"op\": \"%s\", \"dump\": ", r->d->c.op->name);
  sl_cli_json_text(out, r->path);
  fprintf(out,
          ", \"shape\": \"%s\", \"contract\": \"%s\", \"outcome\": \"%s\", \"lost_digits\": %zu, "
          "\"reason\": ",
          shape, contract, sl_outcome_name(r->v->outcome), r->v->lost);
  sl_cli_json_text(out, reason);
  fputs(", \"outputs\": [", out);
  for (size_t o = 0, n = 0; o < sl_op_outputs(r->d->c.op); o++) {
    if (!r->d->output[o].got) continue;
    fputs(n++ ? ", " : "", out);
    output_as_json(out, r, o);
  }
  fputs("], \"causes\": [", out);
  for (size_t i = 0; i < r->causes->n && i < SL_DUMP_CAUSES; i++) {
    cause_as_json(out, r->causes->found[i].first, i ? ", [" : "[");
    cause_as_json(out, r->causes->found[i].second, ", ");
    fputc(']', out);
  }
  fputs("]}\n", out);
}

void sl_dump_report_junit(FILE *out, const sl_dump_report *r) {
  static const char *const elements[] = {NULL, "failure", "error", "skipped"};
  const char *element = elements[r->v->outcome], *name = r->d->c.op->name;
  char reason[SL_DUMP_REASON];
  sl_dump_reason(reason, r);
  fprintf(out,
          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"sluice "
          "equiv\" tests=\"1\" failures=\"%d\" errors=\"%d\" skipped=\"0\">\n    <testcase "
          "classname=\"%s\" name=\"",
          r->v->outcome == SL_OUTCOME_DIFFERENT, r->v->outcome == SL_OUTCOME_INCONCLUSIVE, name);
  sl_plot_text(out, r->path);
  if (!element) {
    fputs("\"/>\n  </testsuite>\n</testsuites>\n", out);
    return;
  }
  fprintf(out, "\">\n      <%s message=\"", element);
  sl_plot_text(out, reason);
  fputs("\">", out);
  for (size_t i = 0; i < r->causes->n && i < SL_DUMP_CAUSES; i++) {
    char text[SL_DUMP_CAUSE];
    sl_dump_cause_text(text, r->causes->found[i]);
    sl_plot_text(out, text);
    fputc('\n', out);
  }
  fprintf(out, "</%s>\n    </testcase>\n  </testsuite>\n</testsuites>\n", element);
}

static void print_tensor(FILE *out, const sl_op_tensor *t, const char *role) {
  static const char *const kinds[] = {"real",
                                      "real, or -infinity",
                                      "real, not below 0",
                                      "index, below the size",
                                      "count, from 1 to the size",
                                      "0 or 1"};
  fprintf(out, "  %-10s %-7s %-6s %s", t->name, role, t->shape[0] ? t->shape : "-", kinds[t->kind]);
  if (t->below) fprintf(out, " %c", t->below);
  fputs(t->optional ? "; optional\n" : "\n", out);
}

void sl_dump_print_conventions(FILE *out, const sl_op *op) {
  fprintf(out, "%s: %s\n\ntensors, with their axes\n", op->name, op->summary);
  for (size_t i = 0; i < sl_op_inputs(op); i++) print_tensor(out, &op->in[i], "input");
  for (size_t o = 0; o < sl_op_outputs(op); o++) print_tensor(out, &op->out[o], "output");
  if (sl_op_settings(op)) fputs("\nsettings\n", out);
  const sl_op_case c = sl_op_case_of(op);
  for (size_t i = 0; i < sl_op_settings(op); i++) {
    char text[64];
    sl_op_setting_text(text, sizeof text, &c, i);
    fprintf(out, "  %-12s default %-14s ", op->setting[i].name, text);
    if (op->choices[i])
      fprintf(out, "%s\n", op->choices[i]);
    else
      fprintf(out, "from %g to %g\n", op->setting[i].low, op->setting[i].high);
  }
  fputs("\nstored (contract)", out);
  for (size_t i = 0; op->stored[i]; i++) fprintf(out, " %s", op->stored[i]);
  fputs(op->stored[0] ? "\n" : " none\n", out);
  int some = 0;
  for (int i = 1; i < SL_CAUSES; i++) {
    const sl_cause_row *row = sl_cause_at((sl_cause)i);
    if (row->op != op) continue;
    fprintf(out, "%s  %-10s %s\n", some++ ? "" : "\ncauses that are known, with ids of defects\n",
            row->defects, row->text);
  }
}
