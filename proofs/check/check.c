/* The records of a certificate (spec G4.1, G4.2, G4.3), one line each, in order; part.c checks what
 * they claim. */
#include "check.h"

#include "part.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { LINE_MAX_SIZE = 24000, PART_LIMIT = 10000, CELL_LIMIT = 2000000 };

typedef struct {
  const char *at, *end, *start; /* start: of the line read last */
  int line;
  char *text, *token; /* the line, and the rest of it that was not read */
  check_result *out;
  FILE *statement;
  expr_t e;
  int f, w, sides;
  mpq_t value[MAX_PARAMS], low[MAX_PARAMS], high[MAX_PARAMS];
  int fixed[MAX_PARAMS], ranged[MAX_PARAMS];
  long cells;
  int seen[4][3], weak; /* verdicts of the side's parts */
} reader_t;

static int refuse(reader_t *r, const char *why) {
  if (!*r->out->why) {
    r->out->line = r->line;
    snprintf(r->out->why, sizeof r->out->why, "%s", why);
  }
  return 0;
}

static int next_line(reader_t *r) {
  const char *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
  r->line++;
  if (!stop || stop - r->at >= LINE_MAX_SIZE) return refuse(r, "expected a line");
  memcpy(r->text, r->at, (size_t)(stop - r->at));
  r->text[stop - r->at] = '\0';
  r->token = r->text;
  r->start = r->at;
  r->at = stop + 1;
  return 1;
}

/* Fields are separated by exactly one space. */
static char *field(reader_t *r) {
  if (!r->token) return NULL;
  char *t = r->token, *space = strchr(t, ' ');
  if (space) *space = '\0';
  r->token = space ? space + 1 : NULL;
  return *t ? t : NULL;
}
static int word(reader_t *r, const char *want) {
  const char *t = field(r);
  return t && strcmp(t, want) == 0;
}
static int done(reader_t *r) { return r->token == NULL; }
/* Copies a text that fits; 0 for one that does not. */
static int keep(char *out, size_t size, const char *text) {
  const size_t bytes = strlen(text) + 1;
  if (bytes > size) return 0;
  memcpy(out, text, bytes);
  return 1;
}

static int integer(reader_t *r, long low, long high, long *out) {
  const char *t = field(r);
  char *end;
  if (!t || (*t != '-' && (*t < '0' || *t > '9'))) return 0;
  errno = 0;
  *out = strtol(t, &end, 10);
  return !*end && !errno && *out >= low && *out <= high;
}

/* "m e": m 2^e, exact in the target's precision */
static int dyadic(reader_t *r, mpfr_t x) {
  const char *t = field(r);
  long e;
  mpz_t m;
  if (!t || strlen(t) > 160 || !integer(r, -100000, 100000, &e)) return 0;
  mpz_init(m);
  const int ok = mpz_set_str(m, t, 10) == 0 && mpfr_set_z_2exp(x, m, e, MPFR_RNDN) == 0;
  mpz_clear(m);
  return ok;
}

static int interval(reader_t *r, mpfi_t x) {
  return dyadic(r, &x->left) && dyadic(r, &x->right) && mpfr_lessequal_p(&x->left, &x->right);
}

static int box_fields(reader_t *r, mpfi_t *box) {
  for (int i = 0; i < MAX_PARAMS; i++) {
    mpfi_init2(box[i], 512);
    if (r->ranged[i] && !interval(r, box[i])) return 0;
  }
  return 1;
}

static int read_property(reader_t *r, claim_t *p, int i) {
  const char *verdict;
  char name[3] = {'P', (char)('1' + i), '\0'};
  mpfr_init2(p->r, 512);
  for (int k = 0; k < MAX_PARAMS; k++) mpfi_init2(p->at[k], 512);
  if (!next_line(r) || !word(r, name) || !(verdict = field(r)))
    return refuse(r, "expected P1 to P4");
  p->verdict = !strcmp(verdict, "proved")    ? V_PROVED
               : !strcmp(verdict, "refuted") ? V_REFUTED
                                             : V_UNDECIDED;
  if (p->verdict == V_UNDECIDED)
    return (!strcmp(verdict, "undecided") && done(r)) ||
           refuse(r, "expected proved, refuted or undecided");
  if (p->verdict == V_REFUTED && i != 3) {
    const char *how = field(r);
    long join;
    if (!how || !keep(p->how, sizeof p->how, how)) return refuse(r, "expected what refutes");
    if (!integer(r, 0, SEGMENTS, &join) || !dyadic(r, p->r)) return refuse(r, "expected a witness");
    p->join = (int)join;
    for (int k = 0; k < MAX_PARAMS; k++) {
      if (!r->ranged[k]) continue;
      if (!dyadic(r, &p->at[k]->left)) return refuse(r, "expected a witness's parameter");
      mpfr_set(&p->at[k]->right, &p->at[k]->left, MPFR_RNDN);
    }
    return done(r) || refuse(r, "expected the end of the line");
  }
  if (i == 2) {
    const char *kind = field(r);
    if (!kind || (strcmp(kind, "strict") && strcmp(kind, "weak")))
      return refuse(r, "expected strict or weak");
    p->strict = kind[0] == 's';
  }
  const char *how = field(r);
  if (i == 1 && how && !strcmp(how, "by-P3")) {
    p->by_p3 = 1;
    return done(r) || refuse(r, "expected the end of the line");
  }
  if (!how || strcmp(how, i == 1 ? "below" : "tail") || !integer(r, 0, 400, &p->tail) || !done(r))
    return refuse(r, "expected the tail's exponent");
  return 1;
}

