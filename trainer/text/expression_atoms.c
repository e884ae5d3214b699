/* The translation of an expression: literals, escapes, properties and classes (spec F7.3). */
#include "expression_parts.h"

#include "kernels/support/utf8.h"

#include <stdio.h>
#include <string.h>

/* Word characters as Oniguruma 6.9 has them in a class. Out of a class \w has six numbers of
 * Latin-1 too, as its table for that block counts them in. */
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
#define WORD_NUMBERS "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define HEX "0-9A-Fa-f"

/* Properties by Oniguruma's name. A script is the property Script there; PCRE2's bare name would be
 * Script_Extensions. case_closed: a letter and its other case both have it or both lack it. */
static const struct {
  const char *name, *out;
  int case_closed;
} properties[] = {
    {"L", "L", 1},
    {"Letter", "L", 1},
    {"Lu", "Lu", 0},
    {"Uppercase_Letter", "Lu", 0},
    {"Ll", "Ll", 0},
    {"Lowercase_Letter", "Ll", 0},
    {"Lt", "Lt", 0},
    {"Titlecase_Letter", "Lt", 0},
    {"Lm", "Lm", 0},
    {"Modifier_Letter", "Lm", 0},
    {"Lo", "Lo", 0},
    {"Other_Letter", "Lo", 0},
    {"M", "M", 0},
    {"Mark", "M", 0},
    {"Mn", "Mn", 0},
    {"Nonspacing_Mark", "Mn", 0},
    {"Mc", "Mc", 0},
    {"Spacing_Mark", "Mc", 0},
    {"Me", "Me", 0},
    {"Enclosing_Mark", "Me", 0},
    {"N", "N", 1},
    {"Number", "N", 1},
    {"Nd", "Nd", 1},
    {"Decimal_Number", "Nd", 1},
    {"Nl", "Nl", 0},
    {"Letter_Number", "Nl", 0},
    {"No", "No", 1},
    {"Other_Number", "No", 1},
    {"P", "P", 1},
    {"Punctuation", "P", 1},
    {"Pc", "Pc", 1},
    {"Pd", "Pd", 1},
    {"Ps", "Ps", 1},
    {"Pe", "Pe", 1},
    {"Pi", "Pi", 1},
    {"Pf", "Pf", 1},
    {"Po", "Po", 1},
    {"S", "S", 0},
    {"Symbol", "S", 0},
    {"Sm", "Sm", 1},
    {"Sc", "Sc", 1},
    {"Sk", "Sk", 1},
    {"So", "So", 0},
    {"Z", "Z", 1},
    {"Separator", "Z", 1},
    {"Zs", "Zs", 1},
    {"Zl", "Zl", 1},
    {"Zp", "Zp", 1},
    {"Cc", "Cc", 1},
    {"Cf", "Cf", 1},
    {"Han", "sc:Han", 1},
    {"Hiragana", "sc:Hiragana", 1},
    {"Katakana", "sc:Katakana", 1},
    {"Hangul", "sc:Hangul", 1},
    {"Latin", "sc:Latin", 0},
    {"Greek", "sc:Greek", 0},
    {"Cyrillic", "sc:Cyrillic", 0},
    {"Arabic", "sc:Arabic", 1},
    {"Hebrew", "sc:Hebrew", 1},
    {"Thai", "sc:Thai", 1},
    {"Devanagari", "sc:Devanagari", 1},
};
#define N_PROPERTIES (sizeof properties / sizeof *properties)

static int is_pair(uint32_t a, uint32_t b, const char *pair) {
  return a == (uint32_t)pair[0] && b == (uint32_t)pair[1];
}

/* Oniguruma folds whole groups of letters: (?i:ss) matches U+00DF there, (?i:st) U+FB06. Every such
 * group has one of these pairs or a character beyond ASCII. */
sl_status sl_translate_literal(sl_translation *t, size_t at, uint32_t point) {
  if (t->caseless && point >= 0x80)
    return sl_translation_refuse(t, at, "within '(?i:' only ASCII is read");
  const uint32_t small = point >= 'A' && point <= 'Z' ? point + 32 : point;
  static const char *const folded[] = {"ss", "ff", "fi", "fl", "st"};
  for (size_t i = 0; t->caseless && i < sizeof folded / sizeof *folded; i++)
    if (is_pair(t->letter, small, folded[i]))
      return sl_translation_refuse(t, at, "within '(?i:' Oniguruma reads '%s' as one ligature too",
                                   folded[i]);
  t->letter = small;
  return sl_translation_put_point(t, point);
}

