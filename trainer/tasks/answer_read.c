/* What an answer is made of (spec F3.13, steps 2, 6 and 7): numbers with units, tuples, intervals,
 * lists, sets, unions. */
#include "answer_reader.h"

#include <string.h>

static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* Units that need no \text; the first that fits holds. Letters alone could be variables, so these
 * words alone. */
static const char *const units[] = {
    "km/h",  "cm",     "mm",     "km",      "kg",      "mg",      "ml",      "mL",       "ft",
    "inch",  "inches", "in",     "feet",    "foot",    "yard",    "yards",   "mile",     "miles",
    "meter", "meters", "metre",  "metres",  "degree",  "degrees", "deg",     "dollar",   "dollars",
    "cent",  "cents",  "USD",    "second",  "seconds", "minute",  "minutes", "hour",     "hours",
    "day",   "days",   "week",   "weeks",   "month",   "months",  "year",    "years",    "mph",
    "unit",  "units",  "square", "cubic",   "per",     "pound",   "pounds",  "gram",     "grams",
    "liter", "liters", "people", "percent", "times",   "apples",  "points",  "students", "sq"};

static const char *const wrappers[] = {"\\text{", "\\mathrm{", "\\mbox{", "\\textbf{"};

/* Words that say more than a unit does, and letters that are mostly names of numbers. */
static const char *const no_units[] = {
    "hundred", "thousand", "million", "billion",  "trillion", "hundreds", "thousands", "millions",
    "dozen",   "dozens",   "half",    "halves",   "squared",  "cubed",    "factorial", "base",
    "mod",     "modulo",   "or",      "and",      "not",      "no",       "but",       "is",
    "are",     "more",     "less",    "least",    "most",     "than",     "plus",      "minus",
    "to",      "if",       "below",   "under",    "negative", "zero",     "am",        "pm",
    "AM",      "PM",       "mil",     "billions", "approx",   "about",    "remainder", "else"};
static const char unit_letters[] = "mgshlLNJWVAKCF";

/* 5 \text{ million} is not 5, nor is 5 \text{ or 6}. */
static int is_unit(const char *at, const char *end) {
  while (at < end) {
    size_t n = 0;
    while (at + n < end && is_letter(at[n])) n++;
    if (n == 0 && *at >= '0' && *at <= '9') return 0;
    if (n == 1 && !strchr(unit_letters, *at)) return 0;
    for (size_t i = 0; n && i < sizeof no_units / sizeof *no_units; i++)
      if (strlen(no_units[i]) == n && memcmp(no_units[i], at, n) == 0) return 0;
    at += n ? n : 1;
  }
  return 1;
}

/* \text{...} without braces in it. */
static int take_wrapper(sl_reader *r) {
  for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
    const size_t n = strlen(wrappers[i]);
    if (strncmp(r->at, wrappers[i], n) != 0) continue;
    const char *close = strpbrk(r->at + n, "{}");
    if (!close || *close != '}' || !is_unit(r->at + n, close)) return 0;
    r->at = close + 1;
    return 1;
  }
  return 0;
}

static int take_unit(sl_reader *r) {
  if (take_wrapper(r) || sl_reader_take(r, "\\circ")) return 1;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (sl_reader_take(r, units[i])) return 1;
  return 0;
}

/* The exponent of a unit: ^2, ^3, ^{2}, ^{3}. */
static void take_unit_exponent(sl_reader *r) {
  static const char *const exponents[] = {"^{2}", "^{3}", "^2", "^3"};
  for (size_t i = 0; i < sizeof exponents / sizeof *exponents; i++)
    if (strncmp(r->at, exponents[i], strlen(exponents[i])) == 0) {
      r->at += strlen(exponents[i]);
      return;
    }
}

static void skip_units(sl_reader *r) {
  sl_reader_skip_spaces(r);
  while (take_unit(r)) {
    take_unit_exponent(r);
    sl_reader_skip_spaces(r);
    const char *next = r->at + 1 + (*r->at == '/' ? strspn(r->at + 1, " ") : 0);
    if (*r->at == '/' && (is_letter(*next) || *next == '\\')) r->at = next;
  }
}

static int read_infinity(sl_reader *r) {
  const char *before = r->at;
  int sign = 1;
  if (*r->at == '-' || *r->at == '+') sign = *r->at++ == '-' ? -1 : 1;
  sl_reader_skip_spaces(r);
  if (sl_reader_take(r, "\\infty")) return sign;
  r->at = before;
  return 0;
}

/* A number, its percent sign, its units. */
static int read_item(sl_reader *r, sl_answer_value *v) {
  if (v->n_numbers == SL_ANSWER_NUMBERS) return 0;
  sl_answer_number *x = &v->number[v->n_numbers];
  const sl_rational hundredth = sl_rational_of(1, 100);
  const sl_number percent = sl_number_of(&hundredth);
  sl_reader_skip_spaces(r);
  x->percent = 0, x->x.n = 0;
  x->infinite = read_infinity(r);
  if (!x->infinite && !sl_reader_expression(r, &x->x)) return 0;
  sl_reader_skip_spaces(r);
  if (!x->infinite && (sl_reader_take(r, "%") || sl_reader_take(r, "percent"))) {
    x->percent = 1;
    if (!sl_number_multiply(&x->x, &x->x, &percent, &r->left)) return 0;
  }
  skip_units(r);
  v->n_numbers++;
  return 1;
}

