/* What the parts of sluice sample share. */
#ifndef SLUICE_SAMPLE_H
#define SLUICE_SAMPLE_H

#include "kernels/support/cli_options.h"
#include "sample_text.h"
#include "trainer/run/model_session.h"

#define SL_PROMPTS_MAX 256

typedef struct {
  sl_backend_options backend;
  const char *words[SL_PROMPTS_MAX + 1]; /* the model, then prompts */
  int n_words, json, chat, conversation;
  const char *template;
  sl_set_options sets;
  sl_stops stops;
  size_t count, max_new; /* max_new 0: not given */
  sl_sampling sampling;
} sl_sample_options;

/* What is known of a completion when it has ended. */
typedef struct {
  const uint32_t *ids; /* with its end token */
  size_t n;
  int ended;
  const char *text, *stop; /* stop: the text that stopped it, or NULL */
  double logprob;
} sl_completion;
sl_completion sl_completion_of(const sl_rollout *r, size_t q, const sl_sample_text *text);
/* Its members of a JSON object, from "completion" on, and the line's end. */
void sl_completion_print(const sl_completion *completion);

/* --chat: turns from standard input (a line each, with --json a JSON string each), answers as they
 * are drawn. */
sl_status sl_sample_chat(const sl_sample_options *o, const sl_session *s, sl_error *err);

#endif
