/* Writing certificates (spec G4.1, G4.2, G4.3, G4.4): what was proved, and the boxes, zones and
 * tail exponents that a checker needs to see it without searching. */
#include "certificate.h"

#include "kernels/support/output.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct sl_certificate {
  const sl_gate_definition *def;
  unsigned ranged; /* of the side's parameters */
  sl_output out;
  int failed;
};

static const char *const goals[] = {"defined",  "up",         "down",  "below", "at-most-0",
                                    "curve-up", "curve-down", "rises", "falls"};

sl_status sl_certificate_open(sl_certificate **out, const char *path, const sl_gate_definition *def,
                              sl_error *err) {
  sl_certificate *c = calloc(1, sizeof *c);
  if (!c) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for a certificate", path);
  c->def = def;
  const sl_status status = sl_output_begin(&c->out, path, err);
  if (status) {
    free(c);
    return status;
  }
  fprintf(c->out.stream, "sluice-certificate 2\ngate %s\n", def->name);
  if (def->old >= 0) fprintf(c->out.stream, "old %s\n", def->param[def->old].name);
  *out = c;
  return SL_OK;
}

static void decimal(FILE *out, sl_decimal x) {
  char text[48];
  sl_decimal_print(text, sizeof text, x);
  fprintf(out, " %s", text);
}

static void write_expression(sl_certificate *c, const sl_tree *tree, sl_ref ref) {
  static char text[20000];
  char names[SL_GATE_PARAMETER_LIMIT][32];
  memcpy(names, c->def->param_name, sizeof names);
  if (!sl_tree_print(text, sizeof text, tree, ref, names)) c->failed = 1;
  fputs(text, c->out.stream);
}

static void write_parameters(sl_certificate *c, const sl_cell *cell) {
  const sl_gate_definition *def = c->def;
  c->ranged = sl_cell_ranged(cell);
  for (int i = 0; i < def->param_count; i++) {
    const int ranged = c->ranged >> i & 1;
    fprintf(c->out.stream, "%s %s", ranged ? "range" : "parameter", def->param[i].name);
    decimal(c->out.stream, cell->low[i]);
    if (ranged) decimal(c->out.stream, cell->high[i]);
    fputc('\n', c->out.stream);
  }
}

void sl_certificate_side(sl_certificate *c, int positive, const sl_cell *cell) {
  const sl_gate_definition *def = c->def;
  const int weight = def->f[positive] == SL_NO_REF;
  fprintf(c->out.stream, "side %s\n%s ", positive ? "pos" : "neg", weight ? "weight" : "value");
  write_expression(c, &def->tree, weight ? def->w[positive] : def->f[positive]);
  fputc('\n', c->out.stream);
  write_parameters(c, cell);
}

void sl_certificate_requirement(sl_certificate *c, const sl_gate_requirement *q,
                                const sl_cell *cell, int follows) {
  fputs("require ", c->out.stream);
  write_expression(c, &c->def->tree, q->left);
  fputs(" <= ", c->out.stream);
  write_expression(c, &c->def->tree, q->right);
  fputs("\nover", c->out.stream);
  decimal(c->out.stream, q->r_low);
  if (q->r_high.e == INT32_MAX)
    fputs(" inf", c->out.stream);
  else
    decimal(c->out.stream, q->r_high);
  fputc('\n', c->out.stream);
  write_parameters(c, cell);
  if (follows) fputs("R proved by-P2\n", c->out.stream);
}

/* x = m 2^e exactly, or "inf 0" */
static void dyadic(FILE *out, const arf_t x) {
  if (arf_is_inf(x)) {
    fputs(" inf 0", out);
    return;
  }
  fmpz_t m, e;
  fmpz_init(m), fmpz_init(e);
  arf_get_fmpz_2exp(m, e, x);
  char *a = fmpz_get_str(NULL, 10, m), *b = fmpz_get_str(NULL, 10, e);
  fprintf(out, " %s %s", a, b);
  flint_free(a), flint_free(b);
  fmpz_clear(m), fmpz_clear(e);
}

static void ball_ends(FILE *out, const arb_t x, slong prec) {
  arf_t a, b;
  arf_init(a), arf_init(b);
  arb_get_interval_arf(a, b, x, prec);
  dyadic(out, a), dyadic(out, b);
  arf_clear(a), arf_clear(b);
}

static void write_box(FILE *out, const sl_problem *p, arb_srcptr box) {
  for (int i = 0; i < p->def->param_count; i++)
    if (p->ranged >> i & 1) ball_ends(out, box + i, 300);
}

/* The values of the side's ranged parameters. */
static void write_point(FILE *out, const sl_certificate *c, const sl_decimal *at) {
  for (int k = 0; k < c->def->param_count; k++)
    if (c->ranged >> k & 1) decimal(out, at[k]);
}

