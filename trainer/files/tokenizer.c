/* Texts as token ids (spec L1.3): by characters, or by a model's own tokenizer.json. */
#include "tokenizer.h"

#include "bpe_file.h"
#include "bpe_tokenizer.h"
#include "characters.h"
#include "file.h"
#include "model_folder.h"

#include <stdlib.h>
#include <string.h>

/* One of the two. */
struct sl_tokenizer {
  sl_characters *characters;
  sl_bpe_tokenizer *bpe;
};

void sl_tokenizer_destroy(sl_tokenizer *t) {
  if (!t) return;
  sl_characters_destroy(t->characters);
  sl_bpe_tokenizer_destroy(t->bpe);
  free(t);
}

/* Takes over what was made with that status. */
static sl_status wrap(sl_tokenizer **out, sl_status status, sl_tokenizer made, sl_error *err) {
  if (status) return status;
  sl_tokenizer *t = malloc(sizeof *t);
  if (!t) {
    sl_characters_destroy(made.characters);
    sl_bpe_tokenizer_destroy(made.bpe);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a tokenizer");
  }
  *t = made;
  *out = t;
  return SL_OK;
}

sl_status sl_tokenizer_create(sl_tokenizer **out, const char *alphabet, sl_error *err) {
  sl_tokenizer made = {NULL, NULL};
  const sl_status status = sl_characters_create(&made.characters, alphabet, err);
  return wrap(out, status, made, err);
}

sl_status sl_tokenizer_load(sl_tokenizer **out, const char *path, sl_error *err) {
  sl_tokenizer made = {NULL, NULL};
  const sl_status status = sl_characters_load(&made.characters, path, err);
  return wrap(out, status, made, err);
}

static sl_status load_characters(sl_tokenizer **out, const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, SL_MODEL_TOKENIZER_FILE);
  const sl_status status = path ? sl_tokenizer_load(out, path, err)
                                : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(path);
  return status;
}

sl_status sl_tokenizer_of_folder(sl_tokenizer **out, const char *folder, sl_error *err) {
  sl_tokenizer made = {NULL, NULL};
  *out = NULL;
  if (sl_path_holds(folder, SL_MODEL_TOKENIZER_FILE)) return load_characters(out, folder, err);
  if (!sl_path_holds(folder, SL_BPE_FILE)) return SL_OK;
  const sl_status status = sl_bpe_tokenizer_load(&made.bpe, folder, err);
  return wrap(out, status, made, err);
}

const char *sl_tokenizer_json(const sl_tokenizer *t, size_t *size) {
  return t->bpe ? sl_bpe_tokenizer_json(t->bpe, size) : NULL;
}

int sl_tokenizer_same(const sl_tokenizer *a, const sl_tokenizer *b) {
  size_t size[2];
  if (!a->bpe != !b->bpe) return 0;
  if (!a->bpe) return sl_characters_same(a->characters, b->characters);
  const char *left = sl_tokenizer_json(a, &size[0]), *right = sl_tokenizer_json(b, &size[1]);
  return size[0] == size[1] && memcmp(left, right, size[0]) == 0;
}

size_t sl_tokenizer_vocab(const sl_tokenizer *t) {
  return t->bpe ? sl_bpe_tokenizer_vocab(t->bpe) : sl_characters_vocab(t->characters);
}

const sl_end_tokens *sl_tokenizer_ends(const sl_tokenizer *t) {
  static const sl_end_tokens of_characters = {{SL_TOKEN_EOS}, 1};
  return t->bpe ? sl_bpe_tokenizer_ends(t->bpe) : &of_characters;
}

sl_status sl_tokenizer_encode(const sl_tokenizer *t, const char *where, const char *text,
                              size_t size, uint32_t *ids, size_t capacity, size_t *count,
                              sl_error *err) {
  return t->bpe ? sl_bpe_tokenizer_encode(t->bpe, 0, where, text, size, ids, capacity, count, err)
                : sl_characters_encode(t->characters, where, text, size, ids, capacity, count, err);
}

