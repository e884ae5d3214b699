/* JSON documents and JSON lines with the place of every error (spec F3.1). */
#include "json.h"

#include "file.h"
#include "recognise.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_FILE_MAX ((size_t)1 << 30)

/* Why a text is no JSON: what the file is instead, NUL bytes, or what the
 * parser says. */
static sl_status refuse_text(const char *file, size_t line, const char *text, size_t size,
                             const json_error_t *bad, sl_error *err) {
  const char *kind = line == 1 ? sl_recognise(text, size) : NULL;
  if (kind) return sl_fail(err, SL_ERR_INPUT, "%s:1:1: %s", file, kind);
  const char *nul = memchr(text, 0, size), *start = text;
  if (!nul) {
    const size_t at = line + (bad->line > 0 ? (size_t)bad->line - 1 : 0);
    return sl_fail(err, SL_ERR_INPUT, "%s:%zu:%d: %s", file, at, bad->column > 0 ? bad->column : 1,
                   bad->text);
  }
  size_t n = 0;
  while (nul + n < text + size && !nul[n]) n++;
  for (const char *at = text; at < nul; at++)
    if (*at == '\n') line++, start = at + 1;
  return sl_fail(err, SL_ERR_INPUT,
                 "%s:%zu:%zu: NUL bytes (%zu), as a power cut leaves them, are no JSON", file, line,
                 (size_t)(nul - start) + 1, n);
}

sl_status sl_json_parse(sl_json *doc, const char *file, size_t line, const char *text, size_t size,
                        sl_error *err) {
  json_error_t bad;
  json_t *root;
  const sl_status status = sl_json_load(&root, file, text, size, JSON_REJECT_DUPLICATES, &bad, err);
  if (status == SL_ERR_MEMORY) return status;
  if (status) return refuse_text(file, line, text, size, &bad, err);
  if (!json_is_object(root)) {
    json_decref(root);
    return sl_fail(err, SL_ERR_INPUT, "%s:%zu:1: expected a JSON object, found an array", file,
                   line);
  }
  *doc = (sl_json){.file = file, .text = text, .size = size, .line = line, .root = root};
  return SL_OK;
}

void sl_json_free(sl_json *doc) {
  json_decref(doc->root);
  doc->root = NULL;
}

/* Past the string that starts at i; the text is valid JSON. */
static size_t skip_string(const char *text, size_t i) {
  for (i++; text[i] != '"'; i++)
    if (text[i] == '\\') i++;
  return i + 1;
}

/* Byte of the top-level key's quote, 0 if it is not found as plain text (absent, or spelt with
 * escapes). */
static size_t find_key(const sl_json *doc, const char *key) {
  const size_t n = strlen(key);
  int depth = 0, expect_key = 0;
  for (size_t i = 0; i < doc->size;) {
    const char c = doc->text[i];
    if (c == '"') {
      const size_t end = skip_string(doc->text, i);
      if (depth == 1 && expect_key && end - i == n + 2 && memcmp(doc->text + i + 1, key, n) == 0)
        return i;
      i = end;
      expect_key = 0;
      continue;
    }
    if (c == '{' || c == '[') depth++;
    if (c == '}' || c == ']') depth--;
    if (depth == 1 && (c == '{' || c == ',')) expect_key = 1;
    i++;
  }
  return 0;
}

sl_status sl_json_fail(const sl_json *doc, const char *key, sl_error *err, const char *format,
                       ...) {
  char message[600];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  const size_t at = find_key(doc, key);
  size_t line = doc->line, start = 0;
  for (size_t i = 0; i < at; i++)
    if (doc->text[i] == '\n') line++, start = i + 1;
  return sl_fail(err, SL_ERR_INPUT, "%s:%zu:%zu: %s: %s", doc->file, line, at - start + 1, key,
                 message);
}

static const char *type_name(const json_t *value) {
  switch (json_typeof(value)) {
    case JSON_OBJECT:
      return "an object";
    case JSON_ARRAY:
      return "an array";
    case JSON_STRING:
      return "a string";
    case JSON_INTEGER:
      return "an integer";
    case JSON_REAL:
      return "a real number";
    case JSON_TRUE:
    case JSON_FALSE:
      return "a boolean";
    case JSON_NULL:
      return "null";
  }
  return "an unknown type";
}

