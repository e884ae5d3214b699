/* Expressions of answers (spec F3.13, steps 3 to 5): each is evaluated as it is read. */
#include "answer_reader.h"

#include <string.h>

#define DIGITS_MAX 320 /* more are beyond 2^512, or zeros that nobody writes */

static int is_digit(char c) { return c >= '0' && c <= '9'; }
static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void sl_reader_skip_spaces(sl_reader *r) {
  while (*r->at == ' ') r->at++;
}

int sl_reader_take(sl_reader *r, const char *word) {
  const size_t n = strlen(word);
  if (strncmp(r->at, word, n) != 0) return 0;
  if (is_letter(word[n - 1]) && is_letter(r->at[n])) return 0;
  r->at += n;
  return 1;
}

static int take_char(sl_reader *r, char c) {
  sl_reader_skip_spaces(r);
  if (*r->at != c) return 0;
  r->at++;
  return 1;
}

static const char *skip_digits(const char *at) {
  while (is_digit(*at)) at++;
  return at;
}

/* The digits of a decimal, without separators. */
typedef struct {
  char digit[DIGITS_MAX];
  size_t n, behind; /* behind: of those, how many stand behind the point */
  int has_point;
} decimal;

static int push_digits(decimal *d, const char *begin, const char *end) {
  const size_t n = (size_t)(end - begin);
  if (n > DIGITS_MAX - d->n) return 0;
  memcpy(d->digit + d->n, begin, n);
  d->n += n;
  return 1;
}

/* A comma and exactly three digits. */
static int is_group(const char *at) {
  return *at == ',' && is_digit(at[1]) && is_digit(at[2]) && is_digit(at[3]) && !is_digit(at[4]);
}

static int read_digits(sl_reader *r, decimal *d) {
  const char *first = r->at;
  d->n = d->behind = 0, d->has_point = 0;
  r->at = skip_digits(first);
  if (!push_digits(d, first, r->at)) return 0;
  if (!r->brackets && d->n >= 1 && d->n <= 3 && *first != '0')
    for (; is_group(r->at); r->at += 4)
      if (!push_digits(d, r->at + 1, r->at + 4)) return 0;
  if (*r->at != '.' || !(is_digit(r->at[1]) || strncmp(r->at + 1, "\\overline{", 10) == 0))
    return d->n > 0;
  const char *point = r->at++;
  r->at = skip_digits(r->at);
  d->has_point = 1, d->behind = (size_t)(r->at - point - 1);
  return push_digits(d, point + 1, r->at);
}

/* The part of \overline{d}, with `behind` digits between it and the point: d / (99...9 *
 * 10^behind).
 */
static int add_period(sl_reader *r, sl_rational *x, size_t behind) {
  char nines[DIGITS_MAX];
  sl_rational period, nines_value;
  const char *first = r->at, *end = skip_digits(first);
  const size_t n = (size_t)(end - first);
  if (n == 0 || n > DIGITS_MAX || *end != '}') return 0;
  memset(nines, '9', n);
  r->at = end + 1;
  return sl_rational_decimal(&period, first, n, -(long)behind) &&
         sl_rational_decimal(&nines_value, nines, n, 0) &&
         sl_rational_invert(&nines_value, &nines_value) &&
         sl_rational_multiply(&period, &period, &nines_value) && sl_rational_add(x, x, &period);
}

/* e, a sign or none, one to three digits, nothing that reads on. */
static long read_exponent(sl_reader *r) {
  const char *at = r->at;
  long exponent = 0;
  if (*at != 'e' && *at != 'E') return 0;
  at++;
  const int negative = *at == '-';
  if (*at == '-' || *at == '+') at++;
  const char *end = skip_digits(at);
  if (end == at || end - at > 3 || is_letter(*end)) return 0;
  for (; at < end; at++) exponent = 10 * exponent + (*at - '0');
  r->at = end;
  return negative ? -exponent : exponent;
}

