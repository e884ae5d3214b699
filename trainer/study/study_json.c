/* The results of a study as JSON (docs/study.md lists the members). */
#include "study_json.h"

#include "trainer/files/json.h"

#include <math.h>
#include <stdlib.h>

/* JSON has no NaN and no infinity: null. */
static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *estimate(const sl_estimate *e) {
  json_t *o = json_pack("{s:I, s:o}", "n", (json_int_t)e->n, "mean", number(e->mean));
  if (e->n >= 3) {
    json_object_set_new(o, "interval", json_pack("[o, o]", number(e->low), number(e->high)));
    json_object_set_new(o, "p", number(e->p));
  } else if (e->n) {
    json_object_set_new(o, "range", json_pack("[o, o]", number(e->low), number(e->high)));
  }
  return o;
}

static json_t *run(const sl_study_results *r, size_t i) {
  const sl_study_table *t = r->table;
  const sl_study_run *of = &t->run[i];
  json_t *measures = json_object();
  json_t *o = json_pack("{s:s, s:I, s:b, s:o}", "arm", t->study->arm[of->arm].name, "seed",
                        (json_int_t)t->study->seed[of->seed], "finished", r->result[i].present,
                        "measures", measures);
  if (*of->problem) json_object_set_new(o, "problem", json_string(of->problem));
  if (!r->result[i].present) return o;
  for (int m = 0; m < SL_MEASURE_COUNT; m++)
    json_object_set_new(measures, sl_measure_rows[m].key, number(r->result[i].measure[m]));
  json_object_set_new(o, "state", json_string(r->result[i].curves.state));
  return o;
}

static json_t *arm(const sl_study_results *r, size_t a) {
  const sl_study *s = r->table->study;
  json_t *measures = json_object(), *differences = json_object();
  json_t *o = json_pack("{s:s, s:o, s:o}", "name", s->arm[a].name, "measures", measures,
                        "less_baseline", differences);
  for (int m = 0; m < SL_MEASURE_COUNT; m++) {
    size_t never;
    const sl_estimate e = sl_study_estimate(r, a, (sl_measure)m, &never);
    json_t *one = estimate(&e);
    if (m == SL_MEASURE_FORMAT_TIME || m == SL_MEASURE_SUCCESS_TIME)
      json_object_set_new(one, "never_reached", json_integer((json_int_t)never));
    json_object_set_new(measures, sl_measure_rows[m].key, one);
    if (s->roles.baseline == SL_STUDY_NONE || s->roles.baseline == a) continue;
    const sl_estimate d = sl_study_difference(r, a, s->roles.baseline, (sl_measure)m);
    json_object_set_new(differences, sl_measure_rows[m].key, estimate(&d));
  }
  return o;
}

static json_t *finding(const sl_finding *f) {
  json_t *contrasts = json_array();
  for (size_t i = 0; i < f->n; i++) {
    json_t *c = estimate(&f->contrast[i].estimate);
    json_object_set_new(c, "label", json_string(f->contrast[i].label));
    json_object_set_new(c, "logarithm_of_a_ratio", json_boolean(f->contrast[i].ratio));
    json_object_set_new(c, "seeds_left_out", json_integer((json_int_t)f->contrast[i].left_out));
    json_array_append_new(contrasts, c);
  }
  return json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:o, s:s}", "key", f->key, "claim", f->claim,
                   "measured", f->method, "p", number(f->p), "p_holm", number(f->adjusted),
                   "both_signs", f->mixed, "contrasts", contrasts, "verdict",
                   sl_verdict_words[f->verdict]);
}

sl_status sl_study_json_write(FILE *out, const sl_study_results *r, const sl_findings *findings,
                              sl_error *err) {
  const sl_study_table *t = r->table;
  json_t *runs = json_array(), *arms = json_array(), *found = json_array();
  for (size_t i = t->warm; i < t->n; i++) json_array_append_new(runs, run(r, i));
  for (size_t a = 0; a < t->study->arms; a++) json_array_append_new(arms, arm(r, a));
  for (size_t i = 0; i < findings->n; i++)
    json_array_append_new(found, finding(&findings->finding[i]));
  json_t *root =
      json_pack("{s:i, s:o, s:b, s:o, s:o, s:o}", "version", 1, "clip_ratio", number(r->clip_ratio),
                "exercised", r->exercised, "findings", found, "arms", arms, "runs", runs);
  char *text = root ? sl_json_dump(root, JSON_INDENT(1)) : NULL;
  json_decref(root);
  if (!text) return sl_fail(err, SL_ERR_MEMORY, "no memory for the results of a study");
  const int failed = fprintf(out, "%s\n", text) < 0;
  free(text);
  return failed ? sl_fail(err, SL_ERR_IO, "the results of a study cannot be written") : SL_OK;
}
