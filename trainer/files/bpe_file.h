/* tokenizer.json of Hugging Face's tokenizers, as far as it is byte-level BPE (spec F7.1). */
#ifndef SLUICE_BPE_FILE_H
#define SLUICE_BPE_FILE_H

#include "trainer/text/bpe.h"

#include <sluice/status.h>

#define SL_BPE_FILE "tokenizer.json"
#define SL_BPE_FILE_BYTES ((size_t)64 << 20) /* the largest file that is read */

/* SL_ERR_INPUT names the place and what is not read: a component, a property, an id. */
sl_status sl_bpe_load(sl_bpe **out, const char *path, sl_error *err);
/* The same of a file's text; path is for messages. */
sl_status sl_bpe_read(sl_bpe **out, const char *path, const char *text, size_t size, sl_error *err);

#endif
