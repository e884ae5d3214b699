/* The files that stand beside a model's configuration and weights: a tokenizer that Sluice cannot
 * read, settings of generation, a chat template, licence and README (spec F1.6). */
#ifndef SLUICE_COMPANIONS_H
#define SLUICE_COMPANIONS_H

#include "tokenizer.h"

/* SL_ERR_INPUT if the folder has a tokenizer, but none that Sluice can read: texts would become
 * tokens that mean something else to the model. */
sl_status sl_refuse_foreign_tokenizer(const char *folder, sl_error *err);

/* Copies the companions of a model folder into an existing folder: never weights, an index or
 * config.json. generation_config.json is left behind if it has end tokens, but none of `ends`;
 * NULL: never. SL_ERR_IO, SL_ERR_INPUT (one that cannot be opened, or is larger than 64 MiB),
 * SL_ERR_MEMORY. */
sl_status sl_companions_copy(const char *from, const char *to, const sl_end_tokens *ends,
                             sl_error *err);
/* What sl_companions_copy would find wrong, before a run begins; nothing is written. */
sl_status sl_companions_check(const char *folder, sl_error *err);

/* 1 if a folder has a tokenizer of other programs than Sluice. */
int sl_companions_have_tokenizer(const char *folder);

/* 1 if a folder has a companion that another one has with other bytes: somebody edited it. */
int sl_companions_differ(const char *folder, const char *other);

/* A folder of the companions alone, which appears whole or not at all. */
sl_status sl_companions_write(const char *path, const char *from, sl_error *err);

#endif
