/* The records of a certificate outside its parts (spec G4.1, G4.2), one line each, in order. */
#include "check.h"

#include "memory_text.h"
#include "parts_cover.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* What is verified over a box of parameters: a side, or one of its requirements. */
typedef struct {
  gate_side_t side;
  mpq_t low[MAX_PARAMS], high[MAX_PARAMS];
} subject_t;

typedef struct {
  reader_t r;
  FILE *statement, *facts;
  subject_t gate, need;
  char *text, *left, *right; /* of the expressions */
  const char *sign;          /* of the side */
  int sides;                 /* bit 0: neg, bit 1: pos were read */
  char old[NAME_SIZE];       /* the second argument of a gate of two; else "" */
} certificate_t;

/* The least and the largest binary64 number in [low, high]; the first is above the second where
 * there is none. A binary64 number lies in the one interval as it does in the other. */
static void print_ends(FILE *out, mpq_srcptr low, mpq_srcptr high) {
  mpfr_t a, b;
  mpfr_inits2(53, a, b, (mpfr_ptr)0);
  mpfr_set_q(a, low, MPFR_RNDU), mpfr_set_q(b, high, MPFR_RNDD);
  fprintf(out, " %a %a\n", mpfr_get_d(a, MPFR_RNDU), mpfr_get_d(b, MPFR_RNDD));
  mpfr_clears(a, b, (mpfr_ptr)0);
}

/* A name that stands for nothing else: else a statement would read as another one. */
static int read_name(reader_t *r, source_t *source, const char *name) {
  if (!slc_is_name(name)) return slc_refuse(r, "expected a name of letters, digits and _");
  if (slc_is_reserved(name)) return slc_refuse(r, "a parameter is named as a word of the language");
  for (int i = 0; i < source->params; i++)
    if (!strcmp(source->names[i], name)) return slc_refuse(r, "a parameter twice");
  return slc_keep(source->names[source->params], NAME_SIZE, name);
}

static int read_parameter(certificate_t *c, subject_t *s, int fixed) {
  reader_t *r = &c->r;
  source_t *source = &s->side.source;
  const char *name = slc_field(r), *a = slc_field(r);
  const int i = source->params;
  if (!name || !a || i == MAX_PARAMS) return slc_refuse(r, "expected a parameter");
  if (!read_name(r, source, name)) return 0;
  source->params++;
  source->ranged[i] = !fixed;
  if (!slc_decimal_text(fixed ? source->value[i] : s->low[i], a))
    return slc_refuse(r, "expected a number");
  if (fixed) {
    mpq_set(s->low[i], source->value[i]), mpq_set(s->high[i], source->value[i]);
    fprintf(c->statement, ", %s = %s", name, a);
    fprintf(c->facts, "parameter %s %s %s", name, a, a);
  } else {
    const char *b = slc_field(r);
    if (!b || !slc_decimal_text(s->high[i], b) || mpq_cmp(s->low[i], s->high[i]) >= 0)
      return slc_refuse(r, "expected a range");
    fprintf(c->statement, ", %s in [%s, %s]", name, a, b);
    fprintf(c->facts, "parameter %s %s %s", name, a, b);
  }
  print_ends(c->facts, s->low[i], s->high[i]);
  return slc_line_ends(r);
}

/* Parameters up to the first record that is none, which is left in the line. */
static int read_parameters(certificate_t *c, subject_t *s, const char **record) {
  memset(s->side.source.ranged, 0, sizeof s->side.source.ranged);
  s->side.source.params = 0;
  while (slc_next_line(&c->r)) {
    *record = slc_field(&c->r);
    if (!*record || (strcmp(*record, "parameter") && strcmp(*record, "range"))) return 1;
    if (!read_parameter(c, s, !strcmp(*record, "parameter"))) return 0;
  }
  return 0;
}

/* "value EXPRESSION" or "weight EXPRESSION". */
static int read_expression(certificate_t *c) {
  reader_t *r = &c->r;
  const char *kind;
  if (!slc_next_line(r) || !(kind = slc_field(r)) ||
      (strcmp(kind, "value") && strcmp(kind, "weight")) || !r->token ||
      !slc_keep(c->text, LINE_MAX_SIZE, r->token))
    return slc_refuse(r, "expected value or weight");
  c->gate.side.source.weight = kind[0] == 'w';
  c->gate.side.source.text = c->text;
  fprintf(c->statement, "%s %s", kind, c->text);
  fprintf(c->facts, "%s %s\n", kind, c->text);
  return 1;
}

