/* A model folder's own tokenizer as a run uses it: tokenizer.json, its bytes and the end tokens
 * (spec F7.5, F7.6). What its functions return is in tokenizer.h. */
#ifndef SLUICE_BPE_TOKENIZER_H
#define SLUICE_BPE_TOKENIZER_H

#include "tokenizer.h"
#include "trainer/text/bpe_decode.h"
#include "trainer/text/template.h"

typedef struct sl_bpe_tokenizer sl_bpe_tokenizer;

sl_status sl_bpe_tokenizer_load(sl_bpe_tokenizer **out, const char *folder, sl_error *err);
void sl_bpe_tokenizer_destroy(sl_bpe_tokenizer *tokenizer);
const char *sl_bpe_tokenizer_json(const sl_bpe_tokenizer *tokenizer, size_t *size);
size_t sl_bpe_tokenizer_vocab(const sl_bpe_tokenizer *tokenizer);
const sl_end_tokens *sl_bpe_tokenizer_ends(const sl_bpe_tokenizer *tokenizer);
/* What sl_tokenizer_set_template does; texts are copied. */
sl_status sl_bpe_tokenizer_set_template(sl_bpe_tokenizer *tokenizer, const sl_template *t,
                                        sl_error *err);
sl_status sl_bpe_tokenizer_encode_chat(sl_bpe_tokenizer *tokenizer, const sl_turn *turns, size_t n,
                                       const uint32_t **ids, size_t *count, sl_error *err);
sl_status sl_bpe_tokenizer_encode_training(sl_bpe_tokenizer *tokenizer, const sl_turn *turns,
                                           size_t n, const uint32_t **ids, const uint8_t **counted,
                                           size_t *count, sl_error *err);
sl_status sl_bpe_tokenizer_stream(const sl_bpe_tokenizer *tokenizer, sl_bpe_tail *tail, uint32_t id,
                                  sl_growing *out, sl_error *err);
sl_status sl_bpe_tokenizer_encode(sl_bpe_tokenizer *tokenizer, int is_prompt, const char *where,
                                  const char *text, size_t size, uint32_t *ids, size_t capacity,
                                  size_t *count, sl_error *err);
int sl_bpe_tokenizer_is_text(const sl_bpe_tokenizer *tokenizer, const uint32_t *ids, size_t n);
size_t sl_bpe_tokenizer_text_bytes(const sl_bpe_tokenizer *tokenizer, size_t n);
void sl_bpe_tokenizer_decode_into(const sl_bpe_tokenizer *tokenizer, const uint32_t *ids, size_t n,
                                  char *out);
sl_status sl_bpe_tokenizer_save(const sl_bpe_tokenizer *tokenizer, const char *folder,
                                sl_error *err);
sl_status sl_bpe_tokenizer_settle(const char *folder, sl_error *err);

#endif
