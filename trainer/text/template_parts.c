/* What templates cut off and take apart, as their Jinja texts do (spec F7.8). */
#include "template_parts.h"

#include "kernels/support/utf8.h"

#include <string.h>

/* str.isspace of Python. */
static int is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

sl_stretch sl_strip_space(sl_stretch s) {
  uint32_t point;
  size_t n;
  while (s.size && (n = sl_utf8_decode(s.text, s.size, &point)) > 0 && is_space(point))
    s.text += n, s.size -= n;
  while (s.size) {
    size_t last = s.size - 1;
    while (last && ((unsigned char)s.text[last] & 0xC0) == 0x80) last--;
    if (!sl_utf8_decode(s.text + last, s.size - last, &point) || !is_space(point)) break;
    s.size = last;
  }
  return s;
}

sl_stretch sl_strip_first_lines(sl_stretch s) {
  while (s.size && s.text[0] == '\n') s.text++, s.size--;
  return s;
}

static sl_stretch strip_last_lines(sl_stretch s) {
  while (s.size && s.text[s.size - 1] == '\n') s.size--;
  return s;
}

sl_stretch sl_strip_lines(sl_stretch s) { return strip_last_lines(sl_strip_first_lines(s)); }

/* The first place of a mark, or the last one; size if there is none. */
static size_t find(sl_stretch s, const char *mark, int last) {
  const size_t n = strlen(mark);
  size_t found = s.size;
  for (size_t i = 0; i + n <= s.size && (last || found == s.size); i++)
    if (memcmp(s.text + i, mark, n) == 0) found = i;
  return found;
}

void sl_split_thoughts(sl_stretch all, sl_stretch *thoughts, sl_stretch *said) {
  static const char open[] = "<think>", close[] = "</think>";
  const size_t first = find(all, close, 0);
  *thoughts = (sl_stretch){all.text, 0}, *said = all;
  if (first == all.size) return;
  const size_t behind = find(all, close, 1) + sizeof close - 1;
  *said = sl_strip_first_lines((sl_stretch){all.text + behind, all.size - behind});
  sl_stretch before = strip_last_lines((sl_stretch){all.text, first});
  const size_t opened = find(before, open, 1);
  if (opened < before.size) {
    const size_t skipped = opened + sizeof open - 1;
    before = (sl_stretch){before.text + skipped, before.size - skipped};
  }
  *thoughts = sl_strip_first_lines(before);
}
