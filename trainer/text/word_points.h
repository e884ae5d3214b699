/* Word characters and white space beside an added token (spec F7.2). Texts are valid UTF-8. */
#ifndef SLUICE_WORD_POINTS_H
#define SLUICE_WORD_POINTS_H

#include <stddef.h>
#include <stdint.h>

/* Is the last character of text[0, size), or the first, one of a word? */
int sl_ends_with_word(const char *text, size_t size);
int sl_starts_with_word(const char *text, size_t size);

/* Where the white space before byte `at` begins; how long that at the start of text is. */
size_t sl_space_before(const char *text, size_t at);
size_t sl_space_after(const char *text, size_t size);

/* Is it a number (general category N)? */
int sl_point_is_number(uint32_t point);

#endif
