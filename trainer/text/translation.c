/* What a translation writes, and what it says when it cannot go on (spec F7.3). */
#include "expression_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sl_status sl_translation_refuse(const sl_translation *t, size_t at, const char *format, ...) {
  char message[200];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  size_t character = 1;
  for (size_t i = 0; i < at; i++) character += ((unsigned char)t->text[i] & 0xC0) != 0x80;
  return sl_fail(t->err, SL_ERR_INPUT, "character %zu of the expression: %s", character, message);
}

sl_status sl_translation_put(sl_translation *t, const char *text) {
  const size_t n = strlen(text);
  if (t->used + n + 1 > t->room) {
    const size_t room = 2 * (t->used + n + 64);
    char *grown = realloc(t->out, room);
    if (!grown) return sl_fail(t->err, SL_ERR_MEMORY, "no memory for an expression");
    t->out = grown, t->room = room;
  }
  memcpy(t->out + t->used, text, n + 1);
  t->used += n;
  return SL_OK;
}

/* Letters and digits as they are, all else by its number: nothing that PCRE2 would read as syntax.
 */
sl_status sl_translation_put_point(sl_translation *t, uint32_t point) {
  char text[16];
  const int is_plain = (point >= '0' && point <= '9') || (point >= 'A' && point <= 'Z') ||
                       (point >= 'a' && point <= 'z');
  if (is_plain)
    snprintf(text, sizeof text, "%c", (char)point);
  else
    snprintf(text, sizeof text, "\\x{%x}", point);
  return sl_translation_put(t, text);
}
