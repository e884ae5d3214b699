/* What encoding and decoding share of a tokenizer. Internal to trainer/text. */
#ifndef SLUICE_BPE_INSIDE_H
#define SLUICE_BPE_INSIDE_H

#include "bpe.h"

struct sl_bpe {
  sl_bpe_parts parts;
  sl_merges *merges;
  sl_added_tokens *raw, *normal;
  uint32_t *words; /* ids of words by their bytes, where words come first: a table of open
                      addressing with SL_NO_ID for a free place */
  size_t words_mask;
};

/* A word's hash; where it stands, or would stand, in the table of words. */
uint64_t sl_word_hash(const char *word, size_t size);
uint32_t *sl_word_place(const sl_bpe *bpe, const char *word, size_t size);

#endif
