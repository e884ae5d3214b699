/* A comparison as text, JSON and a picture (see compare.h). */
#include "compare.h"

#include "kernels/support/plot.h"

#include <jansson.h>
#include <math.h>
#include <mpfr.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 9, CELL = 13 };

/* x, of at most 256 bits, rounded to the nearest decimal of n digits. */
static void rounded(char *out, size_t size, const arf_t x, int n) {
  mpfr_t y;
  mpfr_init2(y, 256);
  arf_get_mpfr(y, x, MPFR_RNDN);
  mpfr_snprintf(out, size, "%#.*Rg", n, y);
  mpfr_clear(y);
}

/* As many digits, up to DIGITS, as both ends of the enclosure round to alike: so does the value. 0
 * where that is not one digit. */
static int digits(char *out, size_t size, const arb_t x) {
  char other[40];
  arf_t low, high;
  int n = arb_is_finite(x) ? DIGITS : 0;
  arf_init(low), arf_init(high);
  if (n) arb_get_interval_arf(low, high, x, 256);
  for (; n > 0; n--) {
    rounded(out, size, low, n), rounded(other, sizeof other, high, n);
    if (strcmp(out, other) == 0) break;
  }
  arf_clear(low), arf_clear(high);
  return n;
}

/* `instead`: what is known where x is not. */
static void cell(FILE *out, const arb_t x, const char *instead) {
  char text[40];
  fprintf(out, " %*s", CELL, digits(text, sizeof text, x) ? text : instead);
}

/* What stands for a number in the table. */
static const char NONE[] = "none", INFINITE[] = "inf", UNKNOWN[] = "?";

static void print_legend(FILE *out, const sl_compared *c, size_t n) {
  int none = 0, unbounded = 0;
  for (size_t i = 0; i < n; i++) {
    none |= c[i].no_half_below || c[i].no_half_above;
    unbounded |= c[i].unbounded;
  }
  if (none) fputs("none: f' is above 1/2 on that side of r = 1\n", out);
  if (unbounded) fputs("inf: r f' grows beyond all bounds\n", out);
  fputs("A number is the value rounded to the digits that are shown; ?: not known\n", out);
}

/* The interval of the parameter, its ends rounded outward to a tenth of its width. */
static void print_interval(FILE *out, const sl_compared *c) {
  const double low = sl_decimal_to_double(c->low), high = sl_decimal_to_double(c->high),
               unit = pow(10, floor(log10(high - low)) - 1);
  double from = floor(low / unit) * unit, to = ceil(high / unit) * unit;
  if (from > low) from -= unit;
  if (to < high) to += unit;
  const int decimals = (int)fmax(0, -log10(unit) + 0.5);
  fprintf(out, ": %s is in [%.*f, %.*f]", c->v.def->param[c->parameter].name, decimals, from,
          decimals, to);
}

/* "sigmoid, tau 2" */
static void label_of(char *out, size_t size, const sl_compared *c, int positive) {
  size_t used = (size_t)snprintf(out, size, "%s", c->v.def->name);
  for (int i = 0; i < c->v.def->param_count && used < size; i++) {
    char value[48];
    sl_decimal_print(value, sizeof value, c->v.def->param[i].value[positive]);
    used += (size_t)snprintf(out + used, size - used, ", %s %s", c->v.def->param[i].name, value);
  }
}

static const char *result_text(sl_match_result result) {
  static const char *const texts[] = {
      "",
      "the reference",
      "matched",
      "not matched: no such parameter",
      "not matched: the file's range does not reach it",
      "not matched: a measure is not known",
  };
  return texts[result];
}

/* What the measures of a row rest on. */
static void print_properties(FILE *out, const sl_compared *c) {
  static const char *const names[] = {"P1", "P2", "P3", "P4"};
  const char *before = "not admissible: ";
  for (int k = 0; k < SL_P4W; k++)
    if (c->property[k] != SL_PROVED)
      fprintf(out, "%s%s %s", before, names[k],
              c->property[k] == SL_REFUTED ? "refuted" : "undecided"),
          before = ", ";
  fputs(*before == 'n' ? "admissible" : "", out);
}

