/* The report as JSON. */
#include "verify_report.h"

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

static json_t *finding(const sl_finding *f) {
  json_t *j = json_pack("{s:s, s:s}", "verdict", sl_verdict_name(f->verdict), "text", f->text);
  if (f->has_witness) {
    char *r = arf_get_str(f->witness.r, 25);
    json_object_set_new(j, "witness_r", json_string(r));
    json_object_set_new(j, "witness_enclosure", ball(f->witness.value));
    flint_free(r);
  }
  return j;
}

/* P4 refuted: r f' >= bound, or <= a negative one, for r >= 2^from. */
static void add_bound(json_t *j, const sl_finding *f) {
  if (f->verdict != SL_REFUTED) return;
  char *bound = arf_get_str(arb_midref(f->witness.value), 25);
  json_object_set_new(j, "bound", json_string(bound));
  json_object_set_new(j, "from_exponent", json_integer(f->join));
  flint_free(bound);
}

static json_t *number(double x) {
  return isfinite(x) ? json_real(x) : json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

static json_t *binary32(const sl_float_report *f) {
  json_t *j = json_pack("{s:I, s:b, s:o, s:o, s:o, s:o, s:o}", "ratios", (json_int_t)f->checked,
                        "holds", sl_float_holds(f), "at_one", number((double)f->at_one),
                        "ulp_bound", number(f->ulp_bound), "ulp_seen", number(f->ulp_seen),
                        "ulp_at", number((double)f->ulp_at), "seconds", number(f->seconds));
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
  return j;
}

static json_t *side(const sl_report *r, int s) {
  const sl_side_report *d = &r->side[s];
  json_t *j = json_pack("{s:s, s:I, s:i, s:f}", "side", sl_side_name(r, s), "boxes",
                        (json_int_t)d->boxes, "parts", d->parts, "seconds", d->seconds);
  static const char *const names[] = {"P1", "P2", "P3", "P4", "P4w"};
  for (int i = 0; i < SL_PROPERTIES; i++)
    json_object_set_new(j, names[i], finding(&d->property[i]));
  json_object_set_new(json_object_get(j, "P3"), "strict",
                      json_boolean(d->property[2].strict && d->property[2].verdict == SL_PROVED));
  add_bound(json_object_get(j, "P4"), &d->property[3]);
  json_t *requirements = json_array();
  for (int i = 0; i < r->def->requirement_count; i++) {
    json_t *q = finding(&d->requirement[i]);
    json_object_set_new(q, "require", json_string(r->def->requirement[i].text));
    json_array_append_new(requirements, q);
  }
  json_object_set_new(j, "requirements", requirements);
  if (!r->options->ranged)
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
  if (r->floats) json_object_set_new(j, "binary32", binary32(&r->binary32[s]));
  return j;
}

int sl_report_json(FILE *out, const sl_report *r) {
  json_t *sides = json_array();
  for (int s = 1; s >= 0; s--)
    if (r->sides >> s & 1) json_array_append_new(sides, side(r, s));
  json_t *j =
      json_pack("{s:s, s:s, s:o, s:o}", "gate", r->def->name, "verdict",
                sl_verdict_name(sl_report_verdict(r)), "requirements",
                r->def->requirement_count ? json_string(sl_verdict_name(sl_report_requirements(r)))
                                          : json_null(),
                "sides", sides);
  const int failed = !j || json_dumpf(j, out, JSON_INDENT(2)) != 0;
  fputc('\n', out);
  json_decref(j);
  return failed;
}
