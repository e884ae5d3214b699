/* tokenizer.json (spec F7.1, F7.2): the added tokens, and what every id stands for. */
#include "bpe_file_parts.h"

#include "trainer/text/letters.h"
#include "trainer/text/normal_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *vocabulary(const sl_bpe_reading *r) {
  return json_object_get(json_object_get(r->doc->root, "model"), "vocab");
}

/* The id of a text in the vocabulary, or SL_NO_ID. */
static uint32_t known_id(const sl_bpe_reading *r, const json_t *text) {
  const json_t *id =
      json_object_getn(vocabulary(r), json_string_value(text), json_string_length(text));
  return id ? (uint32_t)json_integer_value(id) : SL_NO_ID;
}

/* An added token of the file, checked. `next` is the id that theirs gives to one that the
 * vocabulary does not have; a file that says another would be read differently by the two. */
static sl_status read_added(sl_bpe_reading *r, const char *path, const json_t *item, uint32_t *next,
                            sl_added_token *out, int *normalized) {
  static const char *const allowed[] = {"id",     "content",    "single_word", "lstrip",
                                        "rstrip", "normalized", "special",     NULL};
  int flags[4];
  SL_TRY(sl_bpe_only(r, path, item, allowed));
  for (size_t i = 0; i < 4; i++)
    SL_TRY(sl_bpe_flag(r, path, item,
                       (const char *[]){"single_word", "lstrip", "rstrip", "special"}[i], -1,
                       &flags[i]));
  SL_TRY(sl_bpe_flag(r, path, item, "normalized", -1, normalized));
  SL_TRY(sl_bpe_id(r, path, json_object_get(item, "id"), &out->id));
  const json_t *content = json_object_get(item, "content");
  const size_t size = json_string_length(content);
  if (size == 0 || size > SL_ADDED_BYTES)
    return sl_bpe_refuse(r, path, "content: expected a text of 1 to %d bytes", SL_ADDED_BYTES);
  const uint32_t known = known_id(r, content);
  const uint32_t given = known == SL_NO_ID ? (*next)++ : known;
  if (out->id != given)
    return sl_bpe_refuse(
        r, path, "'%.60s' has the id %u, but %s gives it %u", json_string_value(content), out->id,
        known == SL_NO_ID ? "its place among the added tokens" : "the vocabulary", given);
  *out = (sl_added_token){
      json_string_value(content), size, out->id, flags[0], flags[1], flags[2], flags[3]};
  return SL_OK;
}

/* Its text, in the form in which it is looked for, at *end of added_text. */
static sl_status place_text(sl_bpe_reading *r, sl_added_token *token, int normalized,
                            sl_forming *forming, char **end) {
  if (normalized && r->parts.composes)
    SL_TRY(sl_normal_form_apply(token->text, token->size, forming, &token->text, &token->size,
                                r->err));
  memcpy(*end, token->text, token->size);
  token->text = *end;
  *end += token->size;
  return SL_OK;
}

/* Room for all texts, which NFC makes at most three times as long. */
static sl_status reserve_added(sl_bpe_reading *r, const json_t *list) {
  sl_bpe_parts *p = &r->parts;
  const size_t n = json_array_size(list);
  size_t bytes = 1;
  for (size_t i = 0; i < n; i++)
    bytes += 3 * json_string_length(json_object_get(json_array_get(list, i), "content"));
  p->raw = calloc(n + 1, sizeof *p->raw);
  p->normal = calloc(n + 1, sizeof *p->normal);
  p->added_text = malloc(bytes);
  if (p->raw && p->normal && p->added_text) return SL_OK;
  return sl_fail(r->err, SL_ERR_MEMORY, "no memory for %zu added tokens", n);
}

static sl_status read_all_added(sl_bpe_reading *r, const json_t *list, sl_forming *forming) {
  sl_bpe_parts *p = &r->parts;
  uint32_t next = (uint32_t)json_object_size(vocabulary(r));
  SL_TRY(reserve_added(r, list));
  char *end = p->added_text;
  for (size_t i = 0; i < json_array_size(list); i++) {
    char path[40];
    sl_added_token token = {.text = NULL};
    int normalized = 0;
    snprintf(path, sizeof path, "[%zu]", i);
    SL_TRY(read_added(r, path, json_array_get(list, i), &next, &token, &normalized));
    SL_TRY(place_text(r, &token, normalized, forming, &end));
    if (token.id >= p->n_ids) p->n_ids = token.id + 1;
    if (normalized)
      p->normal[p->n_normal++] = token;
    else
      p->raw[p->n_raw++] = token;
  }
  return SL_OK;
}

/* What an id stands for, as the file writes it. */
typedef struct {
  const char *text;
  size_t size;
} spelling;

