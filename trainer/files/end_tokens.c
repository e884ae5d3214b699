/* End tokens (spec F7.5): of generation_config.json, else config.json, else tokenizer_config.json.
 */
#include "end_tokens.h"

#include "file.h"
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_BYTES ((size_t)16 << 20)
#define ID_KEY "eos_token_id"
#define TEXT_KEY "eos_token"

/* With no tokenizer (bpe NULL) any id may be a token's. */
static sl_status put_id(sl_end_tokens *out, const sl_json *doc, const json_t *value,
                        const sl_bpe *bpe, sl_error *err) {
  const json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
  if (id < 0 || id > UINT32_MAX || (bpe && !sl_bpe_id_kind(bpe, (uint32_t)id)))
    return sl_json_expected(doc, ID_KEY, err,
                            bpe ? "ids of tokens that tokenizer.json has" : "token ids", value);
  if (out->n == SL_ENDS_MAX)
    return sl_json_fail(doc, ID_KEY, err, "more than %d end tokens", SL_ENDS_MAX);
  out->ids[out->n++] = (uint32_t)id;
  return SL_OK;
}

/* An integer or a list of them. */
static sl_status read_ids(sl_end_tokens *out, const sl_json *doc, const sl_bpe *bpe,
                          sl_error *err) {
  const json_t *value = json_object_get(doc->root, ID_KEY);
  if (!value || json_is_null(value)) return SL_OK;
  if (!json_is_array(value)) return put_id(out, doc, value, bpe, err);
  for (size_t i = 0; i < json_array_size(value); i++)
    SL_TRY(put_id(out, doc, json_array_get(value, i), bpe, err));
  return SL_OK;
}

/* An added token by its text, or by an object that has it as `content`. */
static sl_status read_text(sl_end_tokens *out, const sl_json *doc, const sl_bpe *bpe,
                           sl_error *err) {
  const json_t *value = json_object_get(doc->root, TEXT_KEY);
  if (!value || json_is_null(value)) return SL_OK;
  const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;
  const uint32_t id = json_is_string(text) ? sl_bpe_find_added(bpe, json_string_value(text),
                                                               json_string_length(text))
                                           : SL_NO_ID;
  if (id == SL_NO_ID)
    return sl_json_expected(doc, TEXT_KEY, err, "an added token of tokenizer.json", value);
  out->ids[out->n++] = id;
  return SL_OK;
}

typedef sl_status (*reader)(sl_end_tokens *, const sl_json *, const sl_bpe *, sl_error *);

static sl_status read_file(sl_end_tokens *out, const char *folder, const char *name, reader read,
                           const sl_bpe *bpe, sl_error *err) {
  if (!sl_path_holds(folder, name)) return SL_OK;
  char *path = sl_path_join(folder, name), *text = NULL;
  size_t size;
  sl_json doc;
  sl_status status = path ? sl_file_read(&text, &size, path, SETTINGS_BYTES, err)
                          : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  if (!status) status = sl_json_parse(&doc, path, 1, text, size, err);
  if (!status) {
    status = read(out, &doc, bpe, err);
    sl_json_free(&doc);
  }
  free(text);
  free(path);
  return status;
}

static sl_status read_two(sl_end_tokens *out, const char *folder, const sl_bpe *bpe,
                          sl_error *err) {
  SL_TRY(read_file(out, folder, "generation_config.json", read_ids, bpe, err));
  return out->n ? SL_OK : read_file(out, folder, "config.json", read_ids, bpe, err);
}

sl_status sl_end_ids_read(sl_end_tokens *out, const char *folder, sl_error *err) {
  sl_end_tokens found = {.n = 0};
  const sl_status status = read_two(&found, folder, NULL, err);
  if (status == SL_ERR_INPUT) found.n = 0; /* texts are not read here: nothing ends by them */
  if (status != SL_OK && status != SL_ERR_INPUT) return status;
  *out = found;
  return SL_OK;
}

sl_status sl_end_tokens_read(sl_end_tokens *out, const char *folder, const sl_bpe *bpe,
                             sl_error *err) {
  sl_end_tokens found = {.n = 0};
  SL_TRY(read_two(&found, folder, bpe, err));
  if (!found.n) SL_TRY(read_file(&found, folder, "tokenizer_config.json", read_text, bpe, err));
  if (found.n == 0)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: no end token: neither " ID_KEY
                   " in generation_config.json or config.json, "
                   "nor " TEXT_KEY " in tokenizer_config.json",
                   folder);
  *out = found;
  return SL_OK;
}

/* Collects what the file asks for; in no case an error. */
static void list_sampling(char *out, size_t size, const json_t *root) {
  static const char *const keys[] = {"do_sample",      "temperature",
                                     "top_k",          "top_p",
                                     "min_p",          "typical_p",
                                     "num_beams",      "repetition_penalty",
                                     "length_penalty", "no_repeat_ngram_size",
                                     "bad_words_ids",  "max_new_tokens",
                                     "max_length",     "suppress_tokens"};
  size_t used = 0;
  *out = 0;
  for (size_t i = 0; i < sizeof keys / sizeof *keys && used < size; i++) {
    const json_t *value = json_object_get(root, keys[i]);
    if (!value || json_is_null(value)) continue;
    used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", keys[i]);
  }
}

int sl_generation_note(char *out, size_t size, const char *folder) {
  char keys[256] = "", *text = NULL;
  size_t n;
  char *path = sl_path_join(folder, "generation_config.json");
  if (path && sl_path_holds(folder, "generation_config.json") &&
      !sl_file_read(&text, &n, path, SETTINGS_BYTES, NULL)) {
    json_t *root;
    sl_json_load(&root, path, text, n, 0, NULL, NULL);
    list_sampling(keys, sizeof keys, root);
    json_decref(root);
  }
  free(text);
  free(path);
  if (!*keys) return 0;
  snprintf(out, size, "generation_config.json: %s: not applied", keys);
  return 1;
}

sl_status sl_end_tokens_write(const sl_end_tokens *ends, const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, "generation_config.json");
  json_t *list = json_array(), *root = json_pack("{s:o}", ID_KEY, list);
  int failed = !path || !root;
  for (size_t i = 0; !failed && i < ends->n; i++)
    failed = json_array_append_new(list, json_integer(ends->ids[i])) != 0;
  char *text = failed ? NULL : sl_json_dump(root, JSON_INDENT(2));
  json_decref(root);
  const sl_bytes pieces[] = {{text, text ? strlen(text) : 0}, {"\n", 1}};
  const sl_status status = text ? sl_file_write(path, pieces, 2, err)
                                : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(text);
  free(path);
  return status;
}