static int parse(certificate_t *c, gate_side_t *g) {
  slc_expr_clear(&g->e);
  return slc_source_parse(&g->source, NULL, &g->e, &g->f, &g->w) ||
         slc_refuse(&c->r, "an expression does not parse, or its derivative is too large");
}

/* Parts, from the record in the line on; leaves the record after them in the line. */
static int read_parts(certificate_t *c, subject_t *s, const char **record) {
  reader_t *r = &c->r;
  const int *ranged = s->side.source.ranged;
  int parts = 0, ok = 1, any_range = 0;
  ranges_t *part = NULL;
  while (ok && *record && !strcmp(*record, "part")) {
    if (parts == PART_LIMIT) ok = slc_refuse(r, "too many parts");
    ranges_t *grown = realloc(part, (size_t)(parts + 1) * sizeof *part);
    if (!grown) abort();
    part = grown;
    ok = ok && slc_read_part(r, &s->side, &part[parts++]) && slc_next_line(r);
    for (int k = 0; ok && k < MAX_PARAMS; k++)
      if (s->side.source.ranged[k] && (mpq_cmp(part[parts - 1].low[k], s->low[k]) < 0 ||
                                       mpq_cmp(part[parts - 1].high[k], s->high[k]) > 0))
        ok = slc_refuse(r, "a part reaches beyond the ranges of the parameters");
    *record = ok ? slc_field(r) : NULL;
  }
  for (int i = 0; i < MAX_PARAMS; i++) any_range |= ranged[i];
  if (ok && parts == 0) ok = slc_refuse(r, "expected a part");
  if (ok && any_range && !slc_parts_cover(part, parts, ranged, s->low, s->high))
    ok = slc_refuse(r, "the parts do not cover the ranges of the parameters");
  if (ok && !any_range && parts != 1) ok = slc_refuse(r, "expected one part");
  for (int i = 0; i < parts; i++)
    for (int k = 0; k < MAX_PARAMS; k++) mpq_clears(part[i].low[k], part[i].high[k], (mpq_ptr)0);
  free(part);
  return ok;
}

static const char *verdict_of(const gate_side_t *g, int i) {
  return g->seen[i][V_REFUTED] ? "refuted" : g->seen[i][V_UNDECIDED] ? "open" : "proved";
}

/* Of a gate of two arguments the claims are about more than its region: what is refuted beyond it
 * is open within it, and P4 is refuted at one p, where r ends at 1/p. */
static int is_beyond(const certificate_t *c, int i) {
  const gate_side_t *g = &c->gate.side;
  return *c->old && g->seen[i][V_REFUTED] && !(g->inside >> i & 1);
}

/* P4 and P4w of a gate of two arguments are about all p at once (spec G2.4): a proof for each p
 * says less. */
static int is_pointwise(const certificate_t *c, int i) {
  return *c->old && i >= P4 && verdict_of(&c->gate.side, i)[0] == 'p';
}

static void state_verdicts(certificate_t *c) {
  static const char *const names[PROPERTIES] = {"P1", "P2", "P3", "P4", "P4w"};
  for (int i = 0; i < PROPERTIES; i++) {
    const char *all = verdict_of(&c->gate.side, i);
    if (is_beyond(c, i) || is_pointwise(c, i)) all = "open";
    fprintf(c->statement, "%s %s %s", i ? "," : ":", names[i], all);
    if (is_beyond(c, i)) fputs(" (refuted only beyond the region)", c->statement);
    if (is_pointwise(c, i))
      fprintf(c->statement, " (proved for each %s alone, which says less)", c->old);
    if (i == 2 && all[0] == 'p') fputs(c->gate.side.weak ? " weak" : " strict", c->statement);
    fprintf(c->facts, "%s %s\n", names[i], all);
  }
  fputc('\n', c->statement);
}

/* "require LEFT <= RIGHT", of which the word was read, and "over LOW HIGH". */
static int read_need(certificate_t *c) {
  reader_t *r = &c->r;
  source_t *s = &c->need.side.source;
  char *sign = r->token ? strstr(r->token, " <= ") : NULL;
  const char *low, *high;
  if (!sign || !slc_keep(c->right, LINE_MAX_SIZE, sign + 4))
    return slc_refuse(r, "expected LEFT <= RIGHT");
  *sign = '\0';
  slc_keep(c->left, LINE_MAX_SIZE, r->token);
  s->text = c->text, s->weight = c->gate.side.source.weight;
  s->left = c->left, s->right = c->right;
  if (!slc_next_line(r) || !slc_word(r, "over") || !(low = slc_field(r)) || !(high = slc_field(r)))
    return slc_refuse(r, "expected the range of r");
  s->endless = !strcmp(high, "inf");
  if (!slc_decimal_text(s->r_low, low) || mpq_sgn(s->r_low) < 0 ||
      (!s->endless && (!slc_decimal_text(s->r_high, high) || mpq_cmp(s->r_low, s->r_high) > 0)))
    return slc_refuse(r, "expected a range of r");
  fprintf(c->statement, "side %s, require %s <= %s, r in [%s, %s%c", c->sign, c->left, c->right,
          low, high, s->endless ? ')' : ']');
  fprintf(c->facts, "require %s %s %s <= %s\n", low, high, c->left, c->right);
  return slc_line_ends(r);
}