void sl_json_describe(char out[SL_JSON_DESCRIPTION], const json_t *value) {
  char *text = sl_json_dump(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
  if (!text || json_is_null(value) || json_is_object(value))
    snprintf(out, SL_JSON_DESCRIPTION, "%s", type_name(value));
  else
    snprintf(out, SL_JSON_DESCRIPTION, "%s (%.60s%s)", type_name(value), text,
             strlen(text) > 60 ? "..." : "");
  free(text);
}

static sl_status expect(const sl_json *doc, const char *key, int right, const char *what,
                        sl_error *err) {
  const json_t *value = json_object_get(doc->root, key);
  if (!value) return sl_json_fail(doc, key, err, "missing; expected %s", what);
  return right ? SL_OK : sl_json_expected(doc, key, err, what, value);
}

sl_status sl_json_expected(const sl_json *doc, const char *key, sl_error *err, const char *what,
                           const json_t *found) {
  char description[SL_JSON_DESCRIPTION];
  if (!found) return sl_json_fail(doc, key, err, "expected %s", what);
  sl_json_describe(description, found);
  return sl_json_fail(doc, key, err, "expected %s, found %s", what, description);
}

sl_status sl_json_text(const sl_json *doc, const char *key, const char **out, sl_error *err) {
  const json_t *value = json_object_get(doc->root, key);
  const sl_status status = expect(doc, key, json_is_string(value), "a string", err);
  if (status == SL_OK) *out = json_string_value(value);
  return status;
}

sl_status sl_json_size(const sl_json *doc, const char *key, size_t min, size_t max, size_t *out,
                       sl_error *err) {
  const json_t *value = json_object_get(doc->root, key);
  const sl_status status = expect(doc, key, json_is_integer(value), "an integer", err);
  if (status != SL_OK) return status;
  const json_int_t got = json_integer_value(value);
  if (got < 0 || (uintmax_t)got < min || (uintmax_t)got > max)
    return sl_json_fail(doc, key, err,
                        "expected an integer from %zu to %zu, found %" JSON_INTEGER_FORMAT, min,
                        max, got);
  *out = (size_t)got;
  return SL_OK;
}

sl_status sl_json_real(const sl_json *doc, const char *key, double *out, sl_error *err) {
  const json_t *value = json_object_get(doc->root, key);
  const sl_status status = expect(doc, key, json_is_number(value), "a number", err);
  if (status == SL_OK) *out = json_number_value(value);
  return status;
}

sl_status sl_json_bool(const sl_json *doc, const char *key, int *out, sl_error *err) {
  const json_t *value = json_object_get(doc->root, key);
  const sl_status status = expect(doc, key, json_is_boolean(value), "true or false", err);
  if (status == SL_OK) *out = json_is_true(value);
  return status;
}

sl_status sl_json_only(const sl_json *doc, const char *const *allowed, sl_error *err) {
  for (void *at = json_object_iter(doc->root); at; at = json_object_iter_next(doc->root, at)) {
    const char *key = json_object_iter_key(at);
    const char *const *name = allowed;
    while (*name && strcmp(*name, key) != 0) name++;
    if (!*name) return sl_json_fail(doc, key, err, "unknown key");
  }
  return SL_OK;
}

static sl_status visit_line(const char *path, size_t line, const char *text, size_t size,
                            sl_json_visitor each, void *user, sl_error *err) {
  size_t blanks = 0;
  while (blanks < size && memchr(" \t\r", text[blanks], 3)) blanks++;
  if (blanks == size)
    return sl_fail(err, SL_ERR_INPUT, "%s:%zu:1: empty line; expected a JSON object", path, line);
  sl_json doc;
  sl_status status = sl_json_parse(&doc, path, line, text, size, err);
  if (status != SL_OK) return status;
  status = each(&doc, user, err);
  sl_json_free(&doc);
  return status;
}

/* left_out: NULL where a line that is wrong ends the walk. */
static sl_status visit_lines(const char *path, const char *text, size_t size, sl_json_visitor each,
                             void *user, sl_json_left_out *left_out, sl_error *err) {
  sl_status status = SL_OK;
  size_t line = 1;
  for (size_t start = 0; start < size && status == SL_OK; line++) {
    const char *newline = memchr(text + start, '\n', size - start);
    const size_t end = newline ? (size_t)(newline - text) : size;
    status = visit_line(path, line, text + start, end - start, each, user, err);
    if (status == SL_ERR_INPUT && left_out) {
      if (left_out->n++ == 0) left_out->first = line;
      status = SL_OK;
    }
    start = end + 1;
  }
  return status;
}

sl_status sl_json_lines(const char *path, sl_json_visitor each, void *user, sl_error *err) {
  char *text;
  size_t size;
  sl_status status = sl_file_read(&text, &size, path, JSON_FILE_MAX, err);
  if (status != SL_OK) return status;
  status = visit_lines(path, text, size, each, user, NULL, err);
  free(text);
  return status;
}

sl_status sl_json_log_lines(const char *path, sl_json_visitor each, void *user, size_t *unfinished,
                            sl_json_left_out *left_out, sl_error *err) {
  char *text;
  size_t size, end;
  sl_status status = sl_file_read(&text, &size, path, JSON_FILE_MAX, err);
  if (status != SL_OK) return status;
  for (end = size; end > 0 && text[end - 1] != '\n';) end--;
  status = visit_lines(path, text, end, each, user, left_out, err);
  free(text);
  if (status == SL_OK) *unfinished = size - end;
  return status;
}
