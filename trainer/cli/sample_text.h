/* The text of a completion as it grows: whole characters, up to a text that stops it. */
#ifndef SLUICE_SAMPLE_TEXT_H
#define SLUICE_SAMPLE_TEXT_H

#include "trainer/files/tokenizer.h"

#include <stdio.h>

#define SL_STOPS_MAX 16
typedef struct {
  const char *texts[SL_STOPS_MAX]; /* not empty */
  size_t n;
} sl_stops;

/* Of zeros but for tokenizer, stops and out; free text.bytes. */
typedef struct {
  const sl_tokenizer *tokenizer;
  const sl_stops *stops;
  FILE *out;         /* where it is printed as it grows; NULL: nowhere */
  sl_growing text;   /* without what is held back */
  sl_bpe_tail tail;  /* the beginning of a character */
  size_t printed;    /* bytes of text */
  const char *found; /* the stop that text ends before, or NULL */
} sl_sample_text;

/* Begins the next completion. */
void sl_sample_text_begin(sl_sample_text *t);

/* One more id, none behind an end token. What may be the beginning of a stop is not printed yet. 1
 * if the text has stopped: at the first place where a stop stands. */
int sl_sample_text_put(sl_sample_text *t, uint32_t id, sl_error *err);
/* No id comes any more: the rest is printed, a cut character as U+FFFD. A NUL stands behind the
 * text then. */
sl_status sl_sample_text_end(sl_sample_text *t, sl_error *err);

#endif
