/* The checker against changed certificates: each mutant is sealed again, so that only the check of
 * its claims can refuse it. A mutant may be accepted only for another statement (which then is true
 * too) or where it changes nothing that a verdict rests on; those kinds are named here. */
#include "proofs/check/check.h"
#include "proofs/prover/verify.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { LINES = 40000, PER_CLASS = 42 };

static uint64_t state = 0x9e3779b97f4a7c15u; /* the seed; printed with a failure */
static uint32_t pick(uint32_t n) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (uint32_t)((state >> 33) % n);
}

typedef struct {
  char *line[LINES];
  int n;
} lines_t;

static void split(lines_t *t, const char *text) {
  t->n = 0;
  while (*text) {
    const char *stop = strchr(text, '\n');
    t->line[t->n++] = strndup(text, (size_t)(stop - text));
    text = stop + 1;
  }
}
static void clear(lines_t *t) {
  for (int i = 0; i < t->n; i++) free(t->line[i]);
}

/* Joins the lines but the last and seals them. */
static char *seal(const lines_t *t, size_t *size) {
  char *text;
  FILE *out = open_memstream(&text, size);
  for (int i = 0; i + 1 < t->n; i++) fprintf(out, "%s\n", t->line[i]);
  fflush(out);
  const XXH128_hash_t h = XXH3_128bits(text, *size);
  fprintf(out, "digest %016llx%016llx\n", (unsigned long long)h.high64,
          (unsigned long long)h.low64);
  fclose(out);
  return text;
}

static void put(lines_t *t, int i, char *fresh) {
  free(t->line[i]);
  t->line[i] = fresh;
}

/* A line that starts with `prefix` and holds `part`; -1: none. */
static int find(const lines_t *t, const char *prefix, const char *part) {
  int found[LINES], n = 0;
  for (int i = 0; i < t->n; i++)
    if (strncmp(t->line[i], prefix, strlen(prefix)) == 0 && strstr(t->line[i], part))
      found[n++] = i;
  return n ? found[pick((uint32_t)n)] : -1;
}

static char *replaced(const char *line, const char *from, const char *to) {
  const char *at = strstr(line, from);
  char *y = malloc(strlen(line) + strlen(to) + 1);
  sprintf(y, "%.*s%s%s", (int)(at - line), line, to, at + strlen(from));
  return y;
}

static int swap_word(lines_t *t, const char *prefix, const char *from, const char *to) {
  const int i = find(t, prefix, from);
  if (i < 0) return 0;
  put(t, i, replaced(t->line[i], from, to));
  return 1;
}

/* Field k of a line becomes v. */
static void set_field(lines_t *t, int i, int k, const char *v) {
  char *copy = strdup(t->line[i]), *y = calloc(strlen(copy) + strlen(v) + 2, 1), *save = NULL;
  int n = 0, at = 0;
  for (char *f = strtok_r(copy, " ", &save); f; f = strtok_r(NULL, " ", &save), n++)
    at += sprintf(y + at, "%s%s", n ? " " : "", n == k ? v : f);
  free(copy);
  put(t, i, y);
}
static long get_field(const lines_t *t, int i, int k) {
  char *copy = strdup(t->line[i]), *save = NULL, *f = strtok_r(copy, " ", &save);
  for (; f && k; k--) f = strtok_r(NULL, " ", &save);
  const long v = f ? strtol(f, NULL, 10) : 0;
  free(copy);
  return v;
}
static int add_field(lines_t *t, int i, int k, long by) {
  char v[40];
  if (i < 0) return 0;
  sprintf(v, "%ld", get_field(t, i, k) + by);
  set_field(t, i, k, v);
  return 1;
}

static void drop(lines_t *t, int i, int count) {
  for (int k = 0; k < count; k++) free(t->line[i + k]);
  memmove(&t->line[i], &t->line[i + count], (size_t)(t->n - i - count) * sizeof *t->line);
  t->n -= count;
}

static int region_size(const lines_t *t, int i) {
  int n = 1;
  while (i + n < t->n && t->line[i + n][0] == 'c') n++;
  return n;
}
static int last_field(const lines_t *t, int i) {
  int n = 0;
  for (const char *c = t->line[i]; *c; c++) n += *c == ' ';
  return n;
}

