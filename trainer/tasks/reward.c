/* The reward of a completion, and numbers as they stand in texts (spec F3.6). The whole completion
 * is read, however long it is. */
#include "lists.h"

#include "answer.h"

#include <stdlib.h>
#include <string.h>

#define MINUS_SIGN "\xe2\x88\x92" /* U+2212 */
#define EXPONENT_DIGITS_MAX 9

/* A decimal: the digits among text[digits ... end), of which `point` (or fewer than none) stand
 * before the decimal point. It points into the text. */
typedef struct {
  const char *digits, *end;
  long point;
  int negative;
  int has_value; /* 0: an expression, such as 1/2 or 10^5 */
} number;

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* What ends a term, so that a minus after it subtracts. */
static int ends_term(char c) { return is_digit(c) || is_letter(c) || c == ')'; }

static const char *skip_digits(const char *at) {
  while (is_digit(*at)) at++;
  return at;
}

/* A comma and exactly three digits. */
static int is_group(const char *at) {
  return *at == ',' && is_digit(at[1]) && is_digit(at[2]) && is_digit(at[3]) && !is_digit(at[4]);
}

/* A comma between the digits before `at` and those behind it is a decimal one unless it is one of
 * several, as in a list. */
static int is_decimal_comma(const char *text, const char *start, const char *at) {
  if (*at != ',' || !is_digit(at[1])) return 0;
  const char *behind = skip_digits(at + 1);
  const int more_before = start > text + 1 && start[-1] == ',' && is_digit(start[-2]),
            more_behind = *behind == ',' && is_digit(behind[1]);
  return !more_before && !more_behind;
}

/* Reads the digits that start at `at`, a digit or a point before one. */
static void read_mantissa(number *out, const char *text, const char *at) {
  const char *rest = skip_digits(at);
  out->digits = at;
  out->point = rest - at;
  if (out->point <= 3 && *at != '0' && is_group(rest)) {
    for (; is_group(rest); rest += 4) out->point += 3;
  } else if (is_decimal_comma(text, at, rest)) {
    out->end = skip_digits(rest + 1);
    return;
  }
  out->end = *rest == '.' && is_digit(rest[1]) ? skip_digits(rest + 1) : rest;
}

/* Length of the sign at `at`, 0 if there is none; *negative is what it says. */
static size_t sign_at(const char *at, int *negative) {
  const size_t minus = strlen(MINUS_SIGN);
  const int wide = strncmp(at, MINUS_SIGN, minus) == 0;
  *negative = wide || *at == '-';
  return wide ? minus : *negative || *at == '+';
}

/* The same for one that ends at `end`. */
static size_t sign_before(const char *text, const char *end, int *negative) {
  const size_t room = (size_t)(end - text), minus = strlen(MINUS_SIGN);
  if (room >= 1 && sign_at(end - 1, negative) == 1) return 1;
  return room >= minus && sign_at(end - minus, negative) == minus ? minus : 0;
}

/* e or E, a sign or none, digits; nothing that reads on as a word. Returns past it. */
static const char *read_exponent(number *out) {
  const char *at = out->end;
  int negative;
  if (*at != 'e' && *at != 'E') return at;
  const char *digits = at + 1 + sign_at(at + 1, &negative), *end = skip_digits(digits);
  if (end == digits || is_letter(*end)) return at;
  while (*digits == '0') digits++;
  const long exponent =
      end - digits > EXPONENT_DIGITS_MAX || end == digits ? 0 : strtol(digits, NULL, 10);
  if (end - digits > EXPONENT_DIGITS_MAX) out->has_value = 0;
  out->point += negative ? -exponent : exponent;
  return end;
}

/* The currency and the sign before a number's digits; returns where the number begins. A sign may
 * stand apart by spaces where no term is before it. */
static const char *read_sign(number *out, const char *text, const char *start) {
  static const char *const currencies[] = {"$", "\xe2\x82\xac", "\xc2\xa3", "\xc2\xa5"}; /* $€£¥ */
  const char *begin = start;
  int negative = 0;
  for (size_t i = 0; i < sizeof currencies / sizeof *currencies; i++) {
    const size_t n = strlen(currencies[i]);
    if ((size_t)(start - text) >= n && memcmp(start - n, currencies[i], n) == 0) begin -= n;
  }
  const char *apart = begin;
  while (apart > text && apart[-1] == ' ') apart--;
  const size_t n = sign_before(text, apart, &negative);
  if (n == 0) return begin;
  const char *sign = apart - n, *before = sign;
  while (apart < begin && before > text && before[-1] == ' ') before--;
  if (before > text && ends_term(before[-1])) return begin;
  out->negative = negative;
  return sign;
}

