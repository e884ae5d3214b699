/* The rows of config.def as data, and how a value's text becomes a value (spec F2.2). */
#include "config_schema.h"

#include "kernels/support/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const sl_config_row sl_config_rows[SL_KEY_COUNT] = {
#define ROW(kind, section, key, bits, standard, min, max, words, help) \
  {kind,     SL_BITS_##bits,                                           \
   #section, #key,                                                     \
   standard, min,                                                      \
   max,      words,                                                    \
   help,     offsetof(sl_config, section.key)},
#define SL_SECTION(section, help)
#define SL_END(section)
#define SL_INT(section, key, bits, standard, min, max, help) \
  ROW(SL_CONFIG_INT, section, key, bits, standard, min, max, NULL, help)
#define SL_REAL(section, key, bits, standard, min, max, help) \
  ROW(SL_CONFIG_REAL, section, key, bits, standard, min, max, NULL, help)
#define SL_REAL32(section, key, bits, standard, min, max, help) \
  ROW(SL_CONFIG_REAL32, section, key, bits, standard, min, max, NULL, help)
#define SL_BOOL(section, key, bits, standard, help) \
  ROW(SL_CONFIG_BOOL, section, key, bits, standard, NULL, NULL, NULL, help)
#define SL_CHOICE(section, key, bits, standard, words, help) \
  ROW(SL_CONFIG_CHOICE, section, key, bits, standard, NULL, NULL, words, help)
#define SL_TEXT(section, key, bits, standard, help) \
  ROW(SL_CONFIG_TEXT, section, key, bits, standard, NULL, NULL, NULL, help)
#define SL_VALUES(section, key, bits, help) \
  ROW(SL_CONFIG_VALUES, section, key, bits, NULL, NULL, NULL, NULL, help)
#include "config.def"
};

const sl_config_section sl_config_sections[] = {
#define SL_SECTION(section, help) {#section, help},
#define SL_END(section)
#define SL_INT(section, key, bits, standard, min, max, help)
#define SL_REAL(section, key, bits, standard, min, max, help)
#define SL_REAL32(section, key, bits, standard, min, max, help)
#define SL_BOOL(section, key, bits, standard, help)
#define SL_CHOICE(section, key, bits, standard, words, help)
#define SL_TEXT(section, key, bits, standard, help)
#define SL_VALUES(section, key, bits, help)
#include "config.def"
};
const size_t sl_config_section_count = sizeof sl_config_sections / sizeof *sl_config_sections;

static int same(const char *name, const char *text, size_t length) {
  return strlen(name) == length && memcmp(name, text, length) == 0;
}

sl_config_key sl_config_find(const char *section, size_t section_length, const char *key,
                             size_t key_length) {
  unsigned i = 0;
  while (i < SL_KEY_COUNT && !(same(sl_config_rows[i].section, section, section_length) &&
                               same(sl_config_rows[i].key, key, key_length)))
    i++;
  return (sl_config_key)i;
}

sl_config_bits sl_config_key_bits(sl_config_key key) { return sl_config_rows[key].bits; }

void sl_config_name(sl_config_key key, char *out, size_t size) {
  snprintf(out, size, "%s.%s", sl_config_rows[key].section, sl_config_rows[key].key);
}

sl_config_key sl_config_key_of(const char *name) {
  const char *dot = strchr(name, '.');
  if (!dot) return SL_KEY_COUNT;
  const size_t section = (size_t)(dot - name);
  const sl_config_key key = sl_config_find(name, section, dot + 1, strlen(dot + 1));
  const sl_config_renaming *renamed = sl_config_renamed(name, section, dot + 1, strlen(dot + 1));
  return key == SL_KEY_COUNT && renamed ? renamed->key : key;
}

int sl_config_has_section(const char *section, size_t length) {
  for (size_t i = 0; i < sl_config_section_count; i++)
    if (same(sl_config_sections[i].name, section, length)) return 1;
  return 0;
}