sl_status sl_tokenizer_encode_prompt(const sl_tokenizer *t, const char *where, const char *text,
                                     size_t size, uint32_t *ids, size_t capacity, size_t *count,
                                     sl_error *err) {
  return t->bpe ? sl_bpe_tokenizer_encode(t->bpe, 1, where, text, size, ids, capacity, count, err)
                : sl_characters_encode(t->characters, where, text, size, ids, capacity, count, err);
}

sl_status sl_tokenizer_set_template(sl_tokenizer *t, const sl_template *template, sl_error *err) {
  if (t->bpe) return sl_bpe_tokenizer_set_template(t->bpe, template, err);
  const int is_plain =
      template->kind == SL_TEMPLATE_PLAIN && (!template->system || !*template->system);
  return is_plain ? SL_OK
                  : sl_fail(err, SL_ERR_INPUT,
                            "a tokenizer of characters has no chat template; a model folder with "
                            "a tokenizer.json can have one");
}

sl_status sl_tokenizer_encode_chat(const sl_tokenizer *t, const sl_turn *turns, size_t n,
                                   const uint32_t **ids, size_t *count, sl_error *err) {
  if (t->bpe) return sl_bpe_tokenizer_encode_chat(t->bpe, turns, n, ids, count, err);
  return sl_fail(err, SL_ERR_INPUT, "a tokenizer of characters has no conversations");
}

sl_status sl_tokenizer_encode_training(const sl_tokenizer *t, const sl_turn *turns, size_t n,
                                       const uint32_t **ids, const uint8_t **counted, size_t *count,
                                       sl_error *err) {
  if (t->bpe) return sl_bpe_tokenizer_encode_training(t->bpe, turns, n, ids, counted, count, err);
  return sl_fail(err, SL_ERR_INPUT, "a tokenizer of characters has no conversations");
}

sl_status sl_tokenizer_stream(const sl_tokenizer *t, sl_bpe_tail *tail, uint32_t id,
                              sl_growing *out, sl_error *err) {
  if (t->bpe) return sl_bpe_tokenizer_stream(t->bpe, tail, id, out, err);
  char text[SL_CHARACTER_BYTES + 1];
  sl_characters_decode_into(t->characters, &id, 1, text);
  return sl_growing_put(out, text, strlen(text), err);
}

int sl_tokenizer_is_text(const sl_tokenizer *t, const uint32_t *ids, size_t n) {
  return t->bpe ? sl_bpe_tokenizer_is_text(t->bpe, ids, n)
                : sl_characters_is_text(t->characters, ids, n);
}

size_t sl_tokenizer_text_bytes(const sl_tokenizer *t, size_t n) {
  return t->bpe ? sl_bpe_tokenizer_text_bytes(t->bpe, n) : SL_CHARACTER_BYTES * n + 1;
}

void sl_tokenizer_decode_into(const sl_tokenizer *t, const uint32_t *ids, size_t n, char *out) {
  if (t->bpe)
    sl_bpe_tokenizer_decode_into(t->bpe, ids, n, out);
  else
    sl_characters_decode_into(t->characters, ids, n, out);
}

sl_status sl_tokenizer_decode(const sl_tokenizer *t, const uint32_t *ids, size_t n, char **out,
                              sl_error *err) {
  const size_t each = sl_tokenizer_text_bytes(t, 1);
  char *text = n <= (SIZE_MAX - 1) / each ? malloc(sl_tokenizer_text_bytes(t, n)) : NULL;
  if (!text) return sl_fail(err, SL_ERR_MEMORY, "no memory for the text of %zu tokens", n);
  sl_tokenizer_decode_into(t, ids, n, text);
  *out = text;
  return SL_OK;
}

sl_status sl_tokenizer_save(const sl_tokenizer *t, const char *folder, sl_error *err) {
  if (t->bpe) return sl_bpe_tokenizer_save(t->bpe, folder, err);
  char *path = sl_path_join(folder, SL_MODEL_TOKENIZER_FILE);
  const sl_status status = path ? sl_characters_save(t->characters, path, err)
                                : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(path);
  return status;
}

sl_status sl_tokenizer_settle(const sl_tokenizer *t, const char *folder, sl_error *err) {
  return t->bpe ? sl_bpe_tokenizer_settle(folder, err)
                : sl_characters_publish(t->characters, folder, err);
}