static void write_tail(FILE *out, const char *word, const sl_tail_claim *tail) {
  if (tail->means == SL_TAIL_BY_BOXES)
    fprintf(out, " %s boxes", word);
  else if (tail->means == SL_TAIL_BY_LIMIT)
    fprintf(out, " %s limit", word);
  else if (tail->means == SL_TAIL_BY_SLOPE_FORM)
    fprintf(out, " slope-%s %ld", word, tail->exponent);
  else if (tail->means == SL_TAIL_BY_LOG_FORM)
    fprintf(out, " log-%s %ld", word, tail->exponent);
  else if (tail->means == SL_TAIL_BY_DECAY)
    fprintf(out, " decay %ld", tail->exponent);
  else if (tail->means == SL_TAIL_BY_LOG_DECAY)
    fprintf(out, " log-decay %ld", tail->exponent);
  else if (tail->means == SL_TAIL_BY_LEMMA)
    fprintf(out, " bounded %ld", tail->exponent);
  else
    fprintf(out, " %s %ld", word, tail->exponent);
}

static const char *const names[SL_PROPERTIES] = {"P1", "P2", "P3", "P4", "P4w"};

static void write_proved(FILE *out, const sl_proof *proof, int i) {
  fprintf(out, "%s proved", names[i]);
  if (i == 0) write_tail(out, "tail", &proof->tail_defined);
  if (i == 1 && proof->property[2].verdict == SL_PROVED) fputs(" by-P3", out);
  if (i == 1 && proof->property[2].verdict != SL_PROVED)
    write_tail(out, "below", &proof->tail_below);
  if (i == 2) {
    fputs(proof->property[2].strict ? " strict" : " weak", out);
    write_tail(out, "tail", &proof->tail_slope);
  }
  if (i == 3) write_tail(out, "tail", &proof->tail_product);
  if (i == SL_P4W && proof->property[3].verdict == SL_PROVED)
    fputs(" by-P4", out);
  else if (i == SL_P4W)
    write_tail(out, "tail", &proof->tail_limit);
}

static void write_property(const sl_certificate *c, const sl_proof *proof, int i) {
  FILE *out = c->out.stream;
  const sl_finding *f = &proof->property[i];
  if (f->verdict == SL_PROVED) {
    write_proved(out, proof, i);
  } else if (f->verdict == SL_UNDECIDED) {
    fprintf(out, "%s undecided", names[i]);
  } else if (i == SL_P4W) {
    fputs("P4w refuted", out);
    write_tail(out, "tail", &proof->tail_limit);
    write_point(out, c, f->at);
  } else if (i == 3) {
    fprintf(out, "P4 refuted %s %d", f->refuted_by, f->join);
    dyadic(out, arb_midref(f->witness.value));
    write_point(out, c, f->at);
  } else {
    fprintf(out, "P%d refuted %s %d", i + 1, f->refuted_by, f->join);
    dyadic(out, f->witness.r);
    write_point(out, c, f->at);
  }
  fputc('\n', out);
}

/* Without P3 how far its proof came is not told. */
static void write_segment(FILE *out, const sl_proof *proof, const sl_problem *p, int i) {
  const sl_segment_proof open = {.low = {1, 0}, .high = {i + 1 < p->joins, 0}},
                         *s = proof->property[2].verdict == SL_PROVED ? &proof->segment[i] : &open;
  fprintf(out, "segment %d %s %s %d %d %d %d\n", i, i < p->one ? "up" : "down",
          s->constant ? "constant"
          : s->weak   ? "weak"
                      : "moving",
          s->low.order, s->low.shift, s->high.order, s->high.shift);
}

/* Does a claimed property rest on forms of the kind? What none rests on is not shown to the
 * checker, which might not follow it. */
static int form_needed(const sl_proof *proof, sl_form kind) {
  const sl_finding *f = proof->property;
  const int top = f[1].verdict == SL_PROVED, shape = f[2].verdict == SL_PROVED,
            product = f[3].verdict == SL_PROVED;
  if (kind == SL_FORM_OVER) return top && !shape;
  if (kind == SL_FORM_WEIGHT) return product || f[SL_P4W].verdict == SL_PROVED;
  return top || shape || (product && proof->tail_product.means == SL_TAIL_BY_LEMMA);
}

static int any_claim(const sl_proof *proof, int n) {
  int any = 0;
  for (int i = 0; i < n; i++) any |= proof->property[i].verdict != SL_UNDECIDED;
  return any;
}

static void write_courses(sl_certificate *c, const sl_problem *p) {
  for (int i = 0; i < p->course_count; i++) {
    fputs("course ", c->out.stream);
    write_expression(c, &p->courses, p->course[i]);
    fputc('\n', c->out.stream);
  }
}

/* Of a requirement all that were used: proof NULL. */
static void write_forms(sl_certificate *c, const sl_proof *proof, const sl_problem *p) {
  static const char *const kinds[SL_FORMS] = {"weight", "over", "slope"};
  for (int i = 0; i < p->joins; i++)
    for (int k = 0; k < SL_FORMS; k++)
      if (p->segment[i].form_used[k] && (!proof || form_needed(proof, (sl_form)k))) {
        fprintf(c->out.stream, "form %d %s ", i, kinds[k]);
        write_expression(c, &p->segment[i].tree, p->segment[i].form[k]);
        fputc('\n', c->out.stream);
      }
}