/* Appends to a list of names. */
static void list_name(char *out, size_t size, const char *name) {
  const size_t used = strlen(out);
  snprintf(out + used, size - used, "%s%s", used ? ", " : "one of ", name);
}

void sl_config_list_sections(char *out, size_t size) {
  *out = 0;
  for (size_t i = 0; i < sl_config_section_count; i++)
    list_name(out, size, sl_config_sections[i].name);
}

void sl_config_list_keys(const char *section, size_t length, char *out, size_t size) {
  *out = 0;
  for (size_t i = 0; i < SL_KEY_COUNT; i++)
    if (strlen(sl_config_rows[i].section) == length &&
        memcmp(sl_config_rows[i].section, section, length) == 0)
      list_name(out, size, sl_config_rows[i].key);
}

void *sl_config_value(sl_config *config, sl_config_key key) {
  return (char *)config + sl_config_rows[key].offset;
}

int sl_config_is_utf8(const char *text) {
  uint32_t point;
  for (size_t size = strlen(text), n; size > 0; text += n, size -= n)
    if ((n = sl_utf8_decode(text, size, &point)) == 0) return 0;
  return 1;
}

static int read_int(const char *text, const sl_config_row *row, int64_t *out) {
  const char *digits = text + (*text == '-' || *text == '+');
  if (*digits == 0 || digits[strspn(digits, "0123456789")] != 0) return 0;
  errno = 0;
  const long long value = strtoll(text, NULL, 10);
  if (errno != 0 || value < strtoll(row->min, NULL, 10) || value > strtoll(row->max, NULL, 10))
    return 0;
  *out = value;
  return 1;
}

/* The decimals of spec F2.2 and no other spelling that strtod takes (hexadecimal, inf, nan,
 * blanks). */
static int is_real(const char *text) {
  const char *at = text + (*text == '-' || *text == '+');
  size_t digits = strspn(at, "0123456789");
  at += digits;
  if (*at == '.') {
    const size_t fraction = strspn(at + 1, "0123456789");
    digits += fraction;
    at += 1 + fraction;
  }
  if (digits == 0) return 0;
  if (*at == 'e' || *at == 'E') {
    at++;
    at += *at == '-' || *at == '+';
    const size_t exponent = strspn(at, "0123456789");
    if (exponent == 0) return 0;
    at += exponent;
  }
  return *at == 0;
}

/* A decimal other than 0 that was read as 0 would switch off what it asks for. */
static int vanishes(const char *text, double value) {
  return value == 0 && text[strcspn(text, "123456789eE")] >= '1' &&
         text[strcspn(text, "123456789eE")] <= '9';
}

/* -0 becomes 0: a rate of -0 is none, and is not another run. */
static int read_real(const char *text, const sl_config_row *row, double *out) {
  if (!is_real(text)) return 0;
  const double value = strtod(text, NULL) + 0.0;
  if (!isfinite(value) || vanishes(text, value) || value < strtod(row->min, NULL) ||
      value > strtod(row->max, NULL))
    return 0;
  *out = value;
  return 1;
}

static int read_real32(const char *text, const sl_config_row *row, float *out) {
  if (!is_real(text)) return 0;
  const float value = strtof(text, NULL) + 0.0f;
  if (!isfinite(value) || vanishes(text, value) || value < strtof(row->min, NULL) ||
      value > strtof(row->max, NULL))
    return 0;
  *out = value;
  return 1;
}

void sl_config_expected(const sl_config_row *row, const char *text, char *out, size_t size) {
  const int real32 = row->type == SL_CONFIG_REAL32;
  switch (row->type) {
    case SL_CONFIG_INT:
      snprintf(out, size, "an integer from %s to %s", row->min, row->max);
      return;
    case SL_CONFIG_REAL:
    case SL_CONFIG_REAL32:
      snprintf(out, size, "a number from %s to %s%s", row->min, row->max,
               is_real(text) && vanishes(text, real32 ? strtof(text, NULL) : strtod(text, NULL))
                   ? " that is not too small to be told from 0"
                   : "");
      return;
    case SL_CONFIG_BOOL:
      snprintf(out, size, "true or false");
      return;
    case SL_CONFIG_CHOICE:
      snprintf(out, size, "one of %s", row->words);
      return;
    case SL_CONFIG_TEXT:
      snprintf(out, size, "text");
      return;
    case SL_CONFIG_VALUES:
      snprintf(out, size, "a mapping of at most %d names to numbers", SL_CONFIG_VALUES_MAX);
      return;
  }
}

