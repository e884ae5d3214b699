/* The report as JSON. */
#include "verify_report.h"

#include "kernels/support/cli.h"
#include "proofs/prover/place.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static json_t *ball(const arb_t x) {
  if (!arb_is_finite(x)) return json_null();
  char *text = arb_get_str(x, 17, 0);
  json_t *j = json_string(text);
  flint_free(text);
  return j;
}

static json_t *number(double x) {
  return isfinite(x) ? json_real(x) : json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

static json_t *decimal(sl_decimal x) {
  char text[48];
  sl_decimal_print(text, sizeof text, x);
  return json_string(text);
}

/* The values at which a property is refuted, by name, as decimals; the second argument has none
 * where it changes with r. */
static json_t *values(const sl_report *r, const sl_finding *f) {
  json_t *j = json_object();
  for (int i = 0; i < r->def->param_count; i++)
    if (!f->path || i != r->def->old)
      json_object_set_new(j, r->def->param[i].name, decimal(f->at[i]));
  return j;
}

/* What was asked for: a decimal, or a pair of them for a range. */
static json_t *asked(const sl_report *r, int s) {
  json_t *j = json_object();
  for (int i = 0; i < r->def->param_count; i++)
    json_object_set_new(
        j, r->def->param[i].name,
        r->options[s].ranged >> i & 1
            ? json_pack("[o, o]", decimal(r->options[s].low[i]), decimal(r->options[s].high[i]))
            : decimal(r->def->param[i].value[s]));
  return j;
}

/* r = mantissa 2^exponent, exactly; the value that breaks the property, where it has one. */
static json_t *witness(const sl_report *r, const sl_finding *f) {
  char text[SL_PLACE_TEXT];
  fmpz_t m, e;
  fmpz_init(m), fmpz_init(e);
  arf_get_fmpz_2exp(m, e, f->witness.r);
  char *mantissa = fmpz_get_str(NULL, 10, m);
  sl_place_point(text, f->witness.r);
  json_t *j = json_pack("{s:s, s:o, s:s, s:I, s:o}", "r", text, "r_binary64",
                        number(arf_get_d(f->witness.r, ARF_RND_NEAR)), "mantissa", mantissa,
                        "exponent", (json_int_t)fmpz_get_si(e), "parameters", values(r, f));
  if (strcmp(f->refuted_by, "step") != 0) json_object_set_new(j, "value", ball(f->witness.value));
  flint_free(mantissa);
  fmpz_clear(m), fmpz_clear(e);
  return j;
}

static json_t *finding(const sl_report *r, const sl_finding *f) {
  json_t *j = json_pack("{s:s, s:s}", "verdict", sl_verdict_name(f->verdict), "text", f->text);
  if (f->verdict == SL_REFUTED && f->has_witness) json_object_set_new(j, "witness", witness(r, f));
  return j;
}

/* P4 refuted: r f' >= bound, or <= a negative one, for r >= 2^from. */
static void add_bound(json_t *j, const sl_report *r, const sl_finding *f) {
  if (f->verdict != SL_REFUTED) return;
  char *bound = arf_get_str(arb_midref(f->witness.value), 25);
  json_object_set_new(j, "bound", json_string(bound));
  json_object_set_new(j, "from_exponent", json_integer(f->join));
  json_object_set_new(j, "parameters", values(r, f));
  if (f->path)
    json_object_set_new(j, "path", json_pack("{s:s}", r->def->param[r->def->old].name, f->path));
  flint_free(bound);
}

/* Nothing was seen, which says all only where all was looked at. */
static json_t *holds(const sl_report *r, int no_violation) {
  return no_violation && !sl_report_exhaustive(r) ? json_null() : json_boolean(no_violation);
}

static json_t *binary32(const sl_report *r, const sl_float_report *f) {
  json_t *j =
      json_pack("{s:I, s:b, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "ratios", (json_int_t)f->checked,
                "exhaustive", sl_report_exhaustive(r), "one_block_in", (int)r->stride, "holds",
                holds(r, sl_float_holds(f)), "at_one", number((double)f->at_one), "ulp_bound",
                number(f->ulp_bound), "ulp_seen", number(f->ulp_seen), "ulp_at",
                number((double)f->ulp_at), "seconds", number(f->seconds));
  json_t *all = json_array();
  for (int k = 0; k < SL_FLOAT_KINDS; k++) {
    const sl_float_violation *v = &f->violation[k];
    if (v->count)
      json_array_append_new(
          all, json_pack("{s:s, s:I, s:[o,o], s:[o,o]}", "kind",
                         sl_float_kind_name((sl_float_kind)k), "count", (json_int_t)v->count, "r",
                         number((double)v->r[0]), number((double)v->r[1]), "w",
                         number((double)v->w[0]), number((double)v->w[1])));
  }
  json_object_set_new(j, "violations", all);
  json_object_set_new(j, "nan_at_infinity", json_boolean(f->nan_at_infinity));
  return j;
}

static json_t *interval_end(const sl_interval_end *e) {
  static const char *const reasons[] = {"declared", "refuted", "open"};
  json_t *j = json_pack("{s:s, s:o}", "reason", reasons[e->reason], "at", decimal(e->at));
  if (e->reason == SL_END_DECLARED) return j;
  json_object_set_new(j, "property", json_string(sl_property_name(e->property)));
  json_object_set_new(j, "text", json_string(e->text));
  if (e->has_refuted) json_object_set_new(j, "refuted_at", decimal(e->refuted));
  return j;
}

static json_t *largest(const sl_report *r, int s) {
  const sl_largest *l = &r->largest[s];
  const char *name = r->def->param[l->parameter].name;
  if (!l->found) return json_pack("{s:s, s:b}", "parameter", name, "found", 0);
  return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}", "parameter", name, "found", 1, "low",
                   decimal(l->low), "high", decimal(l->high), "low_end", interval_end(&l->end[0]),
                   "high_end", interval_end(&l->end[1]));
}

