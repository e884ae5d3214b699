/* The two halves of the reader of answers (spec F3.13): expressions, and what answers are made of.
 * Internal to trainer/tasks. */
#ifndef SLUICE_TASKS_ANSWER_READER_H
#define SLUICE_TASKS_ANSWER_READER_H

#include "answer_value.h"

#define SL_READER_DEPTH 32
#define SL_READER_WORK 500

typedef struct {
  const char *at;
  int depth;    /* of brackets and powers */
  int brackets; /* in a tuple or a set, where a comma always separates */
  int left;     /* of the work, as sl_number_add counts it */
  int is_bare;  /* in an exponent or a root without braces, where no mixed number stands */
} sl_reader;

void sl_reader_skip_spaces(sl_reader *r);
/* Takes the word if the text goes on with it; one of letters ends where no letter follows. */
int sl_reader_take(sl_reader *r, const char *word);
/* Reads an expression; 0 if there is none, or one beyond the bounds. */
int sl_reader_expression(sl_reader *r, sl_number *out);

#endif
