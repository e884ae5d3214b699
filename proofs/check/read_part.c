/* The records of a part (spec G4.3, G4.4); claims.c checks what they say. */
#include "read_part.h"

#include "claims.h"
#include "tail.h"

#include <stdlib.h>
#include <string.h>

enum { CELL_LIMIT = 2000000 };

static int box_fields(reader_t *r, const int *ranged, mpfi_t *box) {
  for (int i = 0; i < MAX_PARAMS; i++) {
    mpfi_init2(box[i], 512);
    if (ranged[i] && (!slc_interval(r, box[i]) || mpfr_sgn(&box[i]->left) < 0 ||
                      mpfr_cmp_ui(&box[i]->right, 1) > 0))
      return 0;
  }
  return 1;
}

/* The parameters of what refutes. */
static int read_point(reader_t *r, const int *ranged, claim_t *p) {
  for (int k = 0; k < MAX_PARAMS; k++)
    if (ranged[k] && !slc_decimal(r, p->at[k]))
      return slc_refuse(r, "expected a witness's parameter");
  return slc_line_ends(r);
}

/* After "Pn refuted": what refutes, the join, and the witness. */
static int read_witness(reader_t *r, const int *ranged, claim_t *p) {
  const char *kind = slc_field(r);
  long join;
  if (!kind || !slc_keep(p->refuted_by, sizeof p->refuted_by, kind))
    return slc_refuse(r, "expected what refutes");
  if (!slc_integer(r, 0, SEGMENTS, &join) || !slc_dyadic(r, p->r))
    return slc_refuse(r, "expected a witness");
  p->join = (int)join;
  return read_point(r, ranged, p);
}

/* "boxes", "limit" (of P4w) or the exponent of a tail form. */
static int read_means(reader_t *r, claim_t *p, int i) {
  const char *word = i < 3 ? "boxes" : i == P4W ? "limit" : NULL;
  const size_t size = word ? strlen(word) : 0;
  if (size && r->token && !strncmp(r->token, word, size) &&
      (!r->token[size] || r->token[size] == ' ')) {
    slc_field(r);
    p->means = i < 3 ? T_BOXES : T_LIMIT;
    return 1;
  }
  return slc_integer(r, 0, FARTHEST, &p->tail) || slc_refuse(r, "expected the tail's exponent");
}

/* After "Pn proved", or "P4w refuted": what the proof rests on; a tail form in log r where it is
 * allowed. */
static int read_basis(reader_t *r, const int *ranged, claim_t *p, int i, int in_log) {
  if (i == 2) {
    const char *kind = slc_field(r);
    if (!kind || (strcmp(kind, "strict") && strcmp(kind, "weak")))
      return slc_refuse(r, "expected strict or weak");
    p->strict = kind[0] == 's';
  }
  const char *basis = slc_field(r);
  if (p->verdict == V_PROVED && basis &&
      ((i == 1 && !strcmp(basis, "by-P3")) || (i == P4W && !strcmp(basis, "by-P4")))) {
    p->by_other = 1;
    return slc_line_ends(r);
  }
  p->means = T_FORM;
  if (i == P4 && basis && !strcmp(basis, "slope-tail"))
    p->means = T_SLOPE;
  else if (in_log && basis && !strcmp(basis, "log-tail"))
    p->means = T_LOG;
  else if (i == P4 && basis && !strcmp(basis, "bounded"))
    p->means = T_BOUNDED;
  else if (i == P4 && basis && !strcmp(basis, "decay"))
    p->means = T_DECAY;
  else if (i == P4 && basis && !strcmp(basis, "log-decay"))
    p->means = T_LOG_DECAY;
  else if (!basis || strcmp(basis, i == 1 ? "below" : "tail"))
    return slc_refuse(r, "expected the tail's exponent");
  if (!read_means(r, p, i)) return 0;
  return p->verdict == V_REFUTED ? read_point(r, ranged, p) : slc_line_ends(r);
}