/* Each returns 0 where it does not apply to the certificate. */
static int flip_goal(lines_t *t) {
  return pick(2) ? swap_word(t, "region", " up ", " down ")
                 : swap_word(t, "region", " down ", " up ");
}
static int flip_curve(lines_t *t) {
  return pick(2) ? swap_word(t, "region", "curve-down", "curve-up")
                 : swap_word(t, "region", "curve-up", "curve-down");
}
static int weaken_goal(lines_t *t) {
  return swap_word(t, "region", pick(2) ? " up " : " down ", " defined ");
}
static int drop_box(lines_t *t) {
  const int i = find(t, "region", "");
  if (i < 0 || region_size(t, i) < 3) return 0;
  drop(t, i + 1 + (int)pick((uint32_t)region_size(t, i) - 1), 1);
  return add_field(t, i, last_field(t, i), -1);
}
static int drop_box_only(lines_t *t) {
  const int i = find(t, "c ", "");
  if (i < 0) return 0;
  drop(t, i, 1);
  return 1;
}
/* m f + d; wraps where m is too long for a long: another wrong box. */
static long scaled(long m, long f, long d) {
  return (long)((unsigned long)m * (unsigned long)f + (unsigned long)d);
}
static int shrink_box(lines_t *t) { /* low end m 2^e moves up by half the scale: 2m+1, e-1 */
  const int i = find(t, "c ", "");
  char v[40];
  if (i < 0) return 0;
  sprintf(v, "%ld", scaled(get_field(t, i, 1), 2, 1));
  const long e = get_field(t, i, 2);
  set_field(t, i, 1, v);
  sprintf(v, "%ld", e - 1);
  set_field(t, i, 2, v);
  return 1;
}
static int shrink_box_top(lines_t *t) {
  const int i = find(t, "c ", "");
  char v[40];
  if (i < 0) return 0;
  sprintf(v, "%ld", scaled(get_field(t, i, 3), 64, -1));
  const long e = get_field(t, i, 4);
  set_field(t, i, 3, v);
  sprintf(v, "%ld", e - 6);
  set_field(t, i, 4, v);
  return 1;
}
static int widen_region(lines_t *t) {
  return add_field(t, find(t, "region", ""), 6, 1 + (long)pick(3));
}
static int narrow_region(lines_t *t) {
  return add_field(t, find(t, "region", ""), 7, -1 - (long)pick(3));
}
static int drop_region(lines_t *t) {
  const int i = find(t, "region", "");
  if (i < 0) return 0;
  drop(t, i, region_size(t, i));
  return 1;
}
static int move_region(lines_t *t) {
  const int i = find(t, "region", "");
  return i < 0 ? 0 : add_field(t, i, 1, get_field(t, i, 1) ? -1 : 1);
}
static int change_order(lines_t *t) {
  return add_field(t, find(t, "region", "curve"), 3, 1 - 2 * (long)pick(2));
}
static int tail_p1(lines_t *t) { return add_field(t, find(t, "P1 proved", ""), 3, 40); }
static int tail_p3(lines_t *t) {
  const int i = find(t, "P3 proved", "");
  if (i < 0) return 0;
  set_field(t, i, 4, pick(2) ? "60" : "0");
  return 1;
}
static int prove_refuted(lines_t *t) {
  const int i = find(t, "P", " refuted");
  if (i < 0) return 0;
  static const char *const lines[] = {"P1 proved tail 4", "P2 proved by-P3",
                                      "P3 proved weak tail 4", "P4 proved tail 4"};
  put(t, i, strdup(lines[t->line[i][1] - '1']));
  return 1;
}
static int refute_proved(lines_t *t) {
  const int i = find(t, "P", " proved");
  if (i < 0) return 0;
  static const char *const lines[] = {"P1 refuted jump 1 1 0", "P2 refuted value 0 3 -1",
                                      "P3 refuted slope 0 3 -1", "P4 refuted above 4 1 -8"};
  put(t, i, strdup(lines[t->line[i][1] - '1']));
  return 1;
}
static int weak_to_strict(lines_t *t) { return swap_word(t, "P3 proved", "weak", "strict"); }
static int toggle_constant(lines_t *t) {
  return pick(2) ? swap_word(t, "segment", "constant", "moving")
                 : swap_word(t, "segment", "moving", "constant");
}
static int turn_segment(lines_t *t) {
  return pick(2) ? swap_word(t, "segment", " up ", " down ")
                 : swap_word(t, "segment", " down ", " up ");
}
static int change_joins(lines_t *t) {
  return add_field(t, find(t, "joins", ""), 1, 1 - 2 * (long)pick(2));
}
static int other_constant(lines_t *t) {
  const int i = find(t, pick(2) ? "value" : "weight", "1");
  if (i < 0) return 0;
  put(t, i, replaced(t->line[i], "1", "1.0625"));
  return 1;
}
static int other_function(lines_t *t) {
  static const char *const pairs[][2] = {
      {"sigmoid", "tanh"}, {"atan", "tanh"}, {"erf", "atan"}, {"softsign", "sigmoid"},
      {"exp", "expm1"},    {"tanh", "sinh"}, {"sqrt", "abs"}};
  const char *const *p = pairs[pick(7)];
  return swap_word(t, pick(2) ? "value" : "weight", p[0], p[1]);
}
static int other_sign(lines_t *t) {
  return pick(2) ? swap_word(t, "value", " - ", " + ") : swap_word(t, "weight", " + ", " - ");
}
static int other_parameter(lines_t *t) {
  const int i = find(t, "parameter", "");
  if (i < 0) return 0;
  set_field(t, i, 2, pick(2) ? "1.75" : "0.4");
  return 1;
}
static int widen_range(lines_t *t) {
  const int i = find(t, "range", "");
  if (i < 0) return 0;
  set_field(t, i, pick(2) ? 3 : 2, pick(2) ? "41" : "0.2");
  return 1;
}
static int drop_part(lines_t *t) {
  const int i = find(t, "part ", "");
  if (i < 0) return 0;
  int n = 1;
  while (strcmp(t->line[i + n - 1], "end") != 0) n++;
  drop(t, i, n);
  return 1;
}
static int shrink_part(lines_t *t) { return add_field(t, find(t, "part ", ""), 1, 1L << 30); }
static int move_witness(lines_t *t) {
  const int i = find(t, "P", " refuted");
  if (i < 0 || last_field(t, i) < 5) return 0;
  return add_field(t, i, 5, pick(2) ? 6 : -6);
}
static int other_join(lines_t *t) {
  const int i = find(t, "P", "refuted jump");
  return i < 0 ? 0 : add_field(t, i, 3, 1 - 2 * (long)pick(2));
}
static int change_zone(lines_t *t) {
  const int i = find(t, "segment", "moving");
  return i < 0 ? 0 : add_field(t, i, pick(2) ? 4 : 6, 1);
}
static int rest_on_nothing(lines_t *t) {
  const int i = find(t, "P3 proved", "");
  if (i < 0) return 0;
  put(t, i, strdup("P3 undecided"));
  return 1;
}
static int cut_short(lines_t *t) {
  if (t->n < 8) return 0;
  const int keep = 4 + (int)pick((uint32_t)t->n - 6);
  drop(t, keep, t->n - keep - 1);
  return 1;
}
static int swap_lines(lines_t *t) {
  const int i = 2 + (int)pick((uint32_t)t->n - 4);
  char *keep = t->line[i];
  if (strcmp(keep, t->line[i + 1]) == 0) return 0;
  t->line[i] = t->line[i + 1], t->line[i + 1] = keep;
  return 1;
}
static int p4_bound(const lines_t *t) { return find(t, "P4 refuted", ""); }
static int raise_bound(lines_t *t) { return add_field(t, p4_bound(t), 5, 8); }
static int begin_earlier(lines_t *t) { return add_field(t, p4_bound(t), 3, -1 - (long)pick(6)); }
static int other_side(lines_t *t) {
  return pick(2) ? swap_word(t, "P4 refuted", "above", "below")
                 : swap_word(t, "P4 refuted", "below", "above");
}
static int negate_bound(lines_t *t) {
  char v[40];
  const int i = p4_bound(t);
  if (i < 0) return 0;
  sprintf(v, "%ld", -get_field(t, i, 4));
  set_field(t, i, 4, v);
  return 1;
}
static int other_basis(lines_t *t) {
  static const char *const words[] = {"tail", "slope-tail", "log-tail", "bounded"};
  const int i = find(t, "P4 proved", "");
  if (i < 0) return 0;
  set_field(t, i, 2, words[pick(4)]);
  return 1;
}
static int p4_rests_on_less(lines_t *t) { /* drops the region of f' that falls */
  const int i = find(t, "region", "falls");
  if (i < 0 || find(t, "P4 proved", "bounded") < 0 || find(t, "P3 proved", "") >= 0) return 0;
  drop(t, i, region_size(t, i));
  return 1;
}
static int p4w_on_nothing(lines_t *t) {
  const int i = find(t, "P4 proved", "");
  if (i < 0) return 0;
  put(t, i, strdup("P4 undecided"));
  return 1;
}
static int p4w_by_p4(lines_t *t) {
  const int i = find(t, "P4w", "");
  if (i < 0 || find(t, "P4 refuted", "") < 0) return 0;
  put(t, i, strdup("P4w proved by-P4"));
  return 1;
}
static int other_place(lines_t *t) { /* the parameters of a refutation */
  const int i = p4_bound(t);
  if (i < 0 || last_field(t, i) < 6) return 0;
  set_field(t, i, 6, pick(2) ? "1.5" : "0.25");
  return 1;
}
/* Another digit, or another sign, in the expression of a form or a course, its k-th field. */
static int other_digit(lines_t *t, const char *prefix, int k) {
  const int i = find(t, prefix, "");
  if (i < 0) return 0;
  char *y = strdup(t->line[i]), *at = y;
  for (; k; k--) at = strchr(at, ' ') + 1;
  const size_t n = strlen(at), from = pick((uint32_t)n);
  for (size_t j = 0; j < n; j++) {
    char *c = &at[(from + j) % n];
    if (*c < '0' || *c > '8') continue;
    *c = (char)(*c + 1);
    put(t, i, y);
    return 1;
  }
  free(y);
  return 0;
}
static int form_digit(lines_t *t) { return other_digit(t, "form", 3); }
static int course_digit(lines_t *t) { return other_digit(t, "course", 1); }
static int form_sign(lines_t *t) {
  return pick(2) ? swap_word(t, "form", " + ", " - ") : swap_word(t, "form", "(r - ", "(r + ");
}
static int drop_form(lines_t *t) {
  const int i = find(t, "form", "");
  if (i < 0) return 0;
  drop(t, i, 1);
  return 1;
}
static int move_form(lines_t *t) {
  return add_field(t, find(t, "form", ""), 1, 1 - 2 * (long)pick(2));
}
static int other_kind(lines_t *t) {
  return pick(2) ? swap_word(t, "form", " slope ", " weight ")
                 : swap_word(t, "form", " slope ", " over ");
}
static int drop_course(lines_t *t) {
  const int i = find(t, "course", "");
  if (i < 0) return 0;
  drop(t, i, 1);
  return 1;
}
static int other_version(lines_t *t) {
  put(t, 0, strdup("sluice-certificate 1"));
  return 1;
}