/* Does a bracket at `at` hold a comma of its own? */
static int is_tuple(const char *at) {
  int depth = 0;
  for (; *at; at++) {
    if (*at == '(' || *at == '[') depth++;
    if ((*at == ')' || *at == ']') && --depth == 0) return 0;
    if (*at == ',' && depth == 1) return 1;
  }
  return 0;
}

static int read_tuple(sl_reader *r, sl_answer_value *v, sl_answer_group *g) {
  *g = (sl_answer_group){.open = *r->at++, .first = v->n_numbers};
  r->brackets++;
  do {
    if (!read_item(r, v)) return 0;
  } while (*r->at == ',' && r->at++);
  r->brackets--;
  if (*r->at != ')' && *r->at != ']') return 0;
  g->close = *r->at++;
  g->n = v->n_numbers - g->first;
  skip_units(r);
  return 1;
}

/* What stands before `=` of an answer such as x = 5: a letter, or a word behind a backslash. */
typedef struct {
  const char *begin;
  size_t n;
} name;

static name read_name(sl_reader *r) {
  const char *at = r->at, *end;
  at += *at == '\\';
  for (end = at; is_letter(*end);) end++;
  if (end == at || (at == r->at && end - at > 1)) return (name){"", 0};
  const name found = {r->at, (size_t)(end - r->at)};
  while (*end == ' ') end++;
  if (*end == '=')
    end++;
  else if (strncmp(end, "\\in", 3) == 0 && !is_letter(end[3]))
    end += 3;
  else
    return (name){"", 0};
  r->at = end;
  return found;
}

/* Names in a list must all be the same one. */
static int same_name(const name *a, const name *b) {
  return !b->n || (a->n == b->n && memcmp(a->begin, b->begin, a->n) == 0);
}

typedef enum { END, COMMA, UNION, NEITHER } separator;

static separator read_separator(sl_reader *r, int in_set) {
  sl_reader_skip_spaces(r);
  if (!*r->at || (in_set && strncmp(r->at, "\\}", 2) == 0)) return END;
  if (sl_reader_take(r, ",")) {
    sl_reader_skip_spaces(r);
    if (!sl_reader_take(r, "and")) sl_reader_take(r, "or");
    return COMMA;
  }
  if (sl_reader_take(r, "and") || sl_reader_take(r, "or")) return COMMA;
  return sl_reader_take(r, "\\cup") ? UNION : NEITHER;
}

static int read_group(sl_reader *r, sl_answer_value *v, name *first) {
  if (v->n_groups == SL_ANSWER_GROUPS) return 0;
  sl_answer_group *g = &v->group[v->n_groups];
  sl_reader_skip_spaces(r);
  const name found = read_name(r);
  if (!v->n_groups) *first = found;
  if (!same_name(first, &found)) return 0;
  sl_reader_skip_spaces(r);
  if ((*r->at == '(' || *r->at == '[') && is_tuple(r->at)) {
    if (!read_tuple(r, v, g)) return 0;
  } else {
    *g = (sl_answer_group){.first = v->n_numbers, .n = 1};
    if (!read_item(r, v)) return 0;
  }
  v->n_groups++;
  return 1;
}

/* Groups up to the end, or that of the set. */
static int read_groups(sl_reader *r, sl_answer_value *v, int in_set) {
  name first = {"", 0};
  separator before = END;
  for (;;) {
    if (!read_group(r, v, &first)) return 0;
    const separator next = read_separator(r, in_set);
    if (next == NEITHER || (before != END && next != END && next != before)) return 0;
    if (next == END) break;
    before = next;
  }
  v->is_union = before == UNION;
  if (first.n) v->name = first.begin, v->name_size = first.n;
  return 1;
}

int sl_answer_read(sl_answer_value *out, const char *clean) {
  sl_reader r = {.at = clean, .left = SL_READER_WORK};
  out->n_numbers = out->n_groups = out->name_size = 0, out->is_union = 0;
  if (strlen(clean) > SL_ANSWER_VALUE_MAX) return 0;
  sl_reader set = r;
  const name found = read_name(&set);
  sl_reader_skip_spaces(&set);
  const int in_set = strncmp(set.at, "\\{", 2) == 0;
  if (in_set) {
    r = set;
    r.at += 2, r.brackets = 1;
    out->name = found.begin, out->name_size = found.n;
  }
  if (!read_groups(&r, out, in_set)) return 0;
  if (in_set && !sl_reader_take(&r, "\\}")) return 0;
  sl_reader_skip_spaces(&r);
  return !*r.at;
}
