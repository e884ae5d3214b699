/* The character tokenizer as other programs read one: tokenizer.json (spec F1.9). */
#include "characters.h"

#include "bpe_file.h"
#include "file.h"
#include "json_text.h"
#include "kernels/support/utf8.h"
#include "trainer/model/tokens.h"
#include "trainer/text/letters.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_FILE "tokenizer_config.json"
#define PAD "<|pad|>"
#define END "<|end|>"
enum { KEY_BYTES = 8 };

static int is_ascii(const char *text) {
  for (; *text; text++)
    if (*(const unsigned char *)text >= 0x80) return 0;
  return 1;
}

static int add_character(json_t *vocab, uint32_t code, uint32_t id, int by_bytes) {
  char key[KEY_BYTES];
  const uint32_t letter = by_bytes ? sl_letter_of_byte((unsigned char)code) : code;
  key[sl_utf8_encode(key, letter)] = '\0';
  return json_object_set_new(vocab, key, json_integer(id));
}

/* The two tokens that are no characters, then these. NULL: no memory. */
static json_t *vocabulary(const char *alphabet, int by_bytes) {
  json_t *vocab = json_pack("{s:i, s:i}", PAD, SL_TOKEN_PAD, END, SL_TOKEN_EOS);
  const size_t size = strlen(alphabet);
  uint32_t code, id = SL_TOKEN_FIRST_CHARACTER;
  for (size_t at = 0; vocab && at < size;) {
    at += sl_utf8_decode(alphabet + at, size - at, &code);
    if (add_character(vocab, code, id++, by_bytes)) json_decref(vocab), vocab = NULL;
  }
  return vocab;
}

static json_t *added_token(const char *content, int id) {
  return json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", id, "content", content,
                   "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1);
}

static json_t *byte_level(void) {
  return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                   "trim_offsets", 0, "use_regex", 0);
}

/* BPE without merges leaves every character a token. An alphabet of ASCII is written by bytes, as
 * F7 and transformers' class for Qwen2 read it; another one has letters of several bytes, which
 * would need merges, and tokens of their halves. */
static json_t *document(const char *alphabet) {
  const int by_bytes = is_ascii(alphabet);
  json_t *vocab = vocabulary(alphabet, by_bytes);
  if (!vocab) return NULL;
  json_t *model =
      json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:o, s:[]}", "type", "BPE", "dropout",
                "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0,
                "byte_fallback", 0, "ignore_merges", 0, "vocab", vocab, "merges");
  json_t *before = by_bytes ? byte_level() : json_null();
  json_t *decoder = by_bytes ? byte_level() : json_pack("{s:s}", "type", "Fuse");
  return json_pack("{s:s, s:n, s:n, s:[o,o], s:n, s:o, s:n, s:o, s:o}", "version", "1.0",
                   "truncation", "padding", "added_tokens", added_token(PAD, SL_TOKEN_PAD),
                   added_token(END, SL_TOKEN_EOS), "normalizer", "pre_tokenizer", before,
                   "post_processor", "decoder", decoder, "model", model);
}

/* unk_token is named because transformers' classes have one of their own, which would get an id. */
static json_t *class_document(void) {
  return json_pack("{s:s, s:s, s:s, s:s, s:b}", "tokenizer_class", "PreTrainedTokenizerFast",
                   "eos_token", END, "pad_token", PAD, "unk_token", PAD,
                   "clean_up_tokenization_spaces", 0);
}

/* Takes over the document; NULL: there was no memory for it. */
static sl_status write(json_t *root, const char *folder, const char *name, sl_error *err) {
  char *text = root ? sl_json_dump(root, JSON_INDENT(2)) : NULL, *path = sl_path_join(folder, name);
  json_decref(root);
  const sl_bytes pieces[] = {{text, text ? strlen(text) : 0}, {"\n", 1}};
  const sl_status status = text && path ? sl_file_write(path, pieces, 2, err)
                                        : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(text);
  free(path);
  return status;
}

sl_status sl_characters_publish(const sl_characters *characters, const char *folder,
                                sl_error *err) {
  SL_TRY(write(document(sl_characters_alphabet(characters)), folder, SL_BPE_FILE, err));
  return write(class_document(), folder, CLASS_FILE, err);
}