static int read_choice(const char *text, const char *words, int *out) {
  const size_t n = strlen(text);
  for (int i = 0; *words; i++) {
    const size_t length = strcspn(words, "|");
    if (length == n && memcmp(words, text, n) == 0) {
      *out = i;
      return 1;
    }
    words += length + (words[length] == '|');
  }
  return 0;
}

static int read_bool(const char *text, int *out) {
  const int yes = strcmp(text, "true") == 0;
  if (!yes && strcmp(text, "false") != 0) return 0;
  *out = yes;
  return 1;
}

static sl_status read_text(const char *text, int plain, char **out, sl_error *err) {
  if (plain && (strcmp(text, "") == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
    return SL_ERR_INPUT; /* YAML's null */
  char *copy = strdup(text);
  if (!copy) return sl_fail(err, SL_ERR_MEMORY, "no memory for a text");
  free(*out);
  *out = copy;
  return SL_OK;
}

/* Parameters of gates are used as binary32, weights of rewards as binary64 (spec F2.2). */
static int is_held(sl_config_key key, const char *text) {
  if (key == SL_KEY_reward_weights)
    return isfinite(strtod(text, NULL)) && !vanishes(text, strtod(text, NULL));
  return isfinite(strtof(text, NULL)) && !vanishes(text, strtof(text, NULL));
}

void sl_config_expected_parameter(sl_config_key key, const char *text, const char *otherwise,
                                  char *out, size_t size) {
  if (is_real(text) && !is_held(key, text))
    snprintf(out, size, "a number that %s holds, neither infinite nor too small to be told from 0",
             key == SL_KEY_reward_weights ? "binary64" : "binary32");
  else
    snprintf(out, size, "%s", otherwise);
}

static int read_parameter(sl_config_key key, const char *name, const char *text,
                          sl_config_values *out) {
  if (!is_real(text) || !is_held(key, text) || strlen(text) >= sizeof out->items[0].text) return 0;
  if (!*name || strlen(name) >= sizeof out->items[0].name) return 0;
  size_t i = 0;
  while (i < out->n && strcmp(out->items[i].name, name) != 0) i++;
  if (i == SL_CONFIG_VALUES_MAX) return 0;
  snprintf(out->items[i].name, sizeof out->items[i].name, "%s", name);
  snprintf(out->items[i].text, sizeof out->items[i].text, "%s", text);
  out->items[i].real = strtod(text, NULL);
  out->items[i].real32 = strtof(text, NULL);
  if (i == out->n) out->n++;
  return 1;
}

sl_status sl_config_assign(sl_config *config, sl_config_key key, const char *name, const char *text,
                           int plain, sl_error *err) {
  const sl_config_row *row = &sl_config_rows[key];
  void *value = sl_config_value(config, key);
  int is_read = 0;
  switch (row->type) {
    case SL_CONFIG_INT:
      is_read = plain && read_int(text, row, value);
      break;
    case SL_CONFIG_REAL:
      is_read = plain && read_real(text, row, value);
      break;
    case SL_CONFIG_REAL32:
      is_read = plain && read_real32(text, row, value);
      break;
    case SL_CONFIG_BOOL:
      is_read = plain && read_bool(text, value);
      break;
    case SL_CONFIG_CHOICE:
      is_read = read_choice(text, row->words, value);
      break;
    case SL_CONFIG_TEXT:
      return read_text(text, plain, value, err);
    case SL_CONFIG_VALUES:
      is_read = plain && name && read_parameter(key, name, text, value);
      break;
  }
  return is_read ? SL_OK : SL_ERR_INPUT;
}