static int move_log_zone(lines_t *t) {
  return add_field(t, find(t, "segment 0", " moving 0 "), 5, pick(2) ? -3 : 1);
}
static int log_zone_order(lines_t *t) {
  return add_field(t, find(t, "segment 0", " moving 0 "), 4, 1 + (long)pick(3));
}
static int value_at_zero(lines_t *t) {
  return swap_word(t, "weight", "pick(r, 0, 0", "pick(r, 0, 1e-30");
}

typedef struct {
  const char *name;
  int (*mutate)(lines_t *);
  const char
      *equivalent; /* why an accepted mutant of this class may mean the same; NULL: none may */
} class_t;

static const class_t classes[] = {
    {"flip the sign of a slope region", flip_goal, NULL},
    {"flip the sign of a curve region", flip_curve, NULL},
    {"weaken a slope region to 'defined'", weaken_goal, NULL},
    {"drop a box", drop_box, NULL},
    {"drop a box, keep the count", drop_box_only, NULL},
    {"raise a box's low end", shrink_box, NULL},
    {"lower a box's high end", shrink_box_top, NULL},
    {"widen a region", widen_region, NULL},
    {"narrow a region", narrow_region, NULL},
    {"drop a region", drop_region, NULL},
    {"move a region to another segment", move_region, NULL},
    {"change the order of a zone's region", change_order, NULL},
    {"swap the tail of P1", tail_p1, "regions without an end reach over the tail too"},
    {"swap the tail of P3", tail_p3, "the tail that fits from 2^0 on"},
    {"prove what was refuted", prove_refuted, NULL},
    {"refute what was proved", refute_proved, NULL},
    {"weak becomes strict", weak_to_strict, NULL},
    {"constant becomes moving, or back", toggle_constant, NULL},
    {"turn a segment", turn_segment, NULL},
    {"another number of joins", change_joins, NULL},
    {"another constant in the expression", other_constant, NULL},
    {"another function in the expression", other_function, NULL},
    {"another sign in the expression", other_sign, NULL},
    {"another value of a parameter", other_parameter, NULL},
    {"widen a parameter's range", widen_range, NULL},
    {"drop a part", drop_part, NULL},
    {"shrink a part's box", shrink_part, NULL},
    {"move a witness", move_witness,
     "a neighbouring point refutes as well; a smaller bound of r f' holds too"},
    {"another join", other_join, NULL},
    {"another zone order", change_zone, NULL},
    {"P2 rests on a P3 that is not claimed", rest_on_nothing, NULL},
    {"cut short", cut_short, NULL},
    {"swap two lines", swap_lines,
     "two boxes of a region, or two whole records of the same kind, in another order"},
    {"another version", other_version, NULL},
    {"raise the bound of P4", raise_bound, NULL},
    {"begin the bound of P4 earlier", begin_earlier, "r f' keeps the bound from there on too"},
    {"the other side of P4's bound", other_side, NULL},
    {"negate the bound of P4", negate_bound, NULL},
    {"another basis of P4", other_basis, "the other basis shows it too"},
    {"P4 by the lemma without its region", p4_rests_on_less, NULL},
    {"P4w rests on a P4 that is not claimed", p4w_on_nothing, NULL},
    {"P4w rests on a P4 that is refuted", p4w_by_p4, NULL},
    {"P4 refuted at another parameter", other_place, NULL},
    {"another number in a form", form_digit, NULL},
    {"another sign in a form", form_sign, NULL},
    {"drop a form", drop_form, "halves of the boxes hold without it"},
    {"a form of another segment", move_form, NULL},
    {"another kind of form", other_kind, NULL},
    {"move a zone by the logarithm", move_log_zone, "the tail form shows it from there on too"},
    {"a zone by the logarithm of an order", log_zone_order, NULL},
    {"another value at r = 0", value_at_zero, NULL},
    {"another number in a course", course_digit, "a switch in f' that the boxes decide too"},
    {"drop a course", drop_course, "a switch in f' that the boxes decide too"},
};
enum { CLASSES = sizeof classes / sizeof *classes };