/* \p{NAME}, \P{NAME}, \p{^NAME}; at stands on the p. */
static sl_status translate_property(sl_translation *t) {
  const size_t start = t->at - 1;
  int negated = t->text[t->at++] == 'P';
  if (t->text[t->at] != '{') return sl_translation_refuse(t, start, "expected '{' after '\\p'");
  t->at++;
  if (t->text[t->at] == '^') negated = !negated, t->at++;
  const char *name = t->text + t->at, *end = strchr(name, '}');
  if (!end) return sl_translation_refuse(t, start, "'}' is missing");
  const size_t n = (size_t)(end - name);
  size_t k = 0;
  while (k < N_PROPERTIES &&
         (strlen(properties[k].name) != n || strncmp(properties[k].name, name, n) != 0))
    k++;
  if (k == N_PROPERTIES)
    return sl_translation_refuse(t, start, "unknown property '%.*s'", (int)(n < 40 ? n : 40), name);
  if (t->caseless && !properties[k].case_closed)
    return sl_translation_refuse(t, start, "within '(?i:' the property '%.*s' is not read", (int)n,
                                 name);
  t->at += n + 1;
  char text[40];
  snprintf(text, sizeof text, "\\%c{%s}", negated ? 'P' : 'p', properties[k].out);
  return sl_translation_put(t, text);
}

/* Hexadecimal digits up to `most` of them as a number; 0 of them: -1. */
static int32_t read_hex(sl_translation *t, size_t most) {
  int32_t value = 0;
  size_t n = 0;
  for (; n < most; n++, t->at++) {
    const char c = t->text[t->at];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) break;
    value = 16 * value + digit;
  }
  return n ? value : -1;
}

/* \xHH (a byte in Oniguruma, so ASCII alone), \x{H...}, \uHHHH; at stands on the x or u. */
static sl_status read_number(sl_translation *t, uint32_t *point) {
  const size_t start = t->at - 1;
  const char kind = t->text[t->at++];
  const int is_braced = kind == 'x' && t->text[t->at] == '{';
  t->at += (size_t)is_braced;
  const size_t first = t->at;
  const int32_t value = read_hex(t, is_braced ? 6 : kind == 'u' ? 4 : 2);
  const int is_short = kind == 'u' && t->at - first != 4;
  const int is_open = is_braced && t->text[t->at] != '}';
  const int is_point = value > 0 && value < SL_UTF8_POINTS && (value < 0xD800 || value > 0xDFFF);
  if (is_short || is_open || !is_point)
    return sl_translation_refuse(t, start, "'\\%c' names no character", kind);
  if (kind == 'x' && !is_braced && value > 0x7F)
    return sl_translation_refuse(t, start, "'\\x%x' is a byte, no character: write '\\x{%x}'",
                                 (unsigned)value, (unsigned)value);
  t->at += (size_t)is_braced;
  *point = (uint32_t)value;
  return SL_OK;
}

/* A character that an escape at text[at], behind the backslash, stands for; *point is 0, and at is
 * where it was, if it stands for none. */
static sl_status read_character(sl_translation *t, uint32_t *point) {
  static const char letters[] = "rntfvae", values[] = "\r\n\t\f\v\a\x1b";
  const char c = t->text[t->at];
  const char *known = c ? strchr(letters, c) : NULL;
  *point = 0;
  if (c == 'x' || c == 'u') return read_number(t, point);
  if (known) *point = (uint32_t)values[known - letters];
  if (c && strchr(" !\"#$%&'()*+,-./:;=?@[\\]^_{|}~", c)) *point = (uint32_t)c;
  if (*point) t->at++;
  return SL_OK;
}

/* A class that an escape stands for, as the inside of one, or NULL; *negated: its complement. */
static const char *class_of(char c, int *negated) {
  static const struct {
    char letter;
    const char *inside;
  } classes[] = {{'s', "\\p{White_Space}"}, {'d', "\\p{Nd}"}, {'w', WORD}, {'h', HEX}};
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
    *negated = c == classes[i].letter - 32;
    if (*negated || c == classes[i].letter) return classes[i].inside;
  }
  return NULL;
}