void sl_compare_text(FILE *out, const sl_compared *c, size_t n, const sl_compare_request *request) {
  char label[SL_COMPARED][96], spread[48];
  int width = 4;
  for (size_t i = 0; i < n; i++) {
    label_of(label[i], sizeof label[i], &c[i], request->positive);
    if ((int)strlen(label[i]) > width) width = (int)strlen(label[i]);
  }
  fprintf(out, "%-*s %*s %*s %*s", width, request->positive ? "A > 0" : "A <= 0", CELL,
          "half below", CELL, "half above", CELL, "sup r f'");
  for (int k = 0; k < request->spreads; k++) {
    char head[64];
    sl_decimal_print(spread, sizeof spread, request->spread[k]);
    snprintf(head, sizeof head, "EUR s=%s", spread);
    fprintf(out, " %*s", CELL, head);
  }
  fputc('\n', out);
  for (size_t i = 0; i < n; i++) {
    fprintf(out, "%-*s", width, label[i]);
    cell(out, c[i].half_below, c[i].no_half_below ? NONE : UNKNOWN);
    cell(out, c[i].half_above, c[i].no_half_above ? NONE : UNKNOWN);
    cell(out, c[i].supremum, c[i].unbounded ? INFINITE : UNKNOWN);
    for (int k = 0; k < request->spreads; k++) cell(out, c[i].eur[k], UNKNOWN);
    fputs("  ", out);
    print_properties(out, &c[i]);
    if (c[i].result) fprintf(out, "; %s", result_text(c[i].result));
    if (c[i].result == SL_MATCHED) print_interval(out, &c[i]);
    fputc('\n', out);
  }
  print_legend(out, c, n);
}

static json_t *ball(const arb_t x) {
  if (!arb_is_finite(x)) return json_null();
  char *text = arb_get_str(x, 17, 0);
  json_t *j =
      json_pack("{s:s, s:f}", "enclosure", text, "value", arf_get_d(arb_midref(x), ARF_RND_NEAR));
  flint_free(text);
  return j;
}

/* A text where the value is known not to be a number. */
static json_t *ball_or(const arb_t x, const char *instead) {
  return instead && !arb_is_finite(x) ? json_string(instead) : ball(x);
}

static json_t *decimal(sl_decimal x) {
  char text[48];
  sl_decimal_print(text, sizeof text, x);
  return json_string(text);
}

static json_t *gate(const sl_compared *c, const sl_compare_request *q) {
  static const char *const results[] = {NULL,           "reference",    "matched",
                                        "no parameter", "out of range", "unknown"};
  static const char *const names[] = {"P1", "P2", "P3", "P4"};
  json_t *parameters = json_object(), *verdicts = json_object(), *eur = json_array();
  char text[48];
  for (int i = 0; i < c->v.def->param_count; i++) {
    sl_decimal_print(text, sizeof text, c->v.def->param[i].value[q->positive]);
    json_object_set_new(parameters, c->v.def->param[i].name, json_string(text));
  }
  for (int k = 0; k < SL_P4W; k++)
    json_object_set_new(verdicts, names[k], json_string(sl_verdict_name(c->property[k])));
  for (int k = 0; k < q->spreads; k++) {
    sl_decimal_print(text, sizeof text, q->spread[k]);
    json_array_append_new(eur, json_pack("{s:s, s:o}", "spread", text, "eur", ball(c->eur[k])));
  }
  json_t *j = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "gate", c->v.def->name, "parameters",
                        parameters, "verdicts", verdicts, "half_below",
                        ball_or(c->half_below, c->no_half_below ? NONE : NULL), "half_above",
                        ball_or(c->half_above, c->no_half_above ? NONE : NULL), "sup_rf",
                        ball_or(c->supremum, c->unbounded ? INFINITE : NULL), "eur", eur);
  if (c->result) json_object_set_new(j, "match", json_string(results[c->result]));
  if (c->result == SL_MATCHED)
    json_object_set_new(j, "matched_between",
                        json_pack("[o, o]", decimal(c->low), decimal(c->high)));
  return j;
}

