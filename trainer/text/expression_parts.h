/* What the translation of an expression shares. Internal to trainer/text. */
#ifndef SLUICE_EXPRESSION_PARTS_H
#define SLUICE_EXPRESSION_PARTS_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

/* The state of a translation: text[at] is read next; out grows. */
typedef struct {
  const char *text;
  size_t size, at;
  char *out;
  size_t used, room;
  int caseless;    /* within (?i:...) */
  uint32_t letter; /* the letter that stands right before, 0 if there is none */
  sl_error *err;
} sl_translation;

/* SL_ERR_INPUT with the character number of byte at. */
sl_status sl_translation_refuse(const sl_translation *t, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends text; SL_ERR_MEMORY. */
sl_status sl_translation_put(sl_translation *t, const char *text);
/* Appends a code point that stands for itself, in and out of a class. */
sl_status sl_translation_put_point(sl_translation *t, uint32_t point);

/* A code point of the expression that stands for itself: a letter of (?i:...) is checked. */
sl_status sl_translate_literal(sl_translation *t, size_t at, uint32_t point);

/* The escape at text[at], a backslash, out of a class. *is_anchor: it matches no character. */
sl_status sl_translate_escape(sl_translation *t, int *is_anchor);

/* The class that begins at text[at], '['. */
sl_status sl_translate_class(sl_translation *t);

#endif
