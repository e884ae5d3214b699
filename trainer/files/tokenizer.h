/* Texts as token ids and back: by characters (spec F1.5), or by a model's own tokenizer.json (spec
 * F7). One thread at a time uses a tokenizer. */
#ifndef SLUICE_TOKENIZER_H
#define SLUICE_TOKENIZER_H

#include "trainer/model/tokens.h"
#include "trainer/text/bpe_decode.h"
#include "trainer/text/template.h"

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

typedef struct sl_tokenizer sl_tokenizer;

/* Characters of an alphabet: UTF-8, distinct code points. SL_ERR_INPUT, naming the character, if it
 * is empty, malformed or repeats one. */
sl_status sl_tokenizer_create(sl_tokenizer **out, const char *alphabet, sl_error *err);
/* Of tokenizer.sluice.json, whose path is given. Errors name path:line:column. */
sl_status sl_tokenizer_load(sl_tokenizer **out, const char *path, sl_error *err);
/* Of a model folder: that of tokenizer.sluice.json, else of tokenizer.json with its end tokens,
 * else *out is NULL. One that is there and cannot be read: SL_ERR_INPUT. */
sl_status sl_tokenizer_of_folder(sl_tokenizer **out, const char *folder, sl_error *err);
void sl_tokenizer_destroy(sl_tokenizer *tokenizer);

/* Do two tokenizers give every text the same tokens? Of tokenizer.json: are the files the same? */
int sl_tokenizer_same(const sl_tokenizer *a, const sl_tokenizer *b);

/* The bytes of its tokenizer.json; NULL for characters. */
const char *sl_tokenizer_json(const sl_tokenizer *tokenizer, size_t *size);

/* Number of token ids. */
size_t sl_tokenizer_vocab(const sl_tokenizer *tokenizer);

/* The tokens of which any ends a text (spec F7.5), at least one; the first is what training puts at
 * the end of an answer. */
#define SL_ENDS_MAX 16
typedef struct {
  uint32_t ids[SL_ENDS_MAX];
  size_t n;
} sl_end_tokens;
const sl_end_tokens *sl_tokenizer_ends(const sl_tokenizer *tokenizer);

/* The size bytes of text (UTF-8) as ids; *count of them, at most size. SL_ERR_INPUT for a character
 * outside the alphabet or malformed UTF-8: "where:line:column: ...", line and column (in
 * characters) from 1; SL_ERR_USAGE if capacity is too small. ids may be NULL to only count and
 * check (capacity is then ignored). The text of a special token is text as any other. */
sl_status sl_tokenizer_encode(const sl_tokenizer *tokenizer, const char *where, const char *text,
                              size_t size, uint32_t *ids, size_t capacity, size_t *count,
                              sl_error *err);
/* The same of a prompt: in the template, where one is set; else behind the begin token, where the
 * tokenizer has one. */
sl_status sl_tokenizer_encode_prompt(const sl_tokenizer *tokenizer, const char *where,
                                     const char *text, size_t size, uint32_t *ids, size_t capacity,
                                     size_t *count, sl_error *err);

/* Puts prompts into a template from now on (spec F7.8); the token that ends its answers becomes the
 * first end token. SL_ERR_INPUT for a tokenizer of characters, unless the template is plain and has
 * no system text, and for one that lacks a token of the template. Nothing changes on error. */
sl_status sl_tokenizer_set_template(sl_tokenizer *tokenizer, const sl_template *t, sl_error *err);

/* The ids of a conversation up to where an answer begins, in the template. They stay the
 * tokenizer's, until it encodes again. SL_ERR_INPUT as above, and for characters, which have no
 * conversations. */
sl_status sl_tokenizer_encode_chat(const sl_tokenizer *tokenizer, const sl_turn *turns, size_t n,
                                   const uint32_t **ids, size_t *count, sl_error *err);

/* The ids of a conversation that ends with an answer, as training has them (spec F7.11), up to the
 * token that ends it; counted[i] is 1 where training counts ids[i]. Both stay the tokenizer's, as
 * above. SL_ERR_INPUT as above. */
sl_status sl_tokenizer_encode_training(const sl_tokenizer *tokenizer, const sl_turn *turns,
                                       size_t n, const uint32_t **ids, const uint8_t **counted,
                                       size_t *count, sl_error *err);

/* 1 if the ids before the first end token are a text, all of them: no padding, no special token, no
 * id that a model's larger vocabulary may have, and whole characters. Only such ids are a text that
 * can be graded. */
int sl_tokenizer_is_text(const sl_tokenizer *tokenizer, const uint32_t *ids, size_t n);

/* The text of n ids as UTF-8 in a fresh NUL-terminated string, freed by the caller. It stops before
 * the first end token; an id that is no token shows as <id>, bytes that are no character and NUL as
 * U+FFFD. */
sl_status sl_tokenizer_decode(const sl_tokenizer *tokenizer, const uint32_t *ids, size_t n,
                              char **out, sl_error *err);

/* The same into memory of the caller's, of sl_tokenizer_text_bytes. */
size_t sl_tokenizer_text_bytes(const sl_tokenizer *tokenizer, size_t n);
void sl_tokenizer_decode_into(const sl_tokenizer *tokenizer, const uint32_t *ids, size_t n,
                              char *out);

/* Appends the text of one more id, as far as it is whole characters; tail, of zeros at first, keeps
 * the rest. */
sl_status sl_tokenizer_stream(const sl_tokenizer *tokenizer, sl_bpe_tail *tail, uint32_t id,
                              sl_growing *out, sl_error *err);

/* Its files in a model folder (spec F1.5, F7.6): tokenizer.sluice.json; or tokenizer.json and end
 * tokens in generation_config.json. */
sl_status sl_tokenizer_save(const sl_tokenizer *tokenizer, const char *folder, sl_error *err);
/* Makes a folder one that transformers reads: sets tokenizer_class in tokenizer_config.json, which
 * is made if it is not there (spec F7.6); of characters, writes both files (spec F1.9). */
sl_status sl_tokenizer_settle(const sl_tokenizer *tokenizer, const char *folder, sl_error *err);

#endif