/* Built-in gates, or text. */
static const struct {
  const char *gate, *range, *text;
} sources[] = {
    {"sigmoid", NULL, NULL},
    {"arctan", NULL, NULL},
    {"softsign_abs", NULL, NULL},
    {"erf", NULL, NULL},
    {"tanh", NULL, NULL},
    {"mixture", NULL, NULL},
    {"flat_top", NULL, NULL},
    {"clip", NULL, NULL},
    {"ripple", NULL, NULL},
    {"quartic", NULL, NULL},
    {"floor", NULL, NULL},
    {"off_centre", NULL, NULL},
    {"late_jump", NULL, NULL},
    {"reciprocal", NULL, NULL},
    {"lone_point", NULL, NULL},
    {"arctan", "0.5 4", NULL},
    {"sigmoid", "1 2", NULL},
    {"asinh", NULL, NULL},
    {"cispo", NULL, NULL},
    {"slow_cancel", NULL, NULL},
    {"lemma", NULL, "gate lemma f = 5 - 1/log(r + 2)"},
    {"logs", NULL, "gate logs weight = 1/((1 + r)*log(3 + r))"},
    {"erfc", NULL, "gate erfc weight = 1 - erf(abs(r - 1))"},
    {"negative", NULL,
     "gate negative weight = 1/(1 + (r - 1)^2) if r <= 3 | 4/5/r - 1/15 otherwise"},
    {"bump", "0 1",
     "gate bump param c in [0, 1] default 0.5 weight = exp(-(r - 1)^2)*(1 + c*(r - 1)^2)"},
    {"root", "0.1 10",
     "gate root param t in [0.1, 10] default 1 f = (r - 1)/sqrt(1 + (t*(r - 1))^2)"},
    {"touch", NULL, "gate touch weight = exp(-(r - 1)^2*(r - 3)^2/(1 + sqrt(r)))"},
    {"products", NULL, "gate products weight = 4*sigmoid(r - 1)*(1 - sigmoid(r - 1))"},
    {"least", NULL, "gate least f = min(r - 1, tanh(r - 1))"},
    {"most", "0.5 2",
     "gate most param t in [0.5, 2] default 1 "
     "f = max(atan(t*(r - 1))/t, min(r - 1, 0))"},
    {"log", NULL,
     "gate log weight = 0 if r <= 0 | r*log(1 + 1/r)/log(2) if r <= 1 | 1/r^2 otherwise"},
    {"power", "0.5 2", "gate power param k in [0.5, 2] default 1 weight = (1 + (r - 1)^2)^(-k)"}};
