/* The character tokenizer (spec F1.5). */
#include "characters.h"

#include "file.h"
#include "json.h"
#include "kernels/support/utf8.h"
#include "trainer/model/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)16 << 20)

typedef struct {
  uint32_t code; /* point */
  uint32_t id;
} entry;

struct sl_characters {
  char *alphabet; /* UTF-8, in the order of the ids */
  size_t count;   /* characters */
  size_t *start;  /* byte of character i in alphabet; start[count] is its end */
  entry *sorted;  /* by code point */
};

void sl_characters_destroy(sl_characters *tokenizer) {
  if (!tokenizer) return;
  free(tokenizer->alphabet);
  free(tokenizer->start);
  free(tokenizer->sorted);
  free(tokenizer);
}

size_t sl_characters_vocab(const sl_characters *tokenizer) {
  return tokenizer->count + SL_TOKEN_FIRST_CHARACTER;
}

const char *sl_characters_alphabet(const sl_characters *tokenizer) { return tokenizer->alphabet; }

int sl_characters_same(const sl_characters *a, const sl_characters *b) {
  return strcmp(a->alphabet, b->alphabet) == 0;
}

static int by_code(const void *left, const void *right) {
  const uint32_t a = ((const entry *)left)->code, b = ((const entry *)right)->code;
  return a < b ? -1 : a > b;
}

static sl_status index_alphabet(sl_characters *t, sl_error *err) {
  const size_t size = strlen(t->alphabet);
  for (size_t at = 0; at < size; t->count++) {
    uint32_t code;
    const size_t n = sl_utf8_decode(t->alphabet + at, size - at, &code);
    if (n == 0) return sl_fail(err, SL_ERR_INPUT, "alphabet: malformed UTF-8 at byte %zu", at);
    t->start[t->count] = at;
    t->sorted[t->count] = (entry){code, (uint32_t)t->count + SL_TOKEN_FIRST_CHARACTER};
    at += n;
    t->start[t->count + 1] = at;
  }
  qsort(t->sorted, t->count, sizeof *t->sorted, by_code);
  for (size_t i = 1; i < t->count; i++)
    if (t->sorted[i].code == t->sorted[i - 1].code) {
      const size_t c = t->sorted[i].id - SL_TOKEN_FIRST_CHARACTER;
      return sl_fail(err, SL_ERR_INPUT, "alphabet: the character '%.*s' (U+%04X) occurs twice",
                     (int)(t->start[c + 1] - t->start[c]), t->alphabet + t->start[c],
                     t->sorted[i].code);
    }
  return SL_OK;
}

sl_status sl_characters_create(sl_characters **out, const char *alphabet, sl_error *err) {
  const size_t size = strlen(alphabet);
  if (size == 0) return sl_fail(err, SL_ERR_INPUT, "alphabet: expected at least one character");
  sl_characters *t = calloc(1, sizeof *t);
  if (t) {
    t->alphabet = strdup(alphabet);
    t->start = malloc((size + 1) * sizeof *t->start);
    t->sorted = malloc(size * sizeof *t->sorted);
  }
  const sl_status status =
      t && t->alphabet && t->start && t->sorted
          ? index_alphabet(t, err)
          : sl_fail(err, SL_ERR_MEMORY, "no memory for a tokenizer of %zu bytes", size);
  if (status != SL_OK) {
    sl_characters_destroy(t);
    return status;
  }
  *out = t;
  return SL_OK;
}

sl_status sl_characters_encode(const sl_characters *t, const char *where, const char *text,
                               size_t size, uint32_t *ids, size_t capacity, size_t *count,
                               sl_error *err) {
  size_t n = 0, line = 1, column = 1;
  for (size_t at = 0; at < size; n++) {
    entry key = {0, 0};
    const size_t bytes = sl_utf8_decode(text + at, size - at, &key.code);
    if (bytes == 0)
      return sl_fail(err, SL_ERR_INPUT, "%s:%zu:%zu: malformed UTF-8", where, line, column);
    const entry *found = bsearch(&key, t->sorted, t->count, sizeof *t->sorted, by_code);
    if (!found)
      return sl_fail(err, SL_ERR_INPUT,
                     "%s:%zu:%zu: the character '%.*s' (U+%04X) is not in the tokenizer's alphabet",
                     where, line, column, (int)bytes, text + at, key.code);
    if (ids && n == capacity)
      return sl_fail(err, SL_ERR_USAGE, "%s:%zu:%zu: more than %zu tokens", where, line, column,
                     capacity);
    if (ids) ids[n] = found->id;
    at += bytes;
    column++;
    if (key.code == '\n') line++, column = 1;
  }
  *count = n;
  return SL_OK;
}