/* What the operator before a number makes of it. */
typedef enum { ALONE, OF_EXPRESSION, OF_UNIT } place;

static place place_of(const char *text, const char *begin) {
  if (begin - text >= 2 && begin[-1] == '{' && begin[-2] == '^') begin--;
  if (begin - text < 2 || !strchr("/^", begin[-1]) || !ends_term(begin[-2])) return ALONE;
  return begin[-1] == '^' && is_letter(begin[-2]) ? OF_UNIT : OF_EXPRESSION;
}

/* A number, or an operator's part of one, from `start` on; returns its end. */
static const char *read_number(number *out, size_t *count, const char *text, const char *start) {
  number found = {.has_value = 1};
  read_mantissa(&found, text, start);
  const char *begin = read_sign(&found, text, start), *end = read_exponent(&found);
  const place where = place_of(text, begin);
  if (where == OF_UNIT) return end;
  const int goes_on = *end == '^' || (*end == '/' && is_digit(end[1]));
  if (where == OF_EXPRESSION || goes_on) found.has_value = 0;
  const int is_part = where == OF_EXPRESSION && *count > 0 && !out->has_value;
  if (!is_part) ++*count;
  *out = found;
  return end;
}

/* How many numbers the text holds; the last one in *out, which is untouched if there is none. */
static size_t read_numbers(const char *text, number *out) {
  size_t count = 0;
  for (const char *at = text; *at;)
    at = is_digit(*at) || (*at == '.' && is_digit(at[1])) ? read_number(out, &count, text, at)
                                                          : at + 1;
  return count;
}

/* The digits that count: without zeros at both ends. */
static number trimmed(number n) {
  for (; n.digits < n.end && !(is_digit(*n.digits) && *n.digits != '0'); n.digits++)
    n.point -= is_digit(*n.digits);
  while (n.end > n.digits && !(is_digit(n.end[-1]) && n.end[-1] != '0')) n.end--;
  return n;
}

static const char *next_digit(const char *at, const char *end) {
  while (at < end && !is_digit(*at)) at++;
  return at;
}

/* 1 if both have a value and these are equal. */
static int equal(const number *left, const number *right) {
  if (!left->has_value || !right->has_value) return 0;
  const number a = trimmed(*left), b = trimmed(*right);
  const int zero = a.digits == a.end;
  if (zero || b.digits == b.end) return zero && b.digits == b.end;
  if (a.negative != b.negative || a.point != b.point) return 0;
  const char *x = a.digits, *y = b.digits;
  for (; x < a.end && y < b.end; x++, y++) {
    x = next_digit(x, a.end), y = next_digit(y, b.end);
    if (*x != *y) return 0;
  }
  return x == a.end && y == b.end;
}

int sl_reward_is_number(const char *text) {
  number n;
  return read_numbers(text, &n) == 1 && n.has_value;
}

int sl_reward_contradicts(sl_reward_kind kind, const char *left, const char *right) {
  number a, b;
  if (kind == SL_REWARD_EXACT) return strcmp(left, right) != 0;
  if (kind == SL_REWARD_MATH) return !sl_answer_equal(left, right, NULL);
  return read_numbers(left, &a) == 0 || read_numbers(right, &b) == 0 || !equal(&a, &b);
}

double sl_reward_by(sl_reward_kind kind, const char *completion, int ended, const char *answer,
                    sl_grade_by *by) {
  number got, wanted;
  *by = SL_GRADE_BY_VALUE;
  if (!ended) return 0;
  if (kind == SL_REWARD_EXACT) return strcmp(completion, answer) == 0;
  if (kind == SL_REWARD_MATH) return sl_answer_equal(completion, answer, by);
  return read_numbers(answer, &wanted) == 1 && read_numbers(completion, &got) > 0 &&
         equal(&got, &wanted);
}

double sl_reward(sl_reward_kind kind, const char *completion, int ended, const char *answer) {
  sl_grade_by by;
  return sl_reward_by(kind, completion, ended, answer, &by);
}
