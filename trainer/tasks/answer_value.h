/* The value of an answer, and how it is read (spec F3.13). Internal to trainer/tasks. */
#ifndef SLUICE_TASKS_ANSWER_VALUE_H
#define SLUICE_TASKS_ANSWER_VALUE_H

#include "rational.h"

/* Longer texts are compared byte by byte; longer cleaned ones have no value. */
#define SL_ANSWER_TEXT_MAX 4096
#define SL_ANSWER_VALUE_MAX 1024

#define SL_ANSWER_NUMBERS 24
#define SL_ANSWER_GROUPS 16

/* x is that of the number with its percent sign: 1/2 for 50 %. */
typedef struct {
  sl_number x;
  int infinite; /* -1, 0 or 1; x is 0 then */
  int percent;
} sl_answer_number;

/* Numbers first ... first + n - 1 in brackets; open 0: one number without them. */
typedef struct {
  char open, close;
  size_t first, n;
} sl_answer_group;

typedef struct {
  sl_answer_number number[SL_ANSWER_NUMBERS];
  sl_answer_group group[SL_ANSWER_GROUPS];
  size_t n_numbers, n_groups;
  int is_union;     /* of intervals, not a list */
  const char *name; /* of x = 5, in the text that was read; name_size 0: there is none */
  size_t name_size;
} sl_answer_value;

/* The text in one spelling (spec F3.13, step 1): out has room for 3 size + 1 bytes; returns its
 * length. */
size_t sl_answer_clean(char *out, const char *text, size_t size);
/* A cleaned text as it is compared where there is no value (step 9), in place. */
void sl_answer_text(char *clean);
/* Reads a cleaned text; 0 if it has no value. */
int sl_answer_read(sl_answer_value *out, const char *clean);

#endif
