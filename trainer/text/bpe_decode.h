/* Ids to text (spec F7.4): bytes of tokens, of which whole characters are given out. */
#ifndef SLUICE_BPE_DECODE_H
#define SLUICE_BPE_DECODE_H

#include "bpe.h"
#include "growing.h"

/* Bytes of a character whose end has not come yet; of zeros at first. */
typedef struct {
  char bytes[4];
  size_t n;
} sl_bpe_tail;

/* Appends to out the text of an id: the bytes of its token behind those of the tail, as far as they
 * are whole characters; what is malformed becomes U+FFFD, one for each longest beginning of a
 * character as Unicode (chapter 3, "Substitution of Maximal Subparts") recommends. An id of no
 * token is written "<id>". */
sl_status sl_bpe_decode_id(const sl_bpe *bpe, sl_bpe_tail *tail, uint32_t id, sl_growing *out,
                           sl_error *err);
/* What is left in the tail, as U+FFFD: no further id comes. */
sl_status sl_bpe_decode_end(sl_bpe_tail *tail, sl_growing *out, sl_error *err);

/* The text of n ids; out is not NUL-terminated. */
sl_status sl_bpe_decode(const sl_bpe *bpe, const uint32_t *ids, size_t n, sl_growing *out,
                        sl_error *err);

/* 1 if n ids are tokens that are not special, and their bytes UTF-8 without NUL, none cut off. */
int sl_bpe_is_text(const sl_bpe *bpe, const uint32_t *ids, size_t n);

#endif