static int is_character(const sl_characters *t, uint32_t id) {
  return id >= SL_TOKEN_FIRST_CHARACTER && id < sl_characters_vocab(t);
}

int sl_characters_is_text(const sl_characters *t, const uint32_t *ids, size_t n) {
  for (size_t i = 0; i < n && ids[i] != SL_TOKEN_EOS; i++)
    if (!is_character(t, ids[i])) return 0;
  return 1;
}

void sl_characters_decode_into(const sl_characters *t, const uint32_t *ids, size_t n, char *out) {
  for (size_t i = 0; i < n && ids[i] != SL_TOKEN_EOS; i++) {
    if (!is_character(t, ids[i])) {
      out += snprintf(out, SL_CHARACTER_BYTES + 1, "<%u>", ids[i]);
      continue;
    }
    const size_t c = ids[i] - SL_TOKEN_FIRST_CHARACTER, bytes = t->start[c + 1] - t->start[c];
    memcpy(out, t->alphabet + t->start[c], bytes);
    out += bytes;
  }
  *out = 0;
}

static sl_status from_document(sl_characters **out, const sl_json *doc, sl_error *err) {
  static const char *const allowed[] = {"format", "version", "pad", "eos", "alphabet", NULL};
  const char *format, *alphabet;
  size_t version, pad, eos;
  sl_error inner;
  sl_status status = sl_json_only(doc, allowed, err);
  if (status == SL_OK) status = sl_json_text(doc, "format", &format, err);
  if (status == SL_OK && strcmp(format, "sluice-characters") != 0)
    return sl_json_fail(doc, "format", err, "expected \"sluice-characters\", found \"%s\"", format);
  if (status == SL_OK) status = sl_json_size(doc, "version", 1, 1, &version, err);
  if (status == SL_OK) status = sl_json_size(doc, "pad", SL_TOKEN_PAD, SL_TOKEN_PAD, &pad, err);
  if (status == SL_OK) status = sl_json_size(doc, "eos", SL_TOKEN_EOS, SL_TOKEN_EOS, &eos, err);
  if (status == SL_OK) status = sl_json_text(doc, "alphabet", &alphabet, err);
  if (status != SL_OK) return status;
  status = sl_characters_create(out, alphabet, &inner);
  if (status == SL_ERR_INPUT) return sl_json_fail(doc, "alphabet", err, "%s", inner.message);
  return status == SL_OK ? SL_OK : sl_fail(err, status, "%s", inner.message);
}

sl_status sl_characters_load(sl_characters **out, const char *path, sl_error *err) {
  char *text;
  size_t size;
  sl_json doc;
  sl_status status = sl_file_read(&text, &size, path, FILE_MAX, err);
  if (status != SL_OK) return status;
  status = sl_json_parse(&doc, path, 1, text, size, err);
  if (status == SL_OK) {
    status = from_document(out, &doc, err);
    sl_json_free(&doc);
  }
  free(text);
  return status;
}

sl_status sl_characters_save(const sl_characters *t, const char *path, sl_error *err) {
  json_t *root = json_pack("{s:s, s:i, s:i, s:i, s:s}", "format", "sluice-characters", "version", 1,
                           "pad", SL_TOKEN_PAD, "eos", SL_TOKEN_EOS, "alphabet", t->alphabet);
  char *text = root ? sl_json_dump(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  if (!text) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  const sl_bytes pieces[] = {{text, strlen(text)}, {"\n", 1}};
  const sl_status status = sl_file_write(path, pieces, 2, err);
  free(text);
  return status;
}