/* {digits} or one digit. */
static int read_small_argument(const char **at, const char **begin, size_t *n) {
  const int braced = **at == '{';
  *begin = *at + braced;
  const char *end = braced ? skip_digits(*begin) : *begin + is_digit(**begin);
  *n = (size_t)(end - *begin);
  if (*n == 0 || (braced && *end != '}')) return 0;
  *at = end + braced;
  return 1;
}

/* The fraction of a mixed number: \frac of digits, or spaces and digits/digits. */
static int read_mixed(sl_reader *r, sl_rational *x) {
  const char *at = r->at, *num, *den;
  size_t n, d;
  sl_rational a, b;
  while (*at == ' ') at++;
  const int spaced = at > r->at;
  if (strncmp(at, "\\frac", 5) == 0) {
    at += 5;
    if (!read_small_argument(&at, &num, &n) || !read_small_argument(&at, &den, &d)) return 1;
  } else {
    const char *slash = skip_digits(num = at);
    if (!spaced || slash == num || *slash != '/' || !is_digit(slash[1])) return 1;
    n = (size_t)(slash - num), den = slash + 1, at = skip_digits(den), d = (size_t)(at - den);
  }
  r->at = at;
  return sl_rational_decimal(&a, num, n, 0) && sl_rational_decimal(&b, den, d, 0) &&
         sl_rational_invert(&b, &b) && sl_rational_multiply(&a, &a, &b) &&
         sl_rational_add(x, x, &a);
}

static int read_number(sl_reader *r, sl_number *out) {
  decimal d;
  sl_rational x;
  if (!read_digits(r, &d)) return 0;
  const int period = d.has_point && strncmp(r->at, "\\overline{", 10) == 0;
  const long exponent = period ? 0 : read_exponent(r);
  if (!sl_rational_decimal(&x, d.digit, d.n, exponent - (long)d.behind)) return 0;
  r->left -= 1 + (int)(d.n / 10);
  if (period) {
    r->at += 10;
    if (!add_period(r, &x, d.behind)) return 0;
  } else if (!d.has_point && exponent == 0 && !r->is_bare && !read_mixed(r, &x)) {
    return 0;
  }
  *out = sl_number_of(&x);
  return r->left >= 0;
}

static int enter(sl_reader *r) { return ++r->depth <= SL_READER_DEPTH; }

/* An expression up to its closing bracket. Within it a comma is an error, so groups may stand. */
static int read_closed(sl_reader *r, char close, sl_number *out) {
  const int was_bare = r->is_bare;
  r->is_bare = 0;
  const int read = enter(r) && sl_reader_expression(r, out) && take_char(r, close);
  r->is_bare = was_bare;
  r->depth--;
  return read;
}

/* Without braces what follows does not belong to it: 10^2\frac{1}{2} is 50. */
static int read_bare(sl_reader *r, int (*read)(sl_reader *, sl_number *), sl_number *out) {
  const int was_bare = r->is_bare;
  r->is_bare = 1;
  const int done = read(r, out);
  r->is_bare = was_bare;
  return done;
}

/* {expression}, or one digit, as in \frac12. */
static int read_argument(sl_reader *r, sl_number *out) {
  if (take_char(r, '{')) return read_closed(r, '}', out);
  if (!is_digit(*r->at)) return 0;
  const sl_rational x = sl_rational_of((uint64_t)(*r->at++ - '0'), 1);
  *out = sl_number_of(&x);
  return 1;
}

/* sqrt, behind that word: [k] or none, then {x}, (x) or digits. */
static int read_root(sl_reader *r, sl_number *out) {
  unsigned k = 2;
  if (take_char(r, '[')) {
    for (k = 0; is_digit(*r->at) && k < 100; r->at++) k = 10 * k + (unsigned)(*r->at - '0');
    if (k < 2 || k > 64 || !take_char(r, ']')) return 0;
  }
  sl_number x;
  const int read = take_char(r, '(')  ? read_closed(r, ')', &x)
                   : is_digit(*r->at) ? read_bare(r, read_number, &x)
                                      : read_argument(r, &x);
  return read && sl_number_root(out, &x, k, &r->left);
}