static json_t *side(const sl_report *r, int s) {
  const sl_side_report *d = &r->side[s];
  json_t *j =
      json_pack("{s:s, s:o, s:I, s:i, s:f}", "side", sl_side_name(r, s), "parameters", asked(r, s),
                "boxes", (json_int_t)d->boxes, "parts", d->parts, "seconds", d->seconds);
  static const char *const names[] = {"P1", "P2", "P3", "P4", "P4w"};
  for (int i = 0; i < SL_PROPERTIES; i++)
    json_object_set_new(j, names[i], finding(r, &d->property[i]));
  json_object_set_new(json_object_get(j, "P3"), "strict",
                      json_boolean(d->property[2].strict && d->property[2].verdict == SL_PROVED));
  add_bound(json_object_get(j, "P4"), r, &d->property[3]);
  json_t *requirements = json_array();
  for (int i = 0; i < r->def->requirement_count; i++) {
    json_t *q = finding(r, &d->requirement[i]);
    json_object_set_new(q, "require", json_string(r->def->requirement[i].text));
    json_array_append_new(requirements, q);
  }
  json_object_set_new(j, "requirements", requirements);
  if (!r->options[s].ranged)
    json_object_set_new(
        j, "measures",
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "f_inf", ball(d->measures.f_low), "f_sup",
                  ball(d->measures.f_high), "effective_sup", ball(d->measures.effective),
                  "effective_at", number(d->measures.effective_at), "half_below",
                  ball(d->measures.half_below), "half_above", ball(d->measures.half_above),
                  "tail_order",
                  d->tail.kind == SL_TAIL_UNKNOWN ? json_null() : number(d->tail.order)));
  if (d->measures.supremum_where) {
    json_t *m = json_object_get(j, "measures");
    json_object_set_new(m, "supremum", ball(d->measures.supremum));
    json_object_set_new(m, "supremum_at", ball(d->measures.supremum_at));
    json_object_set_new(m, "supremum_where", json_string(d->measures.supremum_where));
  }
  if (r->def->old >= 0) json_object_set_new(j, "old", json_string(r->def->param[r->def->old].name));
  if (r->largest) json_object_set_new(j, "largest", largest(r, s));
  if (r->floats) json_object_set_new(j, "binary32", binary32(r, &r->binary32[s]));
  return j;
}

static json_t *report(const sl_report *r) {
  json_t *sides = json_array();
  int none = 1;
  for (int s = 1; s >= 0; s--)
    if (r->sides >> s & 1) {
      json_array_append_new(sides, side(r, s));
      none &= !r->floats || sl_float_holds(&r->binary32[s]);
    }
  return json_pack("{s:s, s:s, s:o, s:o, s:o}", "gate", r->def->name, "verdict",
                   sl_verdict_name(sl_report_verdict(r)), "requirements",
                   r->def->requirement_count
                       ? json_string(sl_verdict_name(sl_report_requirements(r)))
                       : json_null(),
                   "binary32_holds", r->floats ? holds(r, none) : json_null(), "sides", sides);
}

/* A path may hold bytes that are no UTF-8: '?' stands for them. */
static json_t *text_of(const char *text) {
  json_t *j = json_string(text);
  if (j) return j;
  char copy[sizeof((sl_error *)0)->message];
  snprintf(copy, sizeof copy, "%s", text);
  for (char *c = copy; *c; c++)
    if ((unsigned char)*c >= 0x80) *c = '?';
  return json_string(copy);
}

static json_t *verified(const sl_verified *v) {
  if (v->code != SL_EXIT_OK)
    return json_pack("{s:o, s:o, s:i}", "gate", text_of(v->name), "error", text_of(v->err.message),
                     "exit_code", v->code);
  return report(&v->report);
}

int sl_report_json(FILE *out, const sl_verified *v, size_t n) {
  json_t *j = n == 1 ? verified(v) : json_array();
  for (size_t i = 0; n > 1 && i < n; i++) json_array_append_new(j, verified(&v[i]));
  const int failed = !j || json_dumpf(j, out, JSON_INDENT(2)) != 0;
  fputc('\n', out);
  json_decref(j);
  return failed;
}