sl_status sl_translate_escape(sl_translation *t, int *is_anchor) {
  const size_t start = t->at++;
  const char c = t->text[t->at];
  int negated;
  uint32_t point;
  const char *inside = class_of(c, &negated);
  if (inside) {
    t->at++, t->letter = 0;
    SL_TRY(sl_translation_put(t, negated ? "[^" : "["));
    SL_TRY(sl_translation_put(t, inside));
    if (c == 'w' || c == 'W') SL_TRY(sl_translation_put(t, WORD_NUMBERS));
    return sl_translation_put(t, "]");
  }
  if (c == 'p' || c == 'P') {
    t->letter = 0;
    return translate_property(t);
  }
  if (c == 'A' || c == 'z') {
    *is_anchor = 1;
    t->at++, t->letter = 0;
    return sl_translation_put(t, c == 'A' ? "\\A" : "\\z");
  }
  SL_TRY(read_character(t, &point));
  if (point) return sl_translate_literal(t, start, point);
  return sl_translation_refuse(t, start, "'\\%.1s' is not read here", t->text + t->at);
}

/* One member of a class: a character (*point), or a class of its own (*point 0), which is put. */
static sl_status read_member(sl_translation *t, uint32_t *point) {
  const size_t start = t->at;
  const char c = t->text[t->at];
  int negated;
  *point = 0;
  if (c == '[') return sl_translation_refuse(t, start, "a class within a class is not read here");
  if (c == '&' && t->text[t->at + 1] == '&')
    return sl_translation_refuse(t, start, "'&&' (what two classes share) is not read here");
  if (c != '\\') {
    const size_t bytes = sl_utf8_decode(t->text + t->at, t->size - t->at, point);
    if (bytes == 0) return sl_translation_refuse(t, start, "malformed UTF-8");
    t->at += bytes;
  } else {
    const char next = t->text[++t->at];
    if (next == 'p' || next == 'P') return translate_property(t);
    const char *inside = class_of(next, &negated);
    if (inside && negated && next == 'S') inside = "\\P{White_Space}", negated = 0;
    if (inside && negated && next == 'D') inside = "\\P{Nd}", negated = 0;
    if (inside && !negated) return t->at++, sl_translation_put(t, inside);
    SL_TRY(read_character(t, point));
    if (!*point)
      return sl_translation_refuse(t, start, "'\\%.1s' is not read in a class", t->text + t->at);
  }
  if (t->caseless && *point >= 0x80)
    return sl_translation_refuse(t, start, "within '(?i:' only ASCII is read");
  return SL_OK;
}

/* What follows a '-' of a range that begins with low, 0 where no range can begin. */
static sl_status translate_range(sl_translation *t, uint32_t low) {
  const size_t dash = t->at++;
  uint32_t high = 0;
  if (!low || t->at >= t->size)
    return sl_translation_refuse(t, dash, "'-' begins no range: write '\\-' for the character");
  SL_TRY(sl_translation_put(t, "-"));
  const size_t used = t->used;
  SL_TRY(read_member(t, &high));
  if (!high || t->used != used || high < low)
    return sl_translation_refuse(t, dash, "a range is of two characters, ascending");
  return sl_translation_put_point(t, high);
}

sl_status sl_translate_class(sl_translation *t) {
  const size_t start = t->at++;
  const int negated = t->text[t->at] == '^';
  t->at += (size_t)negated;
  SL_TRY(sl_translation_put(t, negated ? "[^" : "["));
  if (t->text[t->at] == ']') return sl_translation_refuse(t, t->at, "an empty class");
  uint32_t low = 0; /* the character before, with which a range may begin */
  for (int first = 1; t->at < t->size && t->text[t->at] != ']'; first = 0) {
    const int is_last = t->at + 1 < t->size && t->text[t->at + 1] == ']';
    if (t->text[t->at] == '-' && !first && !is_last) {
      SL_TRY(translate_range(t, low));
      low = 0;
      continue;
    }
    SL_TRY(read_member(t, &low));
    if (low) SL_TRY(sl_translation_put_point(t, low));
  }
  if (t->at >= t->size) return sl_translation_refuse(t, start, "']' is missing");
  t->at++, t->letter = 0;
  return sl_translation_put(t, "]");
}