static int starts_base(const sl_reader *r) {
  static const char *const words[] = {"\\frac", "\\sqrt", "\\pi", "sqrt", "pi"};
  if (*r->at == '(') return 1;
  if (*r->at == '{') return !is_digit(r->at[1 + strspn(r->at + 1, " {")]); /* 2{3} shows as 23 */
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strncmp(r->at, words[i], strlen(words[i])) == 0) return 1;
  return 0;
}

static int read_base(sl_reader *r, sl_number *out) {
  sl_number x, y;
  const sl_rational one = sl_rational_of(1, 1);
  sl_reader_skip_spaces(r);
  if (is_digit(*r->at) || *r->at == '.') return read_number(r, out);
  if (take_char(r, '(')) return read_closed(r, ')', out);
  if (take_char(r, '{')) return read_closed(r, '}', out);
  if (strncmp(r->at, "\\frac", 5) == 0) {
    r->at += 5;
    return read_argument(r, &x) && read_argument(r, &y) && sl_number_divide(out, &x, &y, &r->left);
  }
  if (strncmp(r->at, "\\sqrt", 5) == 0) {
    r->at += 5;
    return read_root(r, out);
  }
  if (sl_reader_take(r, "sqrt")) return read_root(r, out);
  if (!sl_reader_take(r, "\\pi") && !sl_reader_take(r, "pi")) return 0;
  *out = sl_number_of(&one);
  out->term[0].pi = 1;
  return 1;
}

static int read_power(sl_reader *r, sl_number *out);

/* The exponent of a power, which binds from the right: p/q. */
static int read_power_exponent(sl_reader *r, long *p, int *q) {
  sl_number x;
  sl_rational value;
  uint64_t num, den;
  const int negative = take_char(r, '-');
  if (!enter(r) || !read_bare(r, read_power, &x) || !sl_number_rational(&x, &value) ||
      !sl_rational_small(&value, &num, &den) || den > 2 || num > 2 * SL_EXPONENT_MAX)
    return 0;
  r->depth--;
  *p = (value.negative ^ negative) ? -(long)num : (long)num, *q = (int)den;
  return 1;
}

static int read_power(sl_reader *r, sl_number *out) {
  long p;
  int q;
  if (!read_base(r, out)) return 0;
  if (!take_char(r, '^')) return 1;
  return read_power_exponent(r, &p, &q) && sl_number_power(out, out, p, q, &r->left);
}

static int read_signs(sl_reader *r) {
  int negative = 0;
  sl_reader_skip_spaces(r);
  for (; *r->at == '-' || *r->at == '+'; sl_reader_skip_spaces(r)) negative ^= *r->at++ == '-';
  return negative;
}

static int read_factor(sl_reader *r, sl_number *out) {
  const int negative = read_signs(r);
  if (!read_power(r, out)) return 0;
  if (negative) sl_number_negate(out);
  return 1;
}

static int read_term(sl_reader *r, sl_number *out) {
  sl_number x;
  if (!read_factor(r, out)) return 0;
  for (;;) {
    const char *before = r->at;
    const int times = take_char(r, '*'), over = !times && take_char(r, '/');
    if (!times && !over && !starts_base(r)) {
      r->at = before;
      return 1;
    }
    if (!(times || over ? read_factor(r, &x) : read_power(r, &x))) return 0;
    if (!(over ? sl_number_divide : sl_number_multiply)(out, out, &x, &r->left)) return 0;
  }
}

int sl_reader_expression(sl_reader *r, sl_number *out) {
  sl_number x;
  if (!read_term(r, out)) return 0;
  for (;;) {
    const char *before = r->at;
    const int plus = take_char(r, '+'), minus = !plus && take_char(r, '-');
    if (!plus && !minus) {
      r->at = before;
      return 1;
    }
    if (!read_term(r, &x)) return 0;
    if (minus) sl_number_negate(&x);
    if (!sl_number_add(out, out, &x, &r->left)) return 0;
  }
}