/* "R proved by-P2": f' <= C with C >= 1, where P1 and P2 are proved of values that include these.
 */
static int follows_from_maximum(certificate_t *c) {
  const gate_side_t *g = &c->gate.side;
  const source_t *s = &c->need.side.source;
  mpq_t bound;
  const char *end;
  mpq_init(bound);
  int ok = !strcmp(s->left, "f'") && slc_parse_decimal(bound, s->right, &end) && !*end &&
           mpq_cmp_ui(bound, 1, 1) >= 0;
  mpq_clear(bound);
  for (int i = 0; i < 2; i++) ok = ok && verdict_of(g, i)[0] == 'p';
  for (int i = 0; i < s->params && ok; i++)
    ok = mpq_cmp(c->need.low[i], c->gate.low[i]) >= 0 &&
         mpq_cmp(c->need.high[i], c->gate.high[i]) <= 0;
  return ok || slc_refuse(&c->r, "R: does not follow from P1 and P2");
}

/* Are the parameters, in their order, those of the side? */
static int names_agree(certificate_t *c) {
  const source_t *a = &c->gate.side.source, *b = &c->need.side.source;
  int ok = a->params == b->params;
  for (int i = 0; i < a->params && ok; i++) ok = !strcmp(a->names[i], b->names[i]);
  return ok || slc_refuse(&c->r, "expected the parameters of the side");
}

/* After the word "require"; leaves the record after it in the line. */
static int read_requirement(certificate_t *c, const char **record) {
  reader_t *r = &c->r;
  gate_side_t *g = &c->need.side;
  memset(g->seen, 0, sizeof g->seen);
  if (!read_need(c) || !read_parameters(c, &c->need, record) || !names_agree(c)) return 0;
  if (*record && !strcmp(*record, "R")) {
    if (!slc_word(r, "proved") || !slc_word(r, "by-P2") || !slc_line_ends(r))
      return slc_refuse(r, "expected R proved by-P2");
    if (!follows_from_maximum(c)) return 0;
    fputs(": proved\n", c->statement);
    fputs("R proved\n", c->facts);
    if (!slc_next_line(r)) return 0;
    *record = slc_field(r);
    return 1;
  }
  const int ok = parse(c, g) && read_parts(c, &c->need, record);
  fprintf(c->statement, ": %s\n", verdict_of(g, 0));
  fprintf(c->facts, "R %s\n", verdict_of(g, 0));
  return ok;
}

/* Which parameter is the second argument, and that it is a range over [0, 1]. */
static int find_old(certificate_t *c) {
  source_t *s = &c->gate.side.source;
  s->old = -1;
  if (!*c->old) return 1;
  for (int i = 0; i < s->params; i++)
    if (!strcmp(s->names[i], c->old)) s->old = i;
  return (s->old >= 0 && s->ranged[s->old] && !mpq_sgn(c->gate.low[s->old]) &&
          !mpq_cmp_ui(c->gate.high[s->old], 1, 1)) ||
         slc_refuse(&c->r, "expected the second argument as a range from 0 to 1");
}

/* After "side"; leaves the line after the side in the reader. */
static int read_side(certificate_t *c) {
  reader_t *r = &c->r;
  const char *sign = slc_field(r), *record = NULL;
  if (!sign || (strcmp(sign, "pos") && strcmp(sign, "neg")) || !slc_done(r))
    return slc_refuse(r, "expected side pos or neg");
  const int bit = sign[0] == 'p' ? 2 : 1;
  if (c->sides & bit) return slc_refuse(r, "a side twice");
  if (c->sides && bit == 2) return slc_refuse(r, "side pos after side neg");
  c->sides |= bit;
  c->sign = bit == 2 ? "pos" : "neg";
  fprintf(c->statement, "side %s, ", c->sign);
  fprintf(c->facts, "side %s\n", c->sign);
  memset(c->gate.side.seen, 0, sizeof c->gate.side.seen);
  c->gate.side.weak = 0, c->gate.side.inside = 0;
  int ok = read_expression(c) && read_parameters(c, &c->gate, &record) && find_old(c) &&
           parse(c, &c->gate.side) && read_parts(c, &c->gate, &record);
  state_verdicts(c);
  while (ok && record && !strcmp(record, "require"))
    ok = *c->old ? slc_refuse(r, "a requirement of a gate of two arguments")
                 : read_requirement(c, &record);
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
  fputs(want, c->facts);
  return r->at == r->end || slc_refuse(r, "expected the end of the file");
}

