/* The character tokenizer (spec F1.5, L1.3): 0 is padding, 1 ends a text, then the characters of an
 * alphabet in its order. */
#ifndef SLUICE_TOKENIZER_H
#define SLUICE_TOKENIZER_H

#include "trainer/model/tokens.h"

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

typedef struct sl_tokenizer sl_tokenizer;

/* alphabet: UTF-8, distinct code points. SL_ERR_INPUT, naming the character, if it is empty,
 * malformed or repeats one. */
sl_status sl_tokenizer_create(sl_tokenizer **out, const char *alphabet, sl_error *err);
void sl_tokenizer_destroy(sl_tokenizer *tokenizer);

/* Do two tokenizers give every text the same tokens? */
int sl_tokenizer_same(const sl_tokenizer *a, const sl_tokenizer *b);

/* Number of token ids. */
size_t sl_tokenizer_vocab(const sl_tokenizer *tokenizer);

/* The size bytes of text (UTF-8) as ids; *count of them, at most size. SL_ERR_INPUT for a character
 * outside the alphabet or malformed UTF-8: "where:line:column: ...", line and column (in
 * characters) from 1; SL_ERR_USAGE if capacity is too small. ids may be NULL to only count and
 * check (capacity is then ignored). */
sl_status sl_tokenizer_encode(const sl_tokenizer *tokenizer, const char *where, const char *text,
                              size_t size, uint32_t *ids, size_t capacity, size_t *count,
                              sl_error *err);

/* 1 if the ids before the first SL_TOKEN_EOS are characters, all of them: no padding, and no id
 * that a model's larger vocabulary may have. Only such ids are a text that can be graded. */
int sl_tokenizer_is_text(const sl_tokenizer *tokenizer, const uint32_t *ids, size_t n);

/* The characters of n ids as UTF-8 in a fresh NUL-terminated string, freed by the caller. It stops
 * before the first SL_TOKEN_EOS; an id that is no character shows as <id>. */
sl_status sl_tokenizer_decode(const sl_tokenizer *tokenizer, const uint32_t *ids, size_t n,
                              char **out, sl_error *err);

/* The same into memory of the caller's, of SL_TEXT_BYTES(n). */
#define SL_TEXT_BYTES(n) (12 * (size_t)(n) + 1) /* "<4294967295>"; a code point has at most 4 */
void sl_tokenizer_decode_into(const sl_tokenizer *tokenizer, const uint32_t *ids, size_t n,
                              char *out);

/* The tokenizer's file (tokenizer.sluice.json in a model folder). Errors name path:line:column. */
sl_status sl_tokenizer_load(sl_tokenizer **out, const char *path, sl_error *err);
sl_status sl_tokenizer_save(const sl_tokenizer *tokenizer, const char *path, sl_error *err);

#endif
