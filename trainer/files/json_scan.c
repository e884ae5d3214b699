/* JSON's grammar without values (see json_scan.h). Nothing here calls itself: a value may be nested
 * as deep as its text is long. */
#include "json_scan.h"

#include "kernels/support/utf8.h"

#include <stdlib.h>
#include <string.h>

const char *sl_json_scan_blanks(const char *at, const char *end) {
  while (at < end && memchr(" \t\r\n", *at, 4)) at++;
  return at;
}

static int is_hex(char c) { return c && strchr("0123456789abcdefABCDEF", c) != NULL; }
static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* Past what follows a backslash. */
static const char *scan_escape(const char *at, const char *end) {
  if (at == end || !*at || !strchr("\"\\/bfnrtu", *at)) return NULL;
  if (*at != 'u') return at + 1;
  for (int i = 1; i <= 4; i++)
    if (at + i >= end || !is_hex(at[i])) return NULL;
  return at + 5;
}

const char *sl_json_scan_string(const char *at, const char *end) {
  uint32_t point;
  if (at == end || *at++ != '"') return NULL;
  while (at && at < end && *at != '"') {
    const size_t n = sl_utf8_decode(at, (size_t)(end - at), &point);
    if (n == 0 || point < 0x20) return NULL;
    at = *at == '\\' ? scan_escape(at + 1, end) : at + n;
  }
  return at && at < end ? at + 1 : NULL;
}

/* Past one or more digits. */
static const char *scan_digits(const char *at, const char *end) {
  const char *from = at;
  while (at < end && is_digit(*at)) at++;
  return at > from ? at : NULL;
}

static const char *scan_number(const char *at, const char *end) {
  if (at < end && *at == '-') at++;
  if (at < end && *at == '0')
    at++;
  else
    at = scan_digits(at, end);
  if (at && at < end && *at == '.') at = scan_digits(at + 1, end);
  if (at && at < end && (*at == 'e' || *at == 'E')) {
    at++;
    if (at < end && (*at == '+' || *at == '-')) at++;
    at = scan_digits(at, end);
  }
  return at;
}

static const char *scan_scalar(const char *at, const char *end) {
  static const char *const words[] = {"true", "false", "null"};
  if (at < end && *at == '"') return sl_json_scan_string(at, end);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    const size_t n = strlen(words[i]);
    if ((size_t)(end - at) >= n && memcmp(at, words[i], n) == 0) return at + n;
  }
  return scan_number(at, end);
}

/* Past a member's key and its colon. */
static const char *scan_key(const char *at, const char *end) {
  at = sl_json_scan_string(sl_json_scan_blanks(at, end), end);
  at = at ? sl_json_scan_blanks(at, end) : NULL;
  return at && at < end && *at == ':' ? at + 1 : NULL;
}

/* The objects and arrays that are open: closing[depth - 1] is what ends the innermost. */
typedef struct {
  char *closing;
  size_t depth;
} nest;

/* Past openings down to the first value that is complete, or to the end of an empty object or
 * array.
 */
static const char *scan_start(nest *n, const char *at, const char *end) {
  while (at && (at = sl_json_scan_blanks(at, end)) < end && (*at == '{' || *at == '[')) {
    const char closing = *at == '{' ? '}' : ']';
    n->closing[n->depth++] = closing;
    at = sl_json_scan_blanks(at + 1, end);
    if (at < end && *at == closing) return at;
    if (closing == '}') at = scan_key(at, end);
  }
  return at ? scan_scalar(at, end) : NULL;
}

/* Past the element that follows a comma. */
static const char *scan_next(nest *n, const char *at, const char *end) {
  if (n->closing[n->depth - 1] == '}') at = scan_key(at, end);
  return at ? scan_start(n, at, end) : NULL;
}

const char *sl_json_scan_value(const char *at, const char *end) {
  nest n = {malloc((size_t)(end - at) + 1), 0};
  if (!n.closing) return NULL;
  at = scan_start(&n, at, end);
  while (at && n.depth > 0) {
    at = sl_json_scan_blanks(at, end);
    if (at < end && *at == n.closing[n.depth - 1])
      n.depth--, at++;
    else
      at = at < end && *at == ',' ? scan_next(&n, at + 1, end) : NULL;
  }
  free(n.closing);
  return at;
}
