/* A model folder's own tokenizer (spec F7.5 to F7.7). */
#include "bpe_tokenizer.h"

#include "bpe_file.h"
#include "end_tokens.h"
#include "file.h"
#include "json.h"
#include "trainer/text/bpe_decode.h"

#include <stdlib.h>
#include <string.h>

#define CLASS_FILE "tokenizer_config.json"
#define CLASS_KEY "tokenizer_class"
#define CLASS "PreTrainedTokenizerFast" /* transformers' for a tokenizer.json as it stands */
#define CLASS_FILE_BYTES ((size_t)64 << 20)
#define NUL_MARK '\x1a' /* SUBSTITUTE: what shows of a NUL */

struct sl_bpe_tokenizer {
  char *json;                /* the file, as it was read */
  size_t json_size, longest; /* longest: bytes of a token */
  sl_bpe *bpe;
  sl_bpe_encoder *encoder;
  sl_ids ids; /* of the text that is being encoded */
  sl_end_tokens ends;
};

void sl_bpe_tokenizer_destroy(sl_bpe_tokenizer *t) {
  if (!t) return;
  free(t->json);
  sl_bpe_encoder_destroy(t->encoder);
  sl_bpe_destroy(t->bpe);
  sl_ids_free(&t->ids);
  free(t);
}

static size_t longest_token(const sl_bpe *bpe) {
  size_t longest = 0, size;
  for (uint32_t id = 0; id < sl_bpe_vocab(bpe); id++) {
    sl_bpe_id_bytes(bpe, id, &size);
    if (size > longest) longest = size;
  }
  return longest;
}

static sl_status load(sl_bpe_tokenizer *t, const char *folder, const char *path, sl_error *err) {
  SL_TRY(sl_file_read(&t->json, &t->json_size, path, SL_BPE_FILE_BYTES, err));
  SL_TRY(sl_bpe_read(&t->bpe, path, t->json, t->json_size, err));
  SL_TRY(sl_end_tokens_read(&t->ends, folder, t->bpe, err));
  t->longest = longest_token(t->bpe);
  return sl_bpe_encoder_create(&t->encoder, t->bpe, err);
}

sl_status sl_bpe_tokenizer_load(sl_bpe_tokenizer **out, const char *folder, sl_error *err) {
  sl_bpe_tokenizer *t = calloc(1, sizeof *t);
  char *path = sl_path_join(folder, SL_BPE_FILE);
  const sl_status status =
      t && path ? load(t, folder, path, err) : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(path);
  if (status)
    sl_bpe_tokenizer_destroy(t);
  else
    *out = t;
  return status;
}

const char *sl_bpe_tokenizer_json(const sl_bpe_tokenizer *t, size_t *size) {
  *size = t->json_size;
  return t->json;
}

size_t sl_bpe_tokenizer_vocab(const sl_bpe_tokenizer *t) { return sl_bpe_vocab(t->bpe); }

const sl_end_tokens *sl_bpe_tokenizer_ends(const sl_bpe_tokenizer *t) { return &t->ends; }

sl_status sl_bpe_tokenizer_encode(sl_bpe_tokenizer *t, int is_prompt, const char *where,
                                  const char *text, size_t size, uint32_t *ids, size_t capacity,
                                  size_t *count, sl_error *err) {
  sl_error inner;
  t->ids.used = 0;
  const sl_status status = (is_prompt ? sl_bpe_encode_begun : sl_bpe_encode)(
      t->encoder, text, size, SL_TEXT_PLAIN, &t->ids, &inner);
  if (status) return sl_fail(err, status, "%s:%s", where, inner.message);
  if (ids && t->ids.used > capacity)
    return sl_fail(err, SL_ERR_USAGE, "%s: more than %zu tokens", where, capacity);
  if (ids && t->ids.used) memcpy(ids, t->ids.ids, t->ids.used * sizeof *ids);
  *count = t->ids.used;
  return SL_OK;
}

static size_t before_end(const sl_bpe_tokenizer *t, const uint32_t *ids, size_t n) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < t->ends.n; k++)
      if (ids[i] == t->ends.ids[k]) return i;
  return n;
}

int sl_bpe_tokenizer_is_text(const sl_bpe_tokenizer *t, const uint32_t *ids, size_t n) {
  return sl_bpe_is_text(t->bpe, ids, before_end(t, ids, n));
}

/* A byte becomes at most the three of U+FFFD; "<4294967295>" has twelve. */
size_t sl_bpe_tokenizer_text_bytes(const sl_bpe_tokenizer *t, size_t n) {
  return n * (3 * t->longest > 12 ? 3 * t->longest : 12) + 1;
}

void sl_bpe_tokenizer_decode_into(const sl_bpe_tokenizer *t, const uint32_t *ids, size_t n,
                                  char *out) {
  sl_growing text = {out, 0, sl_bpe_tokenizer_text_bytes(t, n)}; /* so that it never grows */
  sl_bpe_decode(t->bpe, ids, before_end(t, ids, n), &text, NULL);
  for (size_t i = 0; i < text.used; i++)
    if (out[i] == 0) out[i] = NUL_MARK;
  out[text.used] = 0;
}

sl_status sl_bpe_tokenizer_save(const sl_bpe_tokenizer *t, const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, SL_BPE_FILE);
  const sl_bytes piece = {t->json, t->json_size};
  const sl_status status = path ? sl_file_write(path, &piece, 1, err)
                                : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(path);
  return status ? status : sl_end_tokens_write(&t->ends, folder, err);
}

/* The file's object, an empty one if there is no file or it is no object. */
static sl_status read_class_file(json_t **out, const char *folder, const char *path,
                                 sl_error *err) {
  char *text = NULL;
  size_t size;
  if (sl_path_holds(folder, CLASS_FILE))
    SL_TRY(sl_file_read(&text, &size, path, CLASS_FILE_BYTES, err));
  *out = text ? json_loadb(text, size, 0, NULL) : NULL;
  free(text);
  if (!json_is_object(*out)) json_decref(*out), *out = json_object();
  return *out ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
}

static sl_status settle(const char *folder, const char *path, sl_error *err) {
  json_t *root;
  SL_TRY(read_class_file(&root, folder, path, err));
  const int is_set = json_object_set_new(root, CLASS_KEY, json_string(CLASS)) == 0;
  char *text = is_set ? json_dumps(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  const sl_bytes pieces[] = {{text, text ? strlen(text) : 0}, {"\n", 1}};
  const sl_status status = text ? sl_file_write(path, pieces, 2, err)
                                : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(text);
  return status;
}

sl_status sl_bpe_tokenizer_settle(const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, CLASS_FILE);
  const sl_status status =
      path ? settle(folder, path, err) : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(path);
  return status;
}
