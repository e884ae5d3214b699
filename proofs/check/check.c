/* The records of a certificate outside its parts (spec G4.1, G4.2), one line each, in order. */
#include "check.h"

#include "derive.h"
#include "read_part.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { PART_LIMIT = 10000 };

typedef struct {
  reader_t r;
  FILE *statement;
  gate_side_t side;
  int sides; /* bit 0: neg, bit 1: pos were read */
  mpq_t low[MAX_PARAMS], high[MAX_PARAMS];
  int fixed[MAX_PARAMS];
} certificate_t;

static int read_parameter(certificate_t *c, const char *kind) {
  reader_t *r = &c->r;
  expr_t *e = &c->side.e;
  const char *name = slc_field(r), *a = slc_field(r), *end;
  if (!name || !a || e->params == MAX_PARAMS || !slc_keep(e->names[e->params], NAME_SIZE, name))
    return slc_refuse(r, "expected a parameter");
  const int i = e->params++;
  c->fixed[i] = !strcmp(kind, "parameter");
  c->side.source.ranged[i] = !c->fixed[i];
  if (!slc_parse_decimal(c->fixed[i] ? c->side.source.value[i] : c->low[i], a, &end) || *end)
    return slc_refuse(r, "expected a number");
  if (c->side.source.ranged[i]) {
    const char *b = slc_field(r);
    if (!b || !slc_parse_decimal(c->high[i], b, &end) || *end || mpq_cmp(c->low[i], c->high[i]) > 0)
      return slc_refuse(r, "expected a range");
    fprintf(c->statement, ", %s in [%s, %s]", name, a, b);
  } else {
    fprintf(c->statement, ", %s = %s", name, a);
  }
  return slc_line_ends(r);
}

/* Parameters up to the first record that is none, which is left in the line. */
static int read_parameters(certificate_t *c, const char **record) {
  memset(c->fixed, 0, sizeof c->fixed);
  memset(c->side.source.ranged, 0, sizeof c->side.source.ranged);
  c->side.e.params = 0;
  while (slc_next_line(&c->r)) {
    *record = slc_field(&c->r);
    if (!*record || (strcmp(*record, "parameter") && strcmp(*record, "range"))) return 1;
    if (!read_parameter(c, *record)) return 0;
  }
  return 0;
}

/* Do the parts cover the product of the ranges from `low` to `high`? Cut at an end of a part until
 * each piece lies within one. */
static int covered(const ranges_t *part, int n, const int *ranged, mpq_t *low, mpq_t *high,
                   int depth) {
  for (int i = 0; i < n; i++) {
    int inside = 1, cut = -1;
    mpq_srcptr at = NULL;
    for (int k = 0; k < MAX_PARAMS; k++) {
      if (!ranged[k]) continue;
      if (mpq_cmp(part[i].low[k], high[k]) >= 0 || mpq_cmp(part[i].high[k], low[k]) <= 0) {
        inside = 0, cut = -1; /* apart */
        break;
      }
      if (mpq_cmp(part[i].low[k], low[k]) > 0) inside = 0, cut = k, at = part[i].low[k];
      if (mpq_cmp(part[i].high[k], high[k]) < 0) inside = 0, cut = k, at = part[i].high[k];
    }
    if (inside) return 1;
    if (cut < 0) continue;
    if (depth > 4 * PART_LIMIT) return 0;
    mpq_t keep;
    mpq_init(keep);
    mpq_set(keep, high[cut]);
    mpq_set(high[cut], at);
    int ok = covered(part, n, ranged, low, high, depth + 1);
    mpq_set(high[cut], keep);
    mpq_set(keep, low[cut]);
    mpq_set(low[cut], at);
    ok = ok && covered(part, n, ranged, low, high, depth + 1);
    mpq_set(low[cut], keep);
    mpq_clear(keep);
    return ok;
  }
  return 0;
}

/* "value EXPRESSION" or "weight EXPRESSION"; the text is kept in source. */
static int read_expression(certificate_t *c, char *source, int *weight) {
  reader_t *r = &c->r;
  const char *kind;
  if (!slc_next_line(r) || !(kind = slc_field(r)) ||
      (strcmp(kind, "value") && strcmp(kind, "weight")) || !r->token ||
      !slc_keep(source, LINE_MAX_SIZE, r->token))
    return slc_refuse(r, "expected value or weight");
  *weight = kind[0] == 'w';
  fprintf(c->statement, "%s %s", kind, source);
  return 1;
}

static int parse(certificate_t *c, const char *source, int weight) {
  gate_side_t *g = &c->side;
  int at;
  for (int i = 0; i < g->e.count; i++) mpq_clear(g->e.node[i].q);
  g->e.count = 0;
  const int root = slc_expr_parse(&g->e, source, c->side.source.value, c->fixed, &at);
  if (root < 0) return slc_refuse(&c->r, "the expression does not parse");
  g->source.text = source, g->source.weight = weight, g->source.params = g->e.params;
  memcpy(g->source.names, g->e.names, sizeof g->source.names);
  g->f = weight ? -1 : root;
  if ((g->w = weight ? root : slc_expr_derive(&g->e, root)) < 0)
    return slc_refuse(&c->r, "the derivative is too large");
  return 1;
}

