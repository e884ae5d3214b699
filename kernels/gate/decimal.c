/* Exact decimal constants m * 10^e of gate files (spec G1.5). */
#include "tree.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

sl_decimal sl_decimal_normal(int64_t m, int32_t e) {
  if (m == 0) return (sl_decimal){0, 0};
  while (m % 10 == 0) m /= 10, e++;
  return (sl_decimal){m, e};
}

static int parse_exponent(const char **text, int32_t *e) {
  const char *s = *text + 1;
  const int negative = *s == '-';
  if (*s == '-' || *s == '+') s++;
  if (!isdigit((unsigned char)*s)) return 0;
  int32_t value = 0;
  for (; isdigit((unsigned char)*s); s++)
    if ((value = 10 * value + (*s - '0')) > 1000) return 0;
  *e += negative ? -value : value;
  *text = s;
  return 1;
}

int sl_decimal_parse(const char *text, sl_decimal *out) {
  const int negative = *text == '-';
  int64_t m = 0;
  int32_t e = 0, digits = 0, point = 0, seen = 0;
  if (negative) text++;
  for (;; text++) {
    if (*text == '.' && !point) {
      point = 1;
      continue;
    }
    if (!isdigit((unsigned char)*text)) break;
    seen = 1;
    if ((digits += digits || *text != '0') > 18) return 0;
    m = 10 * m + (*text - '0');
    if (point && --e < -1000) return 0;
  }
  if (!seen || ((*text == 'e' || *text == 'E') && !parse_exponent(&text, &e))) return 0;
  if (*text) return 0;
  *out = sl_decimal_normal(negative ? -m : m, e);
  return out->e >= -400 && out->e <= 400;
}

sl_decimal sl_decimal_from_double(double value) {
  char text[40];
  sl_decimal out = {0, 0};
  const double magnitude = fabs(value);
  if (!(magnitude < INFINITY) || magnitude == 0.0) return out;
  /* The shortest text that reads back the same. 17 digits always do, so the loop ends. */
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*e", digits - 1, magnitude);
    for (char *c = text; *c; c++)
      if (*c == ',') *c = '.';
    if (sl_decimal_parse(text, &out) && sl_decimal_to_double(out) == magnitude) break;
  }
  if (value < 0) out.m = -out.m;
  return out;
}

double sl_decimal_to_double(sl_decimal value) {
  char text[40];
  snprintf(text, sizeof text, "%" PRId64 "e%" PRId32, value.m,
           value.e); /* no decimal point, so that the locale does not matter */
  return strtod(text, NULL);
}

/* The exponent of the first digit plus one; m is not 0. */
static int32_t digits_before_point(sl_decimal x) {
  int32_t digits = 0;
  for (int64_t m = x.m; m; m /= 10) digits++;
  return x.e + digits;
}

/* Of two with equally many digits before the point the one with fewer digits in all is scaled: both
 * stay below 10^19 < 2^64. */
static int compare_magnitudes(sl_decimal a, sl_decimal b) {
  const int32_t na = digits_before_point(a), nb = digits_before_point(b);
  uint64_t x = (uint64_t)(a.m < 0 ? -a.m : a.m), y = (uint64_t)(b.m < 0 ? -b.m : b.m);
  if (na != nb) return na < nb ? -1 : 1;
  for (; a.e > b.e; a.e--) x *= 10;
  for (; b.e > a.e; b.e--) y *= 10;
  return (x > y) - (x < y);
}

int sl_decimal_cmp(sl_decimal a, sl_decimal b) {
  const int left = (a.m > 0) - (a.m < 0), right = (b.m > 0) - (b.m < 0);
  if (left != right) return left < right ? -1 : 1;
  return left * (left ? compare_magnitudes(a, b) : 0);
}

void sl_decimal_print(char *buffer, size_t size, sl_decimal value) {
  char digits[24];
  const int n = snprintf(digits, sizeof digits, "%" PRId64, value.m < 0 ? -value.m : value.m);
  const char *sign = value.m < 0 ? "-" : "";
  if (value.e >= 0 && value.e + n <= 18) {
    snprintf(buffer, size, "%s%s%0*d", sign, digits, (int)value.e, 0);
    if (value.e == 0) snprintf(buffer, size, "%s%s", sign, digits);
  } else if (value.e < 0 && -value.e < n) {
    snprintf(buffer, size, "%s%.*s.%s", sign, n + (int)value.e, digits, digits + n + value.e);
  } else if (value.e < 0 && -value.e - n < 6) {
    snprintf(buffer, size, "%s0.%.*s%s", sign, (int)(-value.e) - n, "000000", digits);
  } else {
    snprintf(buffer, size, "%s%se%" PRId32, sign, digits, value.e);
  }
}