static int read_zone(reader_t *r, zone_t *z, int i) {
  long index, v[4];
  const char *way, *kind;
  if (!next_line(r) || !word(r, "segment") || !integer(r, i, i, &index) || !(way = field(r)) ||
      !(kind = field(r)))
    return refuse(r, "expected a segment");
  z->up = !strcmp(way, "up");
  z->constant = !strcmp(kind, "constant");
  if ((!z->up && strcmp(way, "down")) || (!z->constant && strcmp(kind, "moving")))
    return refuse(r, "expected up or down, constant or moving");
  for (int k = 0; k < 4; k++)
    if (!integer(r, 0, k % 2 ? 400 : JET - 1, &v[k]))
      return refuse(r, "expected orders and shifts");
  z->low_order = (int)v[0], z->low_shift = (int)v[1], z->high_order = (int)v[2],
  z->high_shift = (int)v[3];
  return done(r) || refuse(r, "expected the end of the line");
}

static int read_region(reader_t *r, region_t *g) {
  static const char *const goals[] = {"defined", "up", "down", "below", "curve-up", "curve-down"};
  long segment, order, count;
  const char *goal;
  mpfr_init2(g->low, 512), mpfr_init2(g->high, 512);
  if (!integer(r, 0, SEGMENTS - 1, &segment) || !(goal = field(r)))
    return refuse(r, "expected a region's segment and goal");
  int k = 0;
  while (k < GOALS && strcmp(goals[k], goal)) k++;
  if (k == GOALS || !integer(r, 0, JET - 1, &order) || !dyadic(r, g->low) || !dyadic(r, g->high) ||
      !integer(r, 1, CELL_LIMIT, &count) || !done(r))
    return refuse(r, "expected a region");
  if (!mpfr_less_p(g->low, g->high) || mpfr_sgn(g->low) < 0 || (r->cells += count) > CELL_LIMIT)
    return refuse(r, "expected an interval of r >= 0");
  if (count > (r->end - r->at) / 8) return refuse(r, "expected as many boxes as the region says");
  *g = (region_t){.segment = (int)segment,
                  .order = (int)order,
                  .goal = (goal_t)k,
                  .low = {*g->low},
                  .high = {*g->high},
                  .cell = calloc((size_t)count, sizeof(cell_t))};
  if (!g->cell) return refuse(r, "no memory");
  for (; g->cells < count; g->cells++) {
    cell_t *c = &g->cell[g->cells];
    mpfr_init2(c->low, 512), mpfr_init2(c->high, 512);
    if (!next_line(r) || !word(r, "c") || !dyadic(r, c->low) || !dyadic(r, c->high) ||
        !mpfr_less_p(c->low, c->high) || mpfr_sgn(c->low) < 0 || !box_fields(r, c->box) ||
        !done(r)) {
      g->cells++;
      return refuse(r, "expected a box");
    }
  }
  return 1;
}

static void free_box(mpfi_t *box) {
  for (int i = 0; i < MAX_PARAMS; i++)
    if (box[i]->left._mpfr_d) mpfi_clear(box[i]);
}