/* Parts, from the record in the line on; leaves the line after them in the reader. */
static int read_parts(certificate_t *c, const char *record) {
  reader_t *r = &c->r;
  int parts = 0, ok = 1, any_range = 0;
  ranges_t *part = NULL;
  while (ok && record && !strcmp(record, "part")) {
    if (parts == PART_LIMIT) ok = slc_refuse(r, "too many parts");
    ranges_t *grown = realloc(part, (size_t)(parts + 1) * sizeof *part);
    if (!grown) abort();
    part = grown;
    ok = ok && slc_read_part(r, &c->side, &part[parts++]) && slc_next_line(r);
    record = ok ? slc_field(r) : NULL;
  }
  for (int i = 0; i < MAX_PARAMS; i++) any_range |= c->side.source.ranged[i];
  if (ok && parts == 0) ok = slc_refuse(r, "expected a part");
  if (ok && any_range && !covered(part, parts, c->side.source.ranged, c->low, c->high, 0))
    ok = slc_refuse(r, "the parts do not cover the ranges of the parameters");
  if (ok && !any_range && parts != 1) ok = slc_refuse(r, "expected one part");
  for (int i = 0; i < parts; i++)
    for (int k = 0; k < MAX_PARAMS; k++) mpq_clears(part[i].low[k], part[i].high[k], (mpq_ptr)0);
  free(part);
  return ok;
}

static void state_verdicts(certificate_t *c) {
  static const char *const names[PROPERTIES] = {"P1", "P2", "P3", "P4", "P4w"};
  for (int i = 0; i < PROPERTIES; i++) {
    const char *all = c->side.seen[i][V_REFUTED]     ? "refuted"
                      : c->side.seen[i][V_UNDECIDED] ? "open"
                      : i == 2 ? (c->side.weak ? "proved weak" : "proved strict")
                               : "proved";
    fprintf(c->statement, "%s %s %s", i ? "," : ":", names[i], all);
  }
  fputc('\n', c->statement);
}

/* After "side"; leaves the line after the side in the reader. */
static int read_side(certificate_t *c, char *source) {
  reader_t *r = &c->r;
  const char *sign = slc_field(r), *record = NULL;
  int weight = 0;
  if (!sign || (strcmp(sign, "pos") && strcmp(sign, "neg")) || !slc_done(r))
    return slc_refuse(r, "expected side pos or neg");
  const int bit = sign[0] == 'p' ? 2 : 1;
  if (c->sides & bit) return slc_refuse(r, "a side twice");
  c->sides |= bit;
  fprintf(c->statement, "side %s, ", sign);
  memset(c->side.seen, 0, sizeof c->side.seen);
  c->side.weak = 0;
  const int ok = read_expression(c, source, &weight) && read_parameters(c, &record) &&
                 parse(c, source, weight) && read_parts(c, record);
  state_verdicts(c);
  if (!ok) return 0;
  slc_give_back(r);
  return slc_next_line(r);
}

static int read_seal(certificate_t *c, const char *text) {
  reader_t *r = &c->r;
  char want[50];
  const XXH128_hash_t h = XXH3_128bits(text, (size_t)(r->start - text));
  const int n = snprintf(want, sizeof want, "digest %016llx%016llx\n", (unsigned long long)h.high64,
                         (unsigned long long)h.low64);
  if (!c->sides) return slc_refuse(r, "expected a side");
  if (r->at - r->start != n || memcmp(r->start, want, (size_t)n))
    return slc_refuse(r, "expected the digest of what stands before it");
  return r->at == r->end || slc_refuse(r, "expected the end of the file");
}

static int read_version(reader_t *r) {
  if (!strcmp(r->text, "sluice-certificate 1"))
    return slc_refuse(r, "format 1, whose P4 says less: f' -> 0. Verify the gate again");
  return !strcmp(r->text, "sluice-certificate 2") ||
         slc_refuse(r, "expected 'sluice-certificate 2'");
}

static int read_all(certificate_t *c, const char *text) {
  reader_t *r = &c->r;
  const char *name = NULL;
  char *source = malloc(LINE_MAX_SIZE);
  if (!source) abort();
  int ok = slc_next_line(r) && read_version(r);
  ok = ok && slc_next_line(r) &&
       ((slc_word(r, "gate") && (name = slc_field(r)) && slc_done(r)) ||
        slc_refuse(r, "expected the gate's name"));
  if (ok) fprintf(c->statement, "gate %s\n", name);
  ok = ok && slc_next_line(r);
  while (ok && slc_word(r, "side")) ok = read_side(c, source);
  ok = ok && read_seal(c, text);
  free(source);
  return ok;
}

void slc_check_certificate(check_result *out, const char *text, size_t size) {
  certificate_t *c = calloc(1, sizeof *c);
  size_t length;
  const mpfr_exp_t least = mpfr_get_emin(), largest = mpfr_get_emax();
  mpfr_set_emin(mpfr_get_emin_min()); /* exp(-r^2) far out is small, not 0 */
  mpfr_set_emax(mpfr_get_emax_max());
  *out = (check_result){.accepted = 0};
  if (!c) abort();
  c->r = (reader_t){.at = text, .end = text + size, .text = malloc(LINE_MAX_SIZE)};
  c->statement = open_memstream(&out->statement, &length);
  if (!c->r.text || !c->statement) abort();
  slc_expr_init(&c->side.e);
  for (int i = 0; i < MAX_PARAMS; i++)
    mpq_inits(c->side.source.value[i], c->low[i], c->high[i], (mpq_ptr)0);
  out->accepted = memchr(text, '\0', size) ? slc_refuse(&c->r, "expected text without zero bytes")
                                           : read_all(c, text);
  out->line = c->r.refused_line;
  out->sides = c->sides;
  snprintf(out->why, sizeof out->why, "%s", c->r.why);
  for (int i = 0; i < MAX_PARAMS; i++)
    mpq_clears(c->side.source.value[i], c->low[i], c->high[i], (mpq_ptr)0);
  slc_expr_clear(&c->side.e);
  fclose(c->statement);
  free(c->r.text);
  free(c);
  mpfr_set_emin(least), mpfr_set_emax(largest);
}