static int read_version(reader_t *r) {
  if (!strcmp(r->text, "sluice-certificate 1"))
    return slc_refuse(r, "format 1, whose P4 says less: f' -> 0. Verify the gate again");
  return !strcmp(r->text, "sluice-certificate 2") ||
         slc_refuse(r, "expected 'sluice-certificate 2'");
}

/* "old NAME", of a gate of two arguments; leaves the line after it in the reader. */
static int read_old(certificate_t *c) {
  reader_t *r = &c->r;
  const char *name;
  if (strncmp(r->text, "old ", 4)) return 1;
  if (!slc_word(r, "old") || !(name = slc_field(r)) || !slc_done(r) || !slc_is_name(name) ||
      !slc_keep(c->old, NAME_SIZE, name))
    return slc_refuse(r, "expected the second argument's name");
  fprintf(c->statement,
          "two arguments, r and %s: what is proved holds for all r >= 0 and %s in [0, 1], which is "
          "more than their region, %s > 0 and r %s <= 1\n",
          name, name, name, name);
  return slc_next_line(r);
}

static int read_all(certificate_t *c, const char *text) {
  reader_t *r = &c->r;
  const char *name = NULL;
  int ok = slc_next_line(r) && read_version(r);
  ok = ok && slc_next_line(r) &&
       ((slc_word(r, "gate") && (name = slc_field(r)) && slc_done(r) && slc_is_name(name)) ||
        slc_refuse(r, "expected the gate's name"));
  if (ok) fprintf(c->statement, "gate %s\n", name), fprintf(c->facts, "gate %s\n", name);
  ok = ok && slc_next_line(r) && read_old(c);
  if (ok && *c->old) fprintf(c->facts, "old %s\n", c->old);
  while (ok && slc_word(r, "side")) ok = read_side(c);
  return ok && read_seal(c, text);
}

static void subject_init(subject_t *s) {
  slc_expr_init(&s->side.e);
  for (int i = 0; i < MAX_PARAMS; i++)
    mpq_inits(s->side.source.value[i], s->low[i], s->high[i], (mpq_ptr)0);
  mpq_inits(s->side.source.r_low, s->side.source.r_high, (mpq_ptr)0);
}

static void subject_clear(subject_t *s) {
  slc_expr_clear(&s->side.e);
  for (int i = 0; i < MAX_PARAMS; i++)
    mpq_clears(s->side.source.value[i], s->low[i], s->high[i], (mpq_ptr)0);
  mpq_clears(s->side.source.r_low, s->side.source.r_high, (mpq_ptr)0);
}

static char *line_buffer(void) {
  char *y = malloc(LINE_MAX_SIZE);
  if (!y) abort();
  return y;
}

void slc_check_facts(check_result *out, const char *text, size_t size) {
  certificate_t *c = calloc(1, sizeof *c);
  memory_text_t statement, facts;
  const mpfr_exp_t least = mpfr_get_emin(), largest = mpfr_get_emax();
  mpfr_set_emin(mpfr_get_emin_min()); /* exp(-r^2) far out is small, not 0 */
  mpfr_set_emax(mpfr_get_emax_max());
  *out = (check_result){.accepted = 0};
  if (!c) abort();
  c->r = (reader_t){.at = text, .end = text + size, .text = line_buffer()};
  c->text = line_buffer(), c->left = line_buffer(), c->right = line_buffer();
  slc_memory_text_open(&statement), slc_memory_text_open(&facts);
  c->statement = statement.out, c->facts = facts.out;
  subject_init(&c->gate), subject_init(&c->need);
  c->need.side.source.old = -1;
  out->accepted = read_all(c, text);
  out->line = c->r.refused_line;
  out->sides = c->sides;
  snprintf(out->why, sizeof out->why, "%s", c->r.why);
  subject_clear(&c->gate), subject_clear(&c->need);
  out->statement = slc_memory_text_close(&statement), out->facts = slc_memory_text_close(&facts);
  free(c->r.text), free(c->text), free(c->left), free(c->right);
  free(c);
  mpfr_set_emin(least), mpfr_set_emax(largest);
}

void slc_check_certificate(check_result *out, const char *text, size_t size) {
  slc_check_facts(out, text, size);
  free(out->facts);
  out->facts = NULL;
}