/* After "P4 refuted": which way, for r >= 2^which exponent, and the bound. */
static int read_bound(reader_t *r, const int *ranged, claim_t *p) {
  const char *way = slc_field(r);
  if (!way || (strcmp(way, "above") && strcmp(way, "below")))
    return slc_refuse(r, "expected above or below");
  p->above = way[0] == 'a';
  if (!slc_integer(r, 0, FARTHEST, &p->tail) || !slc_dyadic(r, p->r))
    return slc_refuse(r, "expected an exponent and a bound");
  return read_point(r, ranged, p);
}

static int read_property(reader_t *r, const int *ranged, claim_t *p, int i) {
  static const char *const names[PROPERTIES] = {"P1", "P2", "P3", "P4", "P4w"};
  const char *verdict;
  mpfr_init2(p->r, 512);
  for (int k = 0; k < MAX_PARAMS; k++) mpq_init(p->at[k]);
  if (!slc_next_line(r) || !slc_word(r, names[i]) || !(verdict = slc_field(r)))
    return slc_refuse(r, "expected P1 to P4 and P4w");
  p->verdict = !strcmp(verdict, "proved")    ? V_PROVED
               : !strcmp(verdict, "refuted") ? V_REFUTED
                                             : V_UNDECIDED;
  if (p->verdict == V_UNDECIDED)
    return (!strcmp(verdict, "undecided") && slc_done(r)) ||
           slc_refuse(r, "expected proved, refuted or undecided");
  if (p->verdict == V_REFUTED && i == P4) return read_bound(r, ranged, p);
  return p->verdict == V_REFUTED && i != P4W ? read_witness(r, ranged, p)
                                             : read_basis(r, ranged, p, i, i == P4);
}

/* "R" of a requirement; what P1 to P4w would be stays without a claim. */
static int read_requirement(reader_t *r, const int *ranged, part_t *part) {
  claim_t *p = &part->p[0];
  const char *verdict;
  for (int i = 0; i < PROPERTIES; i++) {
    part->p[i].verdict = V_UNDECIDED;
    mpfr_init2(part->p[i].r, 512);
    for (int k = 0; k < MAX_PARAMS; k++) mpq_init(part->p[i].at[k]);
  }
  if (!slc_next_line(r) || !slc_word(r, "R") || !(verdict = slc_field(r)))
    return slc_refuse(r, "expected R");
  if (!strcmp(verdict, "undecided")) return slc_line_ends(r);
  p->verdict = !strcmp(verdict, "proved") ? V_PROVED : V_REFUTED;
  if (p->verdict == V_PROVED) return read_basis(r, ranged, p, 0, 1);
  if (strcmp(verdict, "refuted")) return slc_refuse(r, "expected proved, refuted or undecided");
  return read_witness(r, ranged, p) &&
         (!strcmp(p->refuted_by, "value") || slc_refuse(r, "expected value"));
}

/* An order of 1 has no zone, a higher one has; 0 is that of an end without a zone and a derivative:
 * of the infinite end, or, with a shift, of a zone by the logarithm. */
static int is_end(long order, long shift, int none, int by_log) {
  if (none || order == 0) return order == 0 && (none ? shift == 0 : by_log && shift > 0);
  return (order == 1) == (shift == 0);
}

static int read_zone(reader_t *r, zone_t *z, int i, int joins) {
  long index, v[4];
  const char *way, *kind;
  if (!slc_next_line(r) || !slc_word(r, "segment") || !slc_integer(r, i, i, &index) ||
      !(way = slc_field(r)) || !(kind = slc_field(r)))
    return slc_refuse(r, "expected a segment");
  z->up = !strcmp(way, "up");
  z->constant = !strcmp(kind, "constant");
  z->weak = !strcmp(kind, "weak");
  if ((!z->up && strcmp(way, "down")) || (!z->constant && !z->weak && strcmp(kind, "moving")))
    return slc_refuse(r, "expected up or down; constant, weak or moving");
  for (int k = 0; k < 4; k++)
    if (!slc_integer(r, 0, k % 2 ? 400 : JET - 1, &v[k]))
      return slc_refuse(r, "expected orders and shifts");
  if (z->constant && (v[0] || v[1] || v[2] || v[3]))
    return slc_refuse(r, "expected zeros: a constant segment has no zones");
  if (!z->constant && (!is_end(v[0], v[1], 0, i == 0) || !is_end(v[2], v[3], i + 1 == joins, 0)))
    return slc_refuse(r, "expected orders, each with the zone that it needs");
  z->low_order = (int)v[0], z->low_shift = (int)v[1], z->high_order = (int)v[2],
  z->high_shift = (int)v[3];
  return slc_line_ends(r);
}

