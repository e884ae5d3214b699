/* What the readers of tokenizer.json share. Internal to trainer/files. */
#ifndef SLUICE_BPE_FILE_PARTS_H
#define SLUICE_BPE_FILE_PARTS_H

#include "json.h"
#include "trainer/text/bpe.h"

typedef struct {
  const sl_json *doc;
  const char *key; /* the member of the file that is read */
  sl_bpe_parts parts;
  sl_error *err;
} sl_bpe_reading;

/* SL_ERR_INPUT: "file:line:column: KEY: PATH: message", PATH leading from KEY to what is wrong. */
sl_status sl_bpe_refuse(const sl_bpe_reading *r, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Refuses members of an object but those of the NULL-terminated list, and what is no object. */
sl_status sl_bpe_only(const sl_bpe_reading *r, const char *path, const json_t *object,
                      const char *const *allowed);
/* The type of a component, an object; SL_ERR_INPUT if it has none. */
sl_status sl_bpe_type(const sl_bpe_reading *r, const char *path, const json_t *object,
                      const char **type);
/* A member that is true or false; absent: `otherwise`, which is 0 or 1, or -1 where it must not be.
 */
sl_status sl_bpe_flag(const sl_bpe_reading *r, const char *path, const json_t *object,
                      const char *name, int otherwise, int *out);
/* An id: an integer below SL_BPE_IDS. */
sl_status sl_bpe_id(const sl_bpe_reading *r, const char *path, const json_t *value, uint32_t *out);

/* normalizer, pre_tokenizer, decoder; post_processor, after the added tokens are known. */
sl_status sl_bpe_read_components(sl_bpe_reading *r);
sl_status sl_bpe_read_frame(sl_bpe_reading *r);
/* model: merges and the ids of bytes; model and added_tokens: what every id stands for. */
sl_status sl_bpe_read_model(sl_bpe_reading *r);
sl_status sl_bpe_read_tokens(sl_bpe_reading *r);

#endif
