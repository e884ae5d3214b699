/* The character tokenizer (spec F1.5, L1.3): 0 is padding, 1 ends a text, then the characters of an
 * alphabet in its order. What it shares with others, and what its functions return, is in
 * tokenizer.h. */
#ifndef SLUICE_CHARACTERS_H
#define SLUICE_CHARACTERS_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

typedef struct sl_characters sl_characters;

sl_status sl_characters_create(sl_characters **out, const char *alphabet, sl_error *err);
void sl_characters_destroy(sl_characters *characters);
int sl_characters_same(const sl_characters *a, const sl_characters *b);
size_t sl_characters_vocab(const sl_characters *characters);
sl_status sl_characters_encode(const sl_characters *characters, const char *where, const char *text,
                               size_t size, uint32_t *ids, size_t capacity, size_t *count,
                               sl_error *err);
int sl_characters_is_text(const sl_characters *characters, const uint32_t *ids, size_t n);
#define SL_CHARACTER_BYTES 12 /* of an id: "<4294967295>"; a code point has at most 4 */
void sl_characters_decode_into(const sl_characters *characters, const uint32_t *ids, size_t n,
                               char *out);
sl_status sl_characters_load(sl_characters **out, const char *path, sl_error *err);
sl_status sl_characters_save(const sl_characters *characters, const char *path, sl_error *err);
/* The characters in the order of their ids, UTF-8. */
const char *sl_characters_alphabet(const sl_characters *characters);
/* tokenizer.json and tokenizer_config.json for other programs (spec F1.9). SL_ERR_IO,
 * SL_ERR_MEMORY. */
sl_status sl_characters_publish(const sl_characters *characters, const char *folder, sl_error *err);

#endif