static void write_region(FILE *out, const sl_claim_list *list, const sl_region *g,
                         const sl_problem *p) {
  fprintf(out, "region %d %s %ld", g->segment, goals[g->goal], (long)g->order);
  dyadic(out, g->low), dyadic(out, g->high);
  fprintf(out, " %zu\n", g->count);
  for (size_t k = g->first; k < g->first + g->count; k++) {
    fputc('c', out);
    dyadic(out, list->claim[k].low), dyadic(out, list->claim[k].high);
    write_box(out, p, list->claim[k].box);
    fputc('\n', out);
  }
}

/* Does a claimed property rest on the region? */
static int needed(const sl_proof *proof, const sl_region *g) {
  const int shape = proof->property[2].verdict == SL_PROVED,
            top = proof->property[1].verdict == SL_PROVED && !shape;
  if (g->goal == SL_GOAL_DEFINED) return proof->property[0].verdict == SL_PROVED;
  if (g->goal == SL_GOAL_FALLS && arf_is_inf(g->high) && proof->property[3].verdict == SL_PROVED &&
      proof->tail_product.means == SL_TAIL_BY_LEMMA)
    return 1;
  const int next_to_one = arf_cmp_si(g->low, 1) == 0 || arf_cmp_si(g->high, 1) == 0;
  return g->goal == SL_GOAL_BELOW ? top : shape || (top && next_to_one);
}

/* None where the cut failed. */
static int segments_of(const sl_problem *p) { return *p->why ? 0 : p->joins; }

static void write_part_head(const sl_certificate *c, const sl_problem *p) {
  fputs("part", c->out.stream);
  for (int i = 0; i < p->def->param_count; i++)
    if (c->ranged >> i & 1)
      decimal(c->out.stream, p->cell.low[i]), decimal(c->out.stream, p->cell.high[i]);
  fprintf(c->out.stream, "\njoins %d\n", segments_of(p));
}

/* Has the list the region before its i-th? Searches for two properties may both have found it. */
static int is_repeated(const sl_claim_list *list, size_t i) {
  const sl_region *g = &list->region[i];
  int found = 0;
  for (size_t k = 0; k < i && !found; k++) {
    const sl_region *h = &list->region[k];
    found = g->segment == h->segment && g->goal == h->goal && g->order == h->order &&
            arf_equal(g->low, h->low) && arf_equal(g->high, h->high);
  }
  return found;
}

void sl_certificate_part(sl_certificate *c, const sl_proof *proof, sl_problem *p) {
  FILE *out = c->out.stream;
  write_part_head(c, p);
  for (int i = 0; i < SL_PROPERTIES; i++) write_property(c, proof, i);
  for (int i = 0; i < segments_of(p); i++) write_segment(out, proof, p, i);
  if (any_claim(proof, SL_PROPERTIES)) write_courses(c, p);
  write_forms(c, proof, p);
  for (size_t i = 0; i < proof->claims.region_count; i++)
    if (needed(proof, &proof->claims.region[i]) && !is_repeated(&proof->claims, i))
      write_region(out, &proof->claims, &proof->claims.region[i], p);
  fputs("end\n", out);
}

void sl_certificate_requirement_part(sl_certificate *c, const sl_proof *proof, sl_problem *p) {
  FILE *out = c->out.stream;
  const sl_finding *f = &proof->property[0];
  write_part_head(c, p);
  if (f->verdict == SL_PROVED) {
    fputs("R proved", out);
    write_tail(out, "tail", &proof->tail_below);
  } else if (f->verdict == SL_REFUTED) {
    fprintf(out, "R refuted %s %d", f->refuted_by, f->join);
    dyadic(out, f->witness.r);
    write_point(out, c, f->at);
  } else {
    fputs("R undecided", out);
  }
  fputc('\n', out);
  if (any_claim(proof, 1)) write_courses(c, p);
  if (f->verdict == SL_PROVED) write_forms(c, NULL, p);
  for (size_t i = 0; i < proof->claims.region_count && f->verdict == SL_PROVED; i++)
    if (!is_repeated(&proof->claims, i))
      write_region(out, &proof->claims, &proof->claims.region[i], p);
  fputs("end\n", out);
}

sl_status sl_certificate_close(sl_certificate *c, sl_error *err) {
  if (!c) return SL_OK;
  sl_status status = SL_OK;
  const char *text = sl_text_stream_flush(&c->out.made); /* NULL: sl_output_end says it */
  const XXH128_hash_t h = XXH3_128bits(text, text ? c->out.made.size : 0);
  fprintf(c->out.stream, "digest %016llx%016llx\n", (unsigned long long)h.high64,
          (unsigned long long)h.low64);
  if (c->failed) {
    status = sl_fail(err, SL_ERR_MEMORY,
                     "%s: the certificate's expression exceeds 20,000 characters", c->out.path);
    sl_output_abort(&c->out);
  } else {
    status = sl_output_end(&c->out, err);
  }
  free(c);
  return status;
}
