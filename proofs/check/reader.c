/* Lines and fields of a certificate (see reader.h). */
#include "reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a decimal without exponent has at most: digits, and zeros next to its point. */
enum { PLAIN_DIGITS = 18, PLAIN_ZEROS = 5 };

int slc_refuse(reader_t *r, const char *why) {
  if (!*r->why) {
    r->refused_line = r->line;
    snprintf(r->why, sizeof r->why, "%s", why);
  }
  return 0;
}

/* At an end of the line, or next to another one. */
static int has_loose_blank(const char *line, const char *stop) {
  if (line == stop) return 0;
  if (*line == ' ' || stop[-1] == ' ') return 1;
  for (const char *c = line; c + 1 < stop; c++)
    if (c[0] == ' ' && c[1] == ' ') return 1;
  return 0;
}

int slc_next_line(reader_t *r) {
  const char *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
  r->line++;
  if (!stop || stop - r->at >= LINE_MAX_SIZE) return slc_refuse(r, "expected a line");
  for (const char *c = r->at; c < stop; c++) /* what is printed must not move a terminal's cursor */
    if (*c < ' ' || *c > '~') return slc_refuse(r, "expected ASCII without control characters");
  if (has_loose_blank(r->at, stop)) return slc_refuse(r, "expected one blank between fields");
  memcpy(r->text, r->at, (size_t)(stop - r->at));
  r->text[stop - r->at] = '\0';
  r->token = r->text;
  r->start = r->at;
  r->at = stop + 1;
  return 1;
}

void slc_give_back(reader_t *r) {
  r->at = r->start;
  r->line--;
}

char *slc_field(reader_t *r) {
  if (!r->token) return NULL;
  char *t = r->token, *space = strchr(t, ' ');
  if (space) *space = '\0';
  r->token = space ? space + 1 : NULL;
  return *t ? t : NULL;
}
int slc_word(reader_t *r, const char *want) {
  const char *t = slc_field(r);
  return t && strcmp(t, want) == 0;
}
int slc_done(const reader_t *r) { return r->token == NULL; }
int slc_line_ends(reader_t *r) {
  return slc_done(r) || slc_refuse(r, "expected the end of the line");
}
int slc_keep(char *out, size_t size, const char *text) {
  const size_t bytes = strlen(text) + 1;
  if (bytes > size) return 0;
  memcpy(out, text, bytes);
  return 1;
}

/* Decimal digits with at most a minus before them, no 0 in front, and no -0. */
static int is_integer(const char *t) {
  const char *digit = t + (*t == '-');
  const size_t digits = strspn(digit, "0123456789");
  return digits && !digit[digits] && (*digit != '0' || !t[1]);
}

int slc_integer(reader_t *r, long low, long high, long *out) {
  const char *t = slc_field(r);
  if (!t || !is_integer(t)) return 0;
  errno = 0;
  *out = strtol(t, NULL, 10);
  return !errno && *out >= low && *out <= high;
}

int slc_dyadic(reader_t *r, mpfr_t x) {
  const char *t = slc_field(r);
  long e;
  mpz_t m;
  if (!t || strlen(t) > 160 || !is_integer(t) || !slc_integer(r, -100000, 100000, &e)) return 0;
  mpz_init(m);
  const int ok = mpz_set_str(m, t, 10) == 0 && (mpz_odd_p(m) || (mpz_sgn(m) == 0 && e == 0)) &&
                 mpfr_set_z_2exp(x, m, e, MPFR_RNDN) == 0;
  mpz_clear(m);
  return ok;
}

int slc_interval(reader_t *r, mpfi_t x) {
  return slc_dyadic(r, &x->left) && slc_dyadic(r, &x->right) &&
         mpfr_lessequal_p(&x->left, &x->right);
}

int slc_dyadic_or_inf(reader_t *r, mpfr_t x) {
  long zero;
  if (!r->token || strncmp(r->token, "inf ", 4)) return slc_dyadic(r, x);
  slc_field(r);
  mpfr_set_inf(x, 1);
  return slc_integer(r, 0, 0, &zero);
}

/* Digits and an exponent: where they would be too long without one. */
static int is_with_exponent(const char *digit, size_t digits) {
  const char *exponent = digit + digits + 1;
  if (*digit == '0' || !digits || digit[digits - 1] == '0' || !is_integer(exponent) ||
      strlen(exponent) > 5)
    return 0;
  const long x = strtol(exponent, NULL, 10), n = (long)digits;
  return x >= 0 ? x + n > PLAIN_DIGITS : -x - n > PLAIN_ZEROS;
}

/* The one spelling that a decimal has. */
static int is_decimal(const char *t) {
  const char *digit = t + (*t == '-');
  const size_t digits = strspn(digit, "0123456789");
  if (!digits || digits > PLAIN_DIGITS) return 0;
  if (digit[digits] == 'e') return is_with_exponent(digit, digits);
  if (!digit[digits]) return is_integer(t);
  const char *after = digit + digits + 1;
  const size_t more = strspn(after, "0123456789"), zeros = strspn(after, "0");
  if (digit[digits] != '.' || !more || after[more] || after[more - 1] == '0') return 0;
  return *digit == '0' ? digits == 1 && zeros <= PLAIN_ZEROS : 1;
}

int slc_decimal_text(mpq_t x, const char *t) {
  const char *end;
  return is_decimal(t) && slc_parse_decimal(x, t, &end) && !*end;
}

int slc_decimal(reader_t *r, mpq_t x) {
  const char *t = slc_field(r);
  return t && slc_decimal_text(x, t);
}