static int read_cell(reader_t *r, const int *ranged, const region_t *g, cell_t *c) {
  mpfr_init2(c->low, 512), mpfr_init2(c->high, 512);
  return (slc_next_line(r) && slc_word(r, "c") && slc_dyadic(r, c->low) &&
          slc_dyadic_or_inf(r, c->high) && mpfr_less_p(c->low, c->high) &&
          mpfr_lessequal_p(g->low, c->low) && mpfr_lessequal_p(c->high, g->high) &&
          box_fields(r, ranged, c->box) && slc_done(r)) ||
         slc_refuse(r, "expected a box of the region");
}

/* After "region". */
static int read_region(reader_t *r, gate_side_t *side, region_t *g) {
  static const char *const goals[] = {"defined",    "up",    "down",  "below",    "curve-up",
                                      "curve-down", "rises", "falls", "at-most-0"};
  long segment, order, count;
  const char *goal;
  mpfr_init2(g->low, 512), mpfr_init2(g->high, 512);
  if (!slc_integer(r, 0, SEGMENTS - 1, &segment) || !(goal = slc_field(r)))
    return slc_refuse(r, "expected a region's segment and goal");
  int k = 0;
  while (k < GOALS && strcmp(goals[k], goal)) k++;
  if (k == GOALS || !slc_integer(r, 0, JET - 1, &order) || !slc_dyadic(r, g->low) ||
      !slc_dyadic_or_inf(r, g->high) || !slc_integer(r, 1, CELL_LIMIT, &count) || !slc_done(r))
    return slc_refuse(r, "expected a region");
  if (!mpfr_less_p(g->low, g->high) || mpfr_sgn(g->low) < 0 || (side->cells += count) > CELL_LIMIT)
    return slc_refuse(r, "expected an interval of r >= 0");
  if (order && k != G_CURVE_UP && k != G_CURVE_DOWN)
    return slc_refuse(r, "expected order 0: the goal has none");
  if (count > (r->end - r->at) / 8)
    return slc_refuse(r, "expected as many boxes as the region says");
  g->segment = (int)segment, g->order = (int)order, g->goal = (goal_t)k;
  g->cell = calloc((size_t)count, sizeof(cell_t));
  if (!g->cell) return slc_refuse(r, "no memory");
  int ok = 1;
  while (ok && g->cells < count) ok = read_cell(r, side->source.ranged, g, &g->cell[g->cells++]);
  return ok;
}

static void free_box(mpfi_t *box) {
  for (int i = 0; i < MAX_PARAMS; i++)
    if (box[i]->left._mpfr_d) mpfi_clear(box[i]);
}

static void part_clear(part_t *p) {
  for (int i = 0; i < PROPERTIES; i++) {
    if (!p->p[i].r->_mpfr_d) continue;
    mpfr_clear(p->p[i].r);
    for (int k = 0; k < MAX_PARAMS; k++) mpq_clear(p->p[i].at[k]);
  }
  for (int i = 0; i < p->regions; i++) {
    region_t *g = &p->region[i];
    for (int k = 0; k < g->cells; k++) {
      mpfr_clear(g->cell[k].low);
      if (g->cell[k].high->_mpfr_d) mpfr_clear(g->cell[k].high);
      free_box(g->cell[k].box);
    }
    if (g->low->_mpfr_d) mpfr_clear(g->low), mpfr_clear(g->high);
    free(g->cell);
  }
  free(p->region);
  for (int i = 0; i < p->forms; i++) free(p->form[i].text);
  for (int i = 0; i < p->courses; i++) free(p->course[i]);
  for (int k = 0; k < MAX_PARAMS; k++) mpq_clears(p->low[k], p->high[k], (mpq_ptr)0);
}