static void part_clear(part_t *p) {
  for (int i = 0; i < 4; i++) {
    if (p->p[i].r->_mpfr_d) mpfr_clear(p->p[i].r);
    free_box(p->p[i].at);
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
  free_box(p->box);
}

/* After the word "part". The part's box is kept in *box for the cover of the ranges. */
static int read_part(reader_t *r, cell_t *box) {
  part_t p = {.joins = 0};
  long joins;
  int ok = (box_fields(r, p.box) && done(r)) || refuse(r, "expected the part's box");
  for (int i = 0; i < MAX_PARAMS && ok; i++)
    mpfi_init2(box->box[i], 512), mpfi_set(box->box[i], p.box[i]);
  ok = ok && next_line(r) &&
       ((word(r, "joins") && integer(r, 0, SEGMENTS, &joins) && done(r)) ||
        refuse(r, "expected the number of segments"));
  if (ok) p.joins = (int)joins;
  for (int i = 0; i < 4 && ok; i++) ok = read_property(r, &p.p[i], i);
  for (int i = 0; i < p.joins && ok; i++) ok = read_zone(r, &p.zone[i], i);
  while (ok && (ok = next_line(r))) {
    const char *t = field(r);
    if (t && !strcmp(t, "end") && done(r)) break;
    if (!t || strcmp(t, "region")) {
      ok = refuse(r, "expected a region or the part's end");
      break;
    }
    region_t *more = realloc(p.region, (size_t)(p.regions + 1) * sizeof *more);
    if (!more) abort();
    p.region = more;
    memset(&p.region[p.regions], 0, sizeof *more);
    p.regions++;
    ok = read_region(r, &p.region[p.regions - 1]);
  }
  for (int i = 0; i < 4 && ok; i++) r->seen[i][p.p[i].verdict] = 1;
  r->weak |= ok && !p.p[2].strict;
  if (ok) {
    const char *bad = part_check(&p, &r->e, r->f, r->w, r->ranged);
    if (*bad) ok = refuse(r, bad);
  }
  part_clear(&p);
  return ok;
}

static int read_parameter(reader_t *r, const char *kind) {
  expr_t *e = &r->e;
  const char *name = field(r), *a = field(r), *end;
  if (!name || !a || e->params == MAX_PARAMS || !keep(e->names[e->params], NAME_SIZE, name))
    return refuse(r, "expected a parameter");
  const int i = e->params++;
  r->fixed[i] = !strcmp(kind, "parameter");
  r->ranged[i] = !r->fixed[i];
  if (!parse_decimal(r->fixed[i] ? r->value[i] : r->low[i], a, &end) || *end)
    return refuse(r, "expected a number");
  if (r->ranged[i]) {
    const char *b = field(r);
    if (!b || !parse_decimal(r->high[i], b, &end) || *end || mpq_cmp(r->low[i], r->high[i]) > 0)
      return refuse(r, "expected a range");
    fprintf(r->statement, ", %s in [%s, %s]", name, a, b);
  } else {
    fprintf(r->statement, ", %s = %s", name, a);
  }
  return done(r) || refuse(r, "expected the end of the line");
}

/* Do the parts cover the product of the ranges? */
static int parts_cover(reader_t *r, cell_t *box, int parts) {
  mpfi_t whole[MAX_PARAMS];
  const cell_t **list = malloc((size_t)parts * sizeof *list);
  if (!list) abort();
  for (int i = 0; i < parts; i++) list[i] = &box[i];
  for (int i = 0; i < MAX_PARAMS; i++) {
    mpfi_init2(whole[i], 256);
    if (!r->ranged[i]) continue;
    mpfr_set_q(
        &whole[i]->left, r->low[i],
        MPFR_RNDU); /* inward by 2^-256 of the range's end at most: the prover's ends are outward */
    mpfr_set_q(&whole[i]->right, r->high[i], MPFR_RNDD);
  }
  const int ok = covers(list, parts, NULL, NULL, (const mpfi_t *)whole, r->ranged);
  for (int i = 0; i < MAX_PARAMS; i++) mpfi_clear(whole[i]);
  free(list);
  return ok || refuse(r, "the parts do not cover the ranges of the parameters");
}

/* After "side": expression, parameters, parts; leaves the line after them in r->text. */
static int read_side(reader_t *r, char *source) {
  const char *sign = field(r), *t;
  int at, any_range = 0, parts = 0;
  cell_t *box = NULL;
  if (!sign || (strcmp(sign, "pos") && strcmp(sign, "neg")) || !done(r))
    return refuse(r, "expected side pos or neg");
  const int bit = sign[0] == 'p' ? 2 : 1;
  if (r->sides & bit) return refuse(r, "a side twice");
  r->sides |= bit;
  if (!next_line(r) || !(t = field(r)) || (strcmp(t, "value") && strcmp(t, "weight")) ||
      !r->token || !keep(source, LINE_MAX_SIZE, r->token))
    return refuse(r, "expected value or weight");
  const int weight = t[0] == 'w';
  fprintf(r->statement, "side %s, %s %s", bit == 2 ? "pos" : "neg", t, source);
  memset(r->seen, 0, sizeof r->seen);
  r->weak = 0;
  r->e.params = 0;
  memset(r->fixed, 0, sizeof r->fixed), memset(r->ranged, 0, sizeof r->ranged);
  int ok = 1, more = 1;
  while (ok && (ok = next_line(r))) {
    t = field(r);
    if (!t || (strcmp(t, "parameter") && strcmp(t, "range"))) break;
    ok = read_parameter(r, t);
  }
  for (int i = 0; i < MAX_PARAMS; i++) any_range |= r->ranged[i];
  if (!ok) return 0;
  for (int i = 0; i < r->e.count; i++) mpq_clear(r->e.node[i].q);
  r->e.count = 0;
  const int root = expr_parse(&r->e, source, r->value, r->fixed, &at);
  if (root < 0) return refuse(r, "the expression does not parse");
  r->f = weight ? -1 : root;
  if ((r->w = weight ? root : expr_derive(&r->e, root)) < 0)
    return refuse(r, "the derivative is too large");
  while (ok && more && t && !strcmp(t, "part")) {
    if (parts == PART_LIMIT) ok = refuse(r, "too many parts");
    cell_t *grown = realloc(box, (size_t)(parts + 1) * sizeof *box);
    if (!grown) abort();
    box = grown;
    memset(&box[parts], 0, sizeof *box);
    ok = ok && read_part(r, &box[parts++]);
    if (!ok || !next_line(r)) break;
    t = field(r);
    more = t != NULL;
  }
  if (ok && parts == 0) ok = refuse(r, "expected a part");
  if (ok && any_range) ok = parts_cover(r, box, parts);
  if (ok && !any_range && parts != 1) ok = refuse(r, "expected one part");
  for (int i = 0; i < parts; i++) free_box(box[i].box);
  free(box);
  for (int i = 0; i < 4; i++) {
    const char *all = r->seen[i][V_REFUTED]     ? "refuted"
                      : r->seen[i][V_UNDECIDED] ? "open"
                      : i == 2                  ? (r->weak ? "proved weak" : "proved strict")
                                                : "proved";
    fprintf(r->statement, "%s P%d %s", i ? "," : ":", i + 1, all);
  }
  fputc('\n', r->statement);
  if (ok) { /* give the line back */
    r->at = r->start;
    r->line--;
    ok = next_line(r);
  }
  return ok && !*r->out->why;
}

static int read_all(reader_t *r, const char *text) {
  char *source = malloc(LINE_MAX_SIZE);
  if (!source) abort();
  int ok = next_line(r) && (!strcmp(r->text, "sluice-certificate 1") ||
                            refuse(r, "expected 'sluice-certificate 1'"));
  const char *name = NULL;
  ok = ok && next_line(r) &&
       ((word(r, "gate") && (name = field(r)) && done(r)) || refuse(r, "expected the gate's name"));
  if (ok) fprintf(r->statement, "gate %s\n", name);
  ok = ok && next_line(r);
  while (ok && word(r, "side")) ok = read_side(r, source);
  if (ok) {
    char want[50];
    const XXH128_hash_t h = XXH3_128bits(text, (size_t)(r->start - text));
    const int n = snprintf(want, sizeof want, "digest %016llx%016llx\n",
                           (unsigned long long)h.high64, (unsigned long long)h.low64);
    if (!r->sides)
      ok = refuse(r, "expected a side");
    else if (r->at - r->start != n || memcmp(r->start, want, (size_t)n))
      ok = refuse(r, "expected the digest of what stands before it");
    else if (r->at != r->end)
      ok = refuse(r, "expected the end of the file");
  }
  free(source);
  return ok;
}

void check_certificate(check_result *out, const char *text, size_t size) {
  reader_t r = {.at = text, .end = text + size, .out = out, .text = malloc(LINE_MAX_SIZE)};
  size_t length;
  const mpfr_exp_t least = mpfr_get_emin(), largest = mpfr_get_emax();
  mpfr_set_emin(mpfr_get_emin_min()),
      mpfr_set_emax(mpfr_get_emax_max()); /* exp(-r^2) far out is small, not 0 */
  *out = (check_result){.accepted = 0};
  r.statement = open_memstream(&out->statement, &length);
  if (!r.text || !r.statement) abort();
  expr_init(&r.e);
  for (int i = 0; i < MAX_PARAMS; i++) mpq_inits(r.value[i], r.low[i], r.high[i], (mpq_ptr)0);
  out->accepted = memchr(text, '\0', size) ? refuse(&r, "expected text without zero bytes")
                                           : read_all(&r, text);
  for (int i = 0; i < MAX_PARAMS; i++) mpq_clears(r.value[i], r.low[i], r.high[i], (mpq_ptr)0);
  expr_clear(&r.e);
  fclose(r.statement);
  free(r.text);
  mpfr_set_emin(least), mpfr_set_emax(largest);
}
