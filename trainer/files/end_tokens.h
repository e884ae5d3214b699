/* The end tokens of a model folder with a tokenizer.json (spec F7.5). */
#ifndef SLUICE_END_TOKENS_H
#define SLUICE_END_TOKENS_H

#include "tokenizer.h"
#include "trainer/text/bpe.h"

/* SL_ERR_INPUT if no file names one, or one names an id that is no token. */
sl_status sl_end_tokens_read(sl_end_tokens *out, const char *folder, const sl_bpe *bpe,
                             sl_error *err);
/* Without a tokenizer: any ids of generation_config.json, else of config.json. None, or what is no
 * ids, is no error. */
sl_status sl_end_ids_read(sl_end_tokens *out, const char *folder, sl_error *err);
/* 1, and a line for the user, if the folder's generation_config.json asks for a way of sampling:
 * that is not applied. */
int sl_generation_note(char *out, size_t size, const char *folder);
/* generation_config.json with them alone. */
sl_status sl_end_tokens_write(const sl_end_tokens *ends, const char *folder, sl_error *err);

#endif
