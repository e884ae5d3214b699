/* The reward of a completion (spec F3.6). The whole completion is read, however long it is. */
#include "lists.h"

#include <string.h>

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static int is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ')';
}

/* A decimal as it stands in a text: digits before and after the point, of which only the digits
 * count (commas are skipped). */
typedef struct {
  const char *whole, *whole_end, *fraction, *fraction_end;
  int negative;
} decimal;

/* Past the digits at `at`, with a comma before each further group of exactly three. */
static const char *skip_whole(const char *at) {
  while (is_digit(*at)) at++;
  while (*at == ',' && is_digit(at[1]) && is_digit(at[2]) && is_digit(at[3]) && !is_digit(at[4]))
    at += 4;
  return at;
}

/* Reads the number that starts at `at`, a digit or a point before a digit; returns its end. */
static const char *read_decimal(const char *text, const char *at, decimal *out) {
  const char *sign = at > text ? at - 1 : NULL;
  const int is_sign =
      sign && (*sign == '-' || *sign == '+') && (sign == text || !is_word(sign[-1]));
  *out = (decimal){.whole = at, .negative = is_sign && *sign == '-'};
  at = out->whole_end = skip_whole(at);
  out->fraction = out->fraction_end = at;
  if (*at == '.' && is_digit(at[1])) {
    out->fraction = ++at;
    while (is_digit(*at)) at++;
    out->fraction_end = at;
  }
  return at;
}

/* The last number of the text; 0 if it has none. */
static int last_decimal(const char *text, decimal *out) {
  int found = 0;
  for (const char *at = text; *at;) {
    if (is_digit(*at) || (*at == '.' && is_digit(at[1]))) {
      at = read_decimal(text, at, out);
      found = 1;
    } else {
      at++;
    }
  }
  return found;
}

/* Leading zeros and commas are skipped on both sides. */
static int same_whole(const decimal *a, const decimal *b) {
  const char *x = a->whole, *y = b->whole;
  while (x < a->whole_end && (*x == '0' || *x == ',')) x++;
  while (y < b->whole_end && (*y == '0' || *y == ',')) y++;
  for (;;) {
    if (x < a->whole_end && *x == ',') x++;
    if (y < b->whole_end && *y == ',') y++;
    if (x == a->whole_end || y == b->whole_end) return x == a->whole_end && y == b->whole_end;
    if (*x++ != *y++) return 0;
  }
}

static size_t fraction_length(const decimal *d) {
  size_t n = (size_t)(d->fraction_end - d->fraction);
  while (n > 0 && d->fraction[n - 1] == '0') n--;
  return n;
}

static int is_zero(const decimal *d) {
  for (const char *at = d->whole; at < d->whole_end; at++)
    if (*at != '0' && *at != ',') return 0;
  return fraction_length(d) == 0;
}

static int same_decimal(const decimal *a, const decimal *b) {
  const size_t n = fraction_length(a);
  if (n != fraction_length(b) || memcmp(a->fraction, b->fraction, n) != 0 || !same_whole(a, b))
    return 0;
  return a->negative == b->negative || is_zero(a);
}

int sl_reward_has_number(const char *text) {
  decimal d;
  return last_decimal(text, &d);
}

double sl_reward(sl_reward_kind kind, const char *completion, int ended, const char *answer) {
  if (!ended) return 0;
  if (kind == SL_REWARD_EXACT) return strcmp(completion, answer) == 0;
  decimal got, wanted;
  return last_decimal(completion, &got) && last_decimal(answer, &wanted) &&
         same_decimal(&got, &wanted);
}