int sl_compare_json(FILE *out, const sl_compared *c, size_t n, const sl_compare_request *request) {
  json_t *gates = json_array();
  for (size_t i = 0; i < n; i++) json_array_append_new(gates, gate(&c[i], request));
  json_t *j = json_pack("{s:s, s:o, s:o}", "side", request->positive ? "A > 0" : "A <= 0", "match",
                        request->match ? json_string(sl_match_name(request->match)) : json_null(),
                        "gates", gates);
  const int failed = !j || json_dumpf(j, out, JSON_INDENT(2)) != 0;
  fputc('\n', out);
  json_decref(j);
  return failed;
}

enum { POINTS = 601, SPREAD_POINTS = 65 };
static const double R_MAX = 4, SPREAD_MAX = 2;

typedef struct {
  double r[POINTS], w[SL_COMPARED][POINTS], e[SL_COMPARED][POINTS];
  double s[SPREAD_POINTS], eur[SL_COMPARED][SPREAD_POINTS];
  char label[SL_COMPARED][96];
} curves;

/* f' and r f' in binary64 at the parameters of the comparison. */
static void sample(curves *k, size_t i, const sl_compared *c, int positive) {
  sl_gate gate;
  sl_gate_definition *def = NULL;
  sl_gate_parameter parameter[SL_GATE_PARAMETER_LIMIT];
  sl_error err;
  const int count = c->v.def->param_count;
  for (int p = 0; p < count; p++) {
    const sl_gate_declared *d = &c->v.def->param[p];
    parameter[p] = (sl_gate_parameter){
        d->name, {sl_decimal_to_double(d->value[0]), sl_decimal_to_double(d->value[1])}};
  }
  double f[POINTS];
  const int loaded = sl_gate_load(&gate, &def, c->v.name, parameter, (size_t)count, &err) == SL_OK;
  if (loaded) sl_gate_evaluate64(def, positive, k->r, f, k->w[i], POINTS);
  for (int p = 0; p < POINTS; p++) {
    if (!loaded || !(fabs(k->w[i][p]) <= 5)) k->w[i][p] = (double)NAN;
    k->e[i][p] = k->r[p] * k->w[i][p];
  }
  sl_gate_definition_free(def);
}

static void sample_eur(curves *k, size_t i, const sl_compared *c, int positive) {
  for (int p = 0; p < SPREAD_POINTS; p++) {
    const sl_decimal spread = sl_decimal_from_double(fmax(k->s[p], 1e-3));
    k->eur[i][p] = sl_compare_eur(c, positive, spread);
  }
}

void sl_compare_svg(FILE *out, const sl_compared *c, size_t n, const sl_compare_request *request) {
  static curves k;
  static const char *const titles[] = {"f'(r)", "r f'(r)", "EUR"};
  sl_plot_curve curve[3][SL_COMPARED];
  sl_plot_panel panel[3];
  for (int i = 0; i < POINTS; i++) k.r[i] = R_MAX * i / (POINTS - 1);
  for (int i = 0; i < SPREAD_POINTS; i++) /* EUR bends most near 0 */
    k.s[i] = SPREAD_MAX * i * i / ((SPREAD_POINTS - 1) * (SPREAD_POINTS - 1));
  for (size_t i = 0; i < n; i++) {
    label_of(k.label[i], sizeof k.label[i], &c[i], request->positive);
    sample(&k, i, &c[i], request->positive);
    sample_eur(&k, i, &c[i], request->positive);
    curve[0][i] = (sl_plot_curve){k.label[i], k.r, k.w[i], POINTS, 0};
    curve[1][i] = (sl_plot_curve){k.label[i], k.r, k.e[i], POINTS, 0};
    curve[2][i] = (sl_plot_curve){k.label[i], k.s, k.eur[i], SPREAD_POINTS, 0};
  }
  for (int i = 0; i < 3; i++)
    panel[i] = (sl_plot_panel){
        .title = titles[i],
        .x_label = i < 2 ? "importance ratio r" : "spread s: standard deviation of log r",
        .curve = curve[i],
        .curves = n};
  char title[120];
  snprintf(title, sizeof title, "Gates for %s%s%s", request->positive ? "A > 0" : "A <= 0",
           request->match ? ", matched by " : "",
           request->match ? sl_match_name(request->match) : "");
  sl_plot_write(out, title, NULL, panel, 3, 3);
}