enum { SOURCES = sizeof sources / sizeof *sources };

static char *make(int k) {
  sl_gate gate;
  sl_gate_definition *def;
  sl_error err;
  sl_verify_options v = {.seconds = 60, .boxes = 400000};
  char path[] = "/tmp/sluice-mutations-XXXXXX";
  close(mkstemp(path));
  const char *given = sources[k].text;
  cr_assert_eq(given ? sl_gate_parse(&gate, &def, given, strlen(given), "text", NULL, 0, &err)
                     : sl_gate_load(&gate, &def, sources[k].gate, NULL, 0, &err),
               SL_OK, "%s", err.message);
  if (sources[k].range) {
    char a[20], b[20];
    sscanf(sources[k].range, "%19s %19s", a, b);
    v.ranged = 1;
    cr_assert(sl_decimal_parse(a, &v.low[0]) && sl_decimal_parse(b, &v.high[0]));
  }
  sl_certificate *c;
  sl_side_report report;
  cr_assert_eq(sl_certificate_open(&c, path, def, &err), SL_OK);
  sl_verify_side(&report, def, 1, &v, c);
  cr_assert_eq(sl_certificate_close(c, &err), SL_OK);
  sl_side_report_clear(&report);
  sl_gate_definition_free(def);
  FILE *in = fopen(path, "r");
  char *text = calloc(1 << 22, 1);
  cr_assert(fread(text, 1, (1 << 22) - 1, in) > 0);
  fclose(in);
  unlink(path);
  return text;
}

