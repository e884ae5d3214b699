/* UTF-8, strictly. */
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

size_t sl_utf8_decode(const char *text, size_t size, uint32_t *point) {
  static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
  const unsigned char *at = (const unsigned char *)text;
  const size_t n = at[0] < 0x80   ? 1
                   : at[0] < 0xc0 ? 0
                   : at[0] < 0xe0 ? 2
                   : at[0] < 0xf0 ? 3
                   : at[0] < 0xf8 ? 4
                                  : 0;
  if (n == 0 || n > size) return 0;
  uint32_t code = n == 1 ? at[0] : at[0] & (0x7fu >> n);
  for (size_t i = 1; i < n; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
    code = code * 64 + (at[i] & 0x3fu);
  }
  if (code < least[n] || code >= SL_UTF8_POINTS || (code >= 0xd800 && code < 0xe000)) return 0;
  *point = code;
  return n;
}

size_t sl_utf8_valid(const char *text) {
  const size_t size = strlen(text);
  size_t at = 0;
  uint32_t point;
  for (size_t n = 1; at < size && n; at += n) n = sl_utf8_decode(text + at, size - at, &point);
  return at;
}

char *sl_utf8_repaired(const char *text) {
  static const char mark[] = "\ufffd";
  size_t left = strlen(text);
  char *const out = left < SIZE_MAX / 3 ? malloc(3 * left + 1) : NULL, *end = out;
  for (size_t n; out && left; text += n, left -= n) {
    uint32_t point;
    n = sl_utf8_decode(text, left, &point);
    const size_t put = n ? n : sizeof mark - 1;
    memcpy(end, n ? text : mark, put);
    end += put;
    if (n == 0) n = 1;
  }
  if (out) *end = 0;
  return out;
}

size_t sl_utf8_encode(char out[4], uint32_t point) {
  static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  const size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  for (size_t i = n; i-- > 1; point >>= 6) out[i] = (char)(unsigned char)(0x80 | (point & 0x3f));
  out[0] = (char)(unsigned char)(lead[n] | point);
  return n;
}
