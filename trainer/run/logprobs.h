/* Log-probs of given token sequences, as JSON lines (spec F4.6). */
#ifndef SLUICE_LOGPROBS_H
#define SLUICE_LOGPROBS_H

#include "model_session.h"
#include "trainer/tasks/tasks.h"

#include <stdio.h>

/* Sequences to be scored, packed. */
typedef struct {
  size_t n;
  uint32_t *seq, *ids;
} sl_token_lists;

void sl_token_lists_free(sl_token_lists *lists);

/* From a file of {"tokens": [...]} lines (other keys are passed over); every id below vocab,
 * lengths from 2 to max. */
sl_status sl_token_lists_read(sl_token_lists *out, const char *path, size_t vocab, size_t max,
                              sl_error *err);
/* Prompt, answer and end token of each problem. */
sl_status sl_token_lists_encode(sl_token_lists *out, const sl_problems *problems,
                                const sl_tokenizer *tokenizer, sl_error *err);

/* Writes {"tokens": [...], "logprobs": [...]} for each list; logprobs[i] is that of tokens[i + 1]
 * at temperature 1. */
sl_status sl_logprobs_write(const sl_session *session, const sl_token_lists *lists, FILE *out,
                            sl_error *err);

#endif