static sl_status spell_vocabulary(sl_bpe_reading *r, spelling *of) {
  const char *text;
  json_t *value;
  json_object_foreach((json_t *)vocabulary(r), text, value) {
    const size_t id = (size_t)json_integer_value(value), size = strlen(text);
    if (of[id].text) {
      r->key = "model";
      return sl_bpe_refuse(r, "vocab", "'%.60s' and '%.60s' have the same id %zu", of[id].text,
                           text, id);
    }
    of[id] = (spelling){text, size};
    r->parts.kind[id] |= SL_ID_PRESENT;
    if (sl_letters_only(text, size)) r->parts.kind[id] |= SL_ID_WORD;
  }
  return SL_OK;
}

/* Where ids of the vocabulary have gaps, one that is numbered on may be another token's. */
static sl_status check_apart(sl_bpe_reading *r, const json_t *list, const spelling *of) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *item = json_array_get(list, i), *content = json_object_get(item, "content");
    const size_t id = (size_t)json_integer_value(json_object_get(item, "id"));
    if (known_id(r, content) == SL_NO_ID && of[id].text)
      return sl_bpe_refuse(r, "", "'%.60s' has the id %zu, which is that of '%.60s' too",
                           json_string_value(content), id, of[id].text);
  }
  return SL_OK;
}

static sl_status spell_added(sl_bpe_reading *r, const sl_added_token *tokens, size_t n,
                             spelling *of) {
  for (size_t i = 0; i < n; i++) {
    uint8_t *kind = &r->parts.kind[tokens[i].id];
    if (*kind & SL_ID_ADDED) return sl_bpe_refuse(r, "", "two tokens have the id %u", tokens[i].id);
    *kind |= SL_ID_PRESENT | SL_ID_ADDED | (tokens[i].special ? SL_ID_SPECIAL : 0);
    of[tokens[i].id] = (spelling){tokens[i].text, tokens[i].size};
  }
  return SL_OK;
}

/* The bytes of all ids: letters as the bytes that they stand for, which are no more. */
static sl_status place_bytes(sl_bpe_reading *r, const spelling *of) {
  sl_bpe_parts *p = &r->parts;
  size_t size = 1;
  for (size_t id = 0; id < p->n_ids; id++) size += of[id].size;
  p->bytes = malloc(size);
  p->start = malloc((p->n_ids + 1) * sizeof *p->start);
  if (!p->bytes || !p->start) return sl_fail(r->err, SL_ERR_MEMORY, "no memory for tokens");
  size_t at = 0;
  for (size_t id = 0; id < p->n_ids; id++) {
    p->start[id] = at;
    if (of[id].text) at += sl_letters_to_bytes(of[id].text, of[id].size, p->bytes + at);
  }
  p->start[p->n_ids] = at;
  return SL_OK;
}

/* A special token that bytes or merges make could be written in any text. */
static sl_status check_special(const sl_bpe_reading *r) {
  const sl_bpe_parts *p = &r->parts;
  for (unsigned byte = 0; byte < 256; byte++)
    if (p->byte_id[byte] != SL_NO_ID && p->kind[p->byte_id[byte]] & SL_ID_SPECIAL)
      return sl_bpe_refuse(r, "",
                           "the token of byte 0x%02x, id %u, is special: any text could hold it",
                           byte, p->byte_id[byte]);
  for (size_t i = 0; i < p->n_merges; i++)
    if (p->kind[p->merges[i].merged] & SL_ID_SPECIAL)
      return sl_bpe_refuse(r, "",
                           "the id %u is special, but merge %zu makes it: any text could hold it",
                           p->merges[i].merged, i);
  return SL_OK;
}

static sl_status spell_all(sl_bpe_reading *r, const json_t *list) {
  sl_bpe_parts *p = &r->parts;
  spelling *of = calloc(p->n_ids, sizeof *of);
  p->kind = calloc(p->n_ids, 1);
  sl_status status = of && p->kind
                         ? spell_vocabulary(r, of)
                         : sl_fail(r->err, SL_ERR_MEMORY, "no memory for %zu ids", p->n_ids);
  if (!status) status = check_apart(r, list, of);
  if (!status) status = spell_added(r, p->raw, p->n_raw, of);
  if (!status) status = spell_added(r, p->normal, p->n_normal, of);
  if (!status) status = check_special(r);
  if (!status) status = place_bytes(r, of);
  free(of);
  return status;
}

sl_status sl_bpe_read_tokens(sl_bpe_reading *r) {
  r->key = "added_tokens";
  const json_t *list = json_object_get(r->doc->root, r->key);
  if (list && !json_is_null(list) && !json_is_array(list))
    return sl_bpe_refuse(r, "", "expected a list");
  sl_forming forming = {0};
  const sl_status status = read_all_added(r, list, &forming);
  sl_forming_free(&forming);
  return status ? status : spell_all(r, list);
}