/* After "form": its segment, what it equals, and the expression. */
static int read_form(reader_t *r, part_t *p) {
  static const char *const kinds[FORMS] = {"weight", "over", "slope"};
  long segment;
  const char *kind;
  int k = 0;
  if (p->regions || p->forms == SEGMENTS * FORMS || !slc_integer(r, 0, SEGMENTS - 1, &segment) ||
      !(kind = slc_field(r)) || !r->token)
    return slc_refuse(r, "expected a form before the regions");
  while (k < FORMS && strcmp(kinds[k], kind)) k++;
  if (k == FORMS) return slc_refuse(r, "expected weight, over or slope");
  const form_line_t *last = p->forms ? &p->form[p->forms - 1] : NULL;
  if (last && segment * FORMS + k <= last->segment * FORMS + (long)last->kind)
    return slc_refuse(r, "expected forms by segments and kinds, each once");
  char *text = strdup(r->token);
  if (!text) abort();
  p->form[p->forms++] = (form_line_t){(int)segment, (form_kind_t)k, text};
  return 1;
}

static int read_course(reader_t *r, part_t *p) {
  if (p->regions || p->forms || p->courses == COURSES || !r->token)
    return slc_refuse(r, "expected a course before forms and regions");
  char *text = strdup(r->token);
  if (!text) abort();
  p->course[p->courses++] = text;
  return 1;
}

static int read_regions(reader_t *r, gate_side_t *side, part_t *p) {
  while (slc_next_line(r)) {
    const char *t = slc_field(r);
    if (t && !strcmp(t, "end") && slc_done(r)) return 1;
    if (t && (!strcmp(t, "form") || !strcmp(t, "course"))) {
      if (t[0] == 'f' ? !read_form(r, p) : !read_course(r, p)) return 0;
      continue;
    }
    if (!t || strcmp(t, "region")) return slc_refuse(r, "expected a region or the part's end");
    region_t *more = realloc(p->region, (size_t)(p->regions + 1) * sizeof *more);
    if (!more) abort();
    p->region = more;
    memset(&p->region[p->regions], 0, sizeof *more);
    p->regions++;
    if (!read_region(r, side, &p->region[p->regions - 1])) return 0;
  }
  return 0;
}

static int read_ranges(reader_t *r, const int *ranged, part_t *p) {
  for (int k = 0; k < MAX_PARAMS; k++)
    if (ranged[k] && (!slc_decimal(r, p->low[k]) || !slc_decimal(r, p->high[k]) ||
                      mpq_cmp(p->low[k], p->high[k]) >= 0))
      return slc_refuse(r, "expected the part's ranges");
  return slc_line_ends(r);
}

int slc_read_part(reader_t *r, gate_side_t *side, ranges_t *ranges) {
  part_t p = {.joins = 0};
  long joins;
  for (int k = 0; k < MAX_PARAMS; k++) mpq_inits(p.low[k], p.high[k], (mpq_ptr)0);
  int ok = read_ranges(r, side->source.ranged, &p);
  for (int k = 0; k < MAX_PARAMS; k++) {
    mpq_inits(ranges->low[k], ranges->high[k], (mpq_ptr)0);
    mpq_set(ranges->low[k], p.low[k]), mpq_set(ranges->high[k], p.high[k]);
  }
  ok =
      ok && slc_next_line(r) &&
      ((slc_word(r, "joins") && slc_integer(r, 0, SEGMENTS, &joins) && joins != 1 && slc_done(r)) ||
       slc_refuse(r, "expected the number of segments"));
  if (ok) p.joins = (int)joins;
  if (side->source.left && ok) ok = read_requirement(r, side->source.ranged, &p);
  for (int i = 0; i < PROPERTIES && ok && !side->source.left; i++)
    ok = read_property(r, side->source.ranged, &p.p[i], i);
  for (int i = 0; i < p.joins && ok && !side->source.left; i++)
    ok = read_zone(r, &p.zone[i], i, p.joins);
  ok = ok && read_regions(r, side, &p);
  for (int i = 0; i < PROPERTIES && ok; i++) side->seen[i][p.p[i].verdict] = 1;
  side->weak |= ok && !p.p[2].strict;
  if (ok) {
    const char *bad = slc_check_part(&p, &side->e, side->f, side->w, &side->source, &side->inside);
    if (*bad) ok = slc_refuse(r, bad);
  }
  part_clear(&p);
  return ok;
}
