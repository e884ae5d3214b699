/* UTF-8, strictly: nothing truncated, overlong, surrogate, above U+10FFFF, and no NUL. */
#ifndef SLUICE_UTF8_H
#define SLUICE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define SL_UTF8_POINTS 0x110000

/* The code point at text[0..size), size > 0, and its length in bytes; 0 bytes if it
 * is malformed. */
size_t sl_utf8_decode(const char *text, size_t size, uint32_t *point);

/* The byte at which text stops being UTF-8; its length if it never does. */
size_t sl_utf8_valid(const char *text);

/* The text with U+FFFD for every byte that is not UTF-8; NULL if memory is short. Freed by the
 * caller. */
char *sl_utf8_repaired(const char *text);

/* Writes a code point that sl_utf8_decode can give; returns its length, at most 4. */
size_t sl_utf8_encode(char out[4], uint32_t point);

#endif
