/* The records of a certificate outside its parts (spec G4.1, G4.2), one line each, in order. */
#include "check.h"

#include "cover.h"
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
  mpq_t value[MAX_PARAMS], low[MAX_PARAMS], high[MAX_PARAMS];
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
  c->side.ranged[i] = !c->fixed[i];
  if (!slc_parse_decimal(c->fixed[i] ? c->value[i] : c->low[i], a, &end) || *end)
    return slc_refuse(r, "expected a number");
  if (c->side.ranged[i]) {
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
  memset(c->side.ranged, 0, sizeof c->side.ranged);
  c->side.e.params = 0;
  while (slc_next_line(&c->r)) {
    *record = slc_field(&c->r);
    if (!*record || (strcmp(*record, "parameter") && strcmp(*record, "range"))) return 1;
    if (!read_parameter(c, *record)) return 0;
  }
  return 0;
}

/* Do the parts cover the product of the ranges? The ends are rounded inward, by 2^-256 of them at
 * most: the prover's are rounded outward. */
static int parts_cover(certificate_t *c, cell_t *box, int parts) {
  mpfi_t range[MAX_PARAMS];
  const cell_t **list = malloc((size_t)parts * sizeof *list);
  if (!list) abort();
  for (int i = 0; i < parts; i++) list[i] = &box[i];
  for (int i = 0; i < MAX_PARAMS; i++) {
    mpfi_init2(range[i], 256);
    if (!c->side.ranged[i]) continue;
    mpfr_set_q(&range[i]->left, c->low[i], MPFR_RNDU);
    mpfr_set_q(&range[i]->right, c->high[i], MPFR_RNDD);
  }
  const int ok = slc_covers(list, parts, NULL, NULL, (const mpfi_t *)range, c->side.ranged);
  for (int i = 0; i < MAX_PARAMS; i++) mpfi_clear(range[i]);
  free(list);
  return ok || slc_refuse(&c->r, "the parts do not cover the ranges of the parameters");
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
  const int root = slc_expr_parse(&g->e, source, c->value, c->fixed, &at);
  if (root < 0) return slc_refuse(&c->r, "the expression does not parse");
  g->f = weight ? -1 : root;
  if ((g->w = weight ? root : slc_expr_derive(&g->e, root)) < 0)
    return slc_refuse(&c->r, "the derivative is too large");
  return 1;
}

/* Parts, from the record in the line on; leaves the line after them in the reader. */
static int read_parts(certificate_t *c, const char *record) {
  reader_t *r = &c->r;
  int parts = 0, ok = 1, any_range = 0;
  cell_t *box = NULL;
  while (ok && record && !strcmp(record, "part")) {
    if (parts == PART_LIMIT) ok = slc_refuse(r, "too many parts");
    cell_t *grown = realloc(box, (size_t)(parts + 1) * sizeof *box);
    if (!grown) abort();
    box = grown;
    memset(&box[parts], 0, sizeof *box);
    ok = ok && slc_read_part(r, &c->side, &box[parts++]) && slc_next_line(r);
    record = ok ? slc_field(r) : NULL;
  }
  for (int i = 0; i < MAX_PARAMS; i++) any_range |= c->side.ranged[i];
  if (ok && parts == 0) ok = slc_refuse(r, "expected a part");
  if (ok && any_range) ok = parts_cover(c, box, parts);
  if (ok && !any_range && parts != 1) ok = slc_refuse(r, "expected one part");
  for (int i = 0; i < parts; i++) slc_free_box(box[i].box);
  free(box);
  return ok;
}

static void state_verdicts(certificate_t *c) {
  for (int i = 0; i < 4; i++) {
    const char *all = c->side.seen[i][V_REFUTED]     ? "refuted"
                      : c->side.seen[i][V_UNDECIDED] ? "open"
                      : i == 2 ? (c->side.weak ? "proved weak" : "proved strict")
                               : "proved";
    fprintf(c->statement, "%s P%d %s", i ? "," : ":", i + 1, all);
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

static int read_all(certificate_t *c, const char *text) {
  reader_t *r = &c->r;
  const char *name = NULL;
  char *source = malloc(LINE_MAX_SIZE);
  if (!source) abort();
  int ok = slc_next_line(r) && (!strcmp(r->text, "sluice-certificate 1") ||
                                slc_refuse(r, "expected 'sluice-certificate 1'"));
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
  for (int i = 0; i < MAX_PARAMS; i++) mpq_inits(c->value[i], c->low[i], c->high[i], (mpq_ptr)0);
  out->accepted = memchr(text, '\0', size) ? slc_refuse(&c->r, "expected text without zero bytes")
                                           : read_all(c, text);
  out->line = c->r.refused_line;
  snprintf(out->why, sizeof out->why, "%s", c->r.why);
  for (int i = 0; i < MAX_PARAMS; i++) mpq_clears(c->value[i], c->low[i], c->high[i], (mpq_ptr)0);
  slc_expr_clear(&c->side.e);
  fclose(c->statement);
  free(c->r.text);
  free(c);
  mpfr_set_emin(least), mpfr_set_emax(largest);
}
