/* Word characters and white space (spec F7.2), with utf8proc's categories. */
#include "word_points.h"

#include "kernels/support/utf8.h"

#include <utf8proc.h>

/* White_Space of Unicode. */
static int is_space(uint32_t point) {
  return (point >= 9 && point <= 13) || point == ' ' || point == 0x85 || point == 0xA0 ||
         point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 ||
         point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}

/* Circled and squared letters: Alphabetic, but of the category So. */
static int is_enclosed_letter(uint32_t point) {
  return (point >= 0x24B6 && point <= 0x24E9) || (point >= 0x1F130 && point <= 0x1F149) ||
         (point >= 0x1F150 && point <= 0x1F169) || (point >= 0x1F170 && point <= 0x1F189);
}

/* \w of Unicode's expressions (UTS 18): Alphabetic, marks, decimal digits, connectors and the two
 * joiners. Alphabetic is letters, letter numbers, some marks and the enclosed letters. */
static int is_word(uint32_t point) {
  switch (utf8proc_category((utf8proc_int32_t)point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC:
      return 1;
    default:
      return point == 0x200C || point == 0x200D || is_enclosed_letter(point);
  }
}

int sl_point_is_number(uint32_t point) {
  const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)point);
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
         category == UTF8PROC_CATEGORY_NO;
}

/* The character at text[at], NUL included. */
static size_t point_at(const char *text, size_t size, size_t at, uint32_t *point) {
  const size_t bytes = sl_utf8_decode(text + at, size - at, point);
  if (bytes) return bytes;
  *point = 0;
  return 1;
}

static size_t before(const char *text, size_t at) {
  do at--;
  while (at && ((unsigned char)text[at] & 0xC0) == 0x80);
  return at;
}

int sl_ends_with_word(const char *text, size_t size) {
  uint32_t point;
  if (!size) return 0;
  point_at(text, size, before(text, size), &point);
  return is_word(point);
}

int sl_starts_with_word(const char *text, size_t size) {
  uint32_t point;
  if (!size) return 0;
  point_at(text, size, 0, &point);
  return is_word(point);
}

size_t sl_space_before(const char *text, size_t at) {
  uint32_t point;
  while (at) {
    const size_t last = before(text, at);
    point_at(text, at, last, &point);
    if (!is_space(point)) break;
    at = last;
  }
  return at;
}

size_t sl_space_after(const char *text, size_t size) {
  size_t at = 0;
  uint32_t point;
  while (at < size) {
    const size_t bytes = point_at(text, size, at, &point);
    if (!is_space(point)) break;
    at += bytes;
  }
  return at;
}
