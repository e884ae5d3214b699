/* tokenizer.json (spec F7.1): the vocabulary and its merges. */
#include "bpe_file_parts.h"

#include "kernels/support/utf8.h"
#include "trainer/text/letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *vocabulary(const sl_bpe_reading *r) {
  return json_object_get(json_object_get(r->doc->root, "model"), "vocab");
}

/* The id of a token of the vocabulary, or SL_NO_ID; ids were checked when bytes were placed. */
static uint32_t find_token(const json_t *vocab, const char *text, size_t size) {
  const json_t *id = json_object_getn(vocab, text, size);
  return id ? (uint32_t)json_integer_value(id) : SL_NO_ID;
}

/* What of a model must be so that merges alone say how a word is encoded. */
static sl_status check_model(const sl_bpe_reading *r, const json_t *model) {
  static const char *const allowed[] = {"type",
                                        "dropout",
                                        "unk_token",
                                        "fuse_unk",
                                        "byte_fallback",
                                        "continuing_subword_prefix",
                                        "vocab",
                                        "merges",
                                        "end_of_word_suffix",
                                        "ignore_merges",
                                        NULL};
  static const char *const empty[] = {"continuing_subword_prefix", "end_of_word_suffix"};
  SL_TRY(sl_bpe_only(r, "", model, allowed));
  const json_t *type = json_object_get(model, "type");
  if (type && (!json_is_string(type) || strcmp(json_string_value(type), "BPE") != 0))
    return sl_bpe_refuse(r, "type", "\"%.60s\" is not read; BPE is",
                         json_is_string(type) ? json_string_value(type) : "");
  const json_t *dropout = json_object_get(model, "dropout");
  if (dropout && !json_is_null(dropout) && json_number_value(dropout) != 0.0)
    return sl_bpe_refuse(r, "dropout", "merges that are left out by chance are not read");
  for (size_t i = 0; i < 2; i++) {
    const json_t *value = json_object_get(model, empty[i]);
    if (value && !json_is_null(value) && json_string_length(value) + !json_is_string(value) > 0)
      return sl_bpe_refuse(r, empty[i], "expected nothing: it is not byte-level");
  }
  return SL_OK;
}

static sl_status read_byte_ids(sl_bpe_reading *r, const json_t *model) {
  const json_t *unknown = json_object_get(model, "unk_token");
  int fallback, complete = 1;
  for (unsigned byte = 0; byte < 256; byte++) {
    char letter[4];
    const size_t n = sl_utf8_encode(letter, sl_letter_of_byte((unsigned char)byte));
    r->parts.byte_id[byte] = find_token(vocabulary(r), letter, n);
    complete = complete && r->parts.byte_id[byte] != SL_NO_ID;
  }
  SL_TRY(sl_bpe_flag(r, "", model, "byte_fallback", 0, &fallback));
  if (!complete && (fallback || (unknown && !json_is_null(unknown))))
    return sl_bpe_refuse(r, fallback ? "byte_fallback" : "unk_token",
                         "not read where the vocabulary lacks a byte");
  return SL_OK;
}

/* A merge as a pair of texts: ["a", "b"] or "a b". *skip: a line of the file's version. */
static sl_status split_merge(const sl_bpe_reading *r, size_t i, const json_t *merge, int are_pairs,
                             const char *side[2], size_t size[2], int *skip) {
  char path[40];
  snprintf(path, sizeof path, "merges[%zu]", i);
  *skip = 0;
  if (are_pairs) {
    for (size_t k = 0; k < 2; k++) {
      const json_t *text = json_array_get(merge, k);
      side[k] = json_string_value(text), size[k] = json_string_length(text);
    }
    if (json_array_size(merge) == 2 && side[0] && side[1]) return SL_OK;
    return sl_bpe_refuse(r, path, "expected a pair of texts, as merges[0] is");
  }
  const char *text = json_string_value(merge), *space = text ? strchr(text, ' ') : NULL;
  *skip = text && strncmp(text, "#version", 8) == 0;
  if (*skip) return SL_OK;
  if (!space || strchr(space + 1, ' '))
    return sl_bpe_refuse(r, path, "expected two tokens with one space between them");
  side[0] = text, size[0] = (size_t)(space - text);
  side[1] = space + 1, size[1] = json_string_length(merge) - size[0] - 1;
  return SL_OK;
}

static sl_status find_merge(const sl_bpe_reading *r, size_t i, const char *side[2],
                            const size_t size[2], sl_merge *out) {
  char path[40], joined[2048];
  const json_t *vocab = vocabulary(r);
  snprintf(path, sizeof path, "merges[%zu]", i);
  if (size[0] + size[1] > sizeof joined)
    return sl_bpe_refuse(r, path, "its token has more than %zu bytes", sizeof joined);
  memcpy(joined, side[0], size[0]);
  memcpy(joined + size[0], side[1], size[1]);
  out->left = find_token(vocab, side[0], size[0]);
  out->right = find_token(vocab, side[1], size[1]);
  out->merged = find_token(vocab, joined, size[0] + size[1]);
  if (out->left == SL_NO_ID || out->right == SL_NO_ID || out->merged == SL_NO_ID)
    return sl_bpe_refuse(r, path, "'%.60s' with '%.60s': a token is not in the vocabulary", side[0],
                         side[1]);
  return SL_OK;
}

static sl_status read_merges(sl_bpe_reading *r, const json_t *merges) {
  if (!json_is_array(merges)) return sl_bpe_refuse(r, "merges", "expected a list");
  const size_t n = json_array_size(merges);
  const int are_pairs = json_is_array(json_array_get(merges, 0));
  r->parts.merges = malloc((n + 1) * sizeof *r->parts.merges);
  if (!r->parts.merges) return sl_fail(r->err, SL_ERR_MEMORY, "no memory for %zu merges", n);
  for (size_t i = 0; i < n; i++) {
    const char *side[2] = {"", ""};
    size_t size[2] = {0, 0};
    int skip;
    SL_TRY(split_merge(r, i, json_array_get(merges, i), are_pairs, side, size, &skip));
    if (skip) continue;
    SL_TRY(find_merge(r, i, side, size, &r->parts.merges[r->parts.n_merges]));
    r->parts.n_merges++;
  }
  return SL_OK;
}

static sl_status check_vocabulary(sl_bpe_reading *r, const json_t *vocab) {
  if (!json_is_object(vocab) || json_object_size(vocab) == 0)
    return sl_bpe_refuse(r, "vocab", "expected an object of tokens and their ids");
  const char *text;
  json_t *value;
  json_object_foreach((json_t *)vocab, text, value) {
    char path[100];
    uint32_t id;
    snprintf(path, sizeof path, "vocab: '%.60s'", text);
    if (!*text) return sl_bpe_refuse(r, path, "an empty token");
    SL_TRY(sl_bpe_id(r, path, value, &id));
    if (id >= r->parts.n_ids) r->parts.n_ids = id + 1;
  }
  return SL_OK;
}

sl_status sl_bpe_read_model(sl_bpe_reading *r) {
  r->key = "model";
  const json_t *model = json_object_get(r->doc->root, "model");
  SL_TRY(check_model(r, model));
  SL_TRY(check_vocabulary(r, vocabulary(r)));
  SL_TRY(read_byte_ids(r, model));
  SL_TRY(sl_bpe_flag(r, "", model, "ignore_merges", 0, &r->parts.words_first));
  return read_merges(r, json_object_get(model, "merges"));
}
