/* Prints a configuration as YAML that reads back to the same bits (spec F2.2), and the documented
 * defaults. */
#include "config_schema.h"

#include "kernels/support/shortest_decimal.h"
#include "kernels/support/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What YAML 1.1 does not print, or reads as the end of a line. */
static int must_be_escaped(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
         c == 0xfffe || c == 0xffff;
}

/* A double-quoted scalar; bytes that are no UTF-8 pass. */
static int format_text(const char *text, char *out, size_t size) {
  size_t n = 0, taken;
  out[n++] = '"';
  for (size_t left = strlen(text); left; text += taken, left -= taken) {
    uint32_t c;
    if (n + 8 > size) return 0;
    taken = sl_utf8_decode(text, left, &c);
    if (taken && must_be_escaped(c)) {
      n += (size_t)snprintf(out + n, size - n, c < 0x100 ? "\\x%02" PRIx32 : "\\u%04" PRIx32, c);
      continue;
    }
    if (!taken) taken = 1;
    if (*text == '"' || *text == '\\') out[n++] = '\\';
    memcpy(out + n, text, taken);
    n += taken;
  }
  out[n++] = '"';
  out[n] = 0;
  return 1;
}

static int format_values(const sl_config_values *values, char *out, size_t size) {
  size_t n = (size_t)snprintf(out, size, "{");
  for (size_t i = 0; i < values->n; i++) {
    char name[200];
    if (!format_text(values->items[i].name, name, sizeof name) ||
        n + sizeof name + sizeof values->items[i].text > size)
      return 0;
    n +=
        (size_t)snprintf(out + n, size - n, "%s%s: %s", i ? ", " : "", name, values->items[i].text);
  }
  snprintf(out + n, size - n, "}");
  return 1;
}

static int format_value(const sl_config *config, sl_config_key key, char *out, size_t size) {
  const sl_config_row *row = &sl_config_rows[key];
  const void *value = (const char *)config + row->offset;
  switch (row->type) {
    case SL_CONFIG_INT:
      snprintf(out, size, "%" PRId64, *(const int64_t *)value);
      return 1;
    case SL_CONFIG_REAL:
      sl_shortest_double(out, *(const double *)value);
      return 1;
    case SL_CONFIG_REAL32:
      sl_shortest_float(out, *(const float *)value);
      return 1;
    case SL_CONFIG_BOOL:
      snprintf(out, size, "%s", *(const int *)value ? "true" : "false");
      return 1;
    case SL_CONFIG_CHOICE: {
      const char *word = row->words;
      for (int i = 0; i < *(const int *)value; i++) word += strcspn(word, "|") + 1;
      snprintf(out, size, "%.*s", (int)strcspn(word, "|"), word);
      return 1;
    }
    case SL_CONFIG_TEXT:
      return format_text(*(char *const *)value, out, size);
    case SL_CONFIG_VALUES:
      return format_values(value, out, size);
  }
  return 0;
}

int sl_config_text(const sl_config *config, sl_config_key key, char *out, size_t size) {
  if (sl_config_rows[key].type != SL_CONFIG_TEXT) return format_value(config, key, out, size);
  const void *value = (const char *)config + sl_config_rows[key].offset;
  return (size_t)snprintf(out, size, "%s", *(char *const *)value) < size;
}

static void print_help_comment(const sl_config_row *row, FILE *out) {
  if (row->min) fprintf(out, "  # %s to %s: %s", row->min, row->max, row->help);
  if (row->words) fprintf(out, "  # %s: %s", row->words, row->help);
  if (!row->min && !row->words) fprintf(out, "  # %s", row->help);
  if (row->bits == SL_BITS_NO) fputs(" (no bit)", out);
}

sl_status sl_config_print(const sl_config *config, FILE *out, int with_help, sl_error *err) {
  const char *section = "";
  size_t s = 0;
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) {
    const sl_config_row *row = &sl_config_rows[i];
    char value[8192];
    if (!format_value(config, (sl_config_key)i, value, sizeof value))
      return sl_config_fail(config, (sl_config_key)i, err, "too long to be printed");
    if (strcmp(section, row->section) != 0) {
      section = row->section;
      if (with_help) fprintf(out, "%s# %s\n", i ? "\n" : "", sl_config_sections[s].help);
      fprintf(out, "%s:\n", section);
      s++;
    }
    fprintf(out, "  %s: %-*s", row->key, with_help ? 24 - (int)strlen(row->key) : 0, value);
    if (with_help) print_help_comment(row, out);
    fputc('\n', out);
  }
  return ferror(out) ? sl_fail(err, SL_ERR_IO, "the configuration cannot be written") : SL_OK;
}

sl_status sl_config_print_help(FILE *out, sl_error *err) {
  sl_config config;
  sl_status status = sl_config_load(&config, NULL, NULL, 0, err);
  if (status != SL_OK) return status;
  fputs(
      "# A run of `sluice train`. What is here is the default; a file needs only what differs.\n"
      "# (no bit): the key changes no bit of the run.\n\n",
      out);
  status = sl_config_print(&config, out, 1, err);
  sl_config_free(&config);
  return status;
}

static const char *type_name(sl_config_type type) {
  static const char *const names[] = {
      "integer", "REAL (binary64)", "REAL32 (binary32)", "boolean", "choice", "text", "mapping"};
  return names[type];
}

static const char *bits_name(sl_config_bits bits) {
  static const char *const names[] = {"yes",
                                      "no",
                                      "its content",
                                      "until RL begins",
                                      "unless rl.decay is constant, gate.schedule constant or eur",
                                      "only openblas and cublas",
                                      "no, but it is recorded",
                                      "by the keys that it sets"};
  return names[bits];
}

/* "a, b, c" of "a|b|c", for a vertical bar would end the cell. */
static void print_words(const char *words, FILE *out) {
  for (; *words; words++) {
    if (*words == '|')
      fputs(", ", out);
    else
      fputc(*words, out);
  }
}

static void print_markdown_row(const sl_config_row *row, FILE *out) {
  fprintf(out, "| `%s.%s` | %s | ", row->section, row->key, type_name(row->type));
  if (row->min) fprintf(out, "%s to %s", row->min, row->max);
  if (row->words) print_words(row->words, out);
  if (row->type == SL_CONFIG_BOOL) fputs("true, false", out);
  const char *standard = row->type == SL_CONFIG_VALUES ? "{}" : row->standard;
  fprintf(out, " | %s | %s | %s |\n", *standard ? standard : "(empty)", bits_name(row->bits),
          row->help);
}

sl_status sl_config_print_markdown(FILE *out, sl_error *err) {
  fputs(
      "| key | type | range or words | default | affects the result | meaning |\n"
      "|---|---|---|---|---|---|\n",
      out);
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) print_markdown_row(&sl_config_rows[i], out);
  return ferror(out) ? sl_fail(err, SL_ERR_IO, "the table of keys cannot be written") : SL_OK;
}