Test(mutations, none_passes_for_the_original, .timeout = 600) {
  static char *text[SOURCES], *statement[SOURCES];
  static lines_t t;
  int total = 0, other = 0, same = 0;
  for (int k = 0; k < SOURCES; k++) {
    check_result r;
    text[k] = make(k);
    slc_check_certificate(&r, text[k], strlen(text[k]));
    cr_assert(r.accepted, "%s: line %d: %s", sources[k].gate, r.line, r.why);
    statement[k] = r.statement;
  }
  for (int c = 0; c < CLASSES; c++) {
    int made = 0, refused = 0, equal = 0;
    for (int i = 0; i < PER_CLASS * 6 && made < PER_CLASS; i++) {
      const int k = (i + c) % SOURCES;
      size_t size;
      split(&t, text[k]);
      const int applied = classes[c].mutate(&t);
      char *mutant = seal(&t, &size);
      if (applied && strcmp(mutant, text[k]) != 0) {
        check_result r;
        slc_check_certificate(&r, mutant, size);
        made++;
        refused += !r.accepted;
        if (r.accepted && strcmp(r.statement, statement[k]) != 0) other++;
        if (r.accepted && strcmp(r.statement, statement[k]) == 0) {
          equal++;
          cr_expect(classes[c].equivalent != NULL, "accepted: %s, of %s (seed 9e3779b97f4a7c15)\n",
                    classes[c].name, sources[k].gate);
        }
        free(r.statement);
      }
      free(mutant);
      clear(&t);
    }
    total += made, same += equal;
    printf("%-45s %3d mutants, %3d refused, %2d the same statement%s%s\n", classes[c].name, made,
           refused, equal, equal && classes[c].equivalent ? ": " : "",
           equal && classes[c].equivalent ? classes[c].equivalent : "");
    cr_expect(made > 0, "%s applied to no certificate", classes[c].name);
  }
  printf("%d classes, %d mutants, %d accepted for another statement, %d the same statement\n",
         CLASSES, total, other, same);
  cr_assert(CLASSES >= 20 && total >= 1500, "%d mutants", total);
}

/* The seal itself: any change of a byte without sealing again is refused. */
Test(mutations, an_unsealed_change_is_refused) {
  char *text = make(0);
  const size_t size = strlen(text);
  for (size_t i = 0; i < size; i += 7) {
    check_result r;
    text[i] ^= 1;
    slc_check_certificate(&r, text, size);
    cr_assert(!r.accepted, "byte %zu", i);
    free(r.statement);
    text[i] ^= 1;
  }
  free(text);
}
