/* Answers of mathematics as they stand in texts, and when two are equal (spec F3.12, F3.13). */
#ifndef SLUICE_ANSWER_H
#define SLUICE_ANSWER_H

#include <stddef.h>

/* What decided: values, or the texts, because at least one of them has no value. */
typedef enum { SL_GRADE_BY_VALUE, SL_GRADE_BY_TEXT } sl_grade_by;

/* The piece of a text that is its answer (spec F3.12): what the last \boxed{} holds; else what
 * follows the last ####; else the text. Without white space at either end. */
void sl_answer_find(const char *text, size_t size, const char **begin, size_t *n);

/* What the last \boxed{} of a text holds; 0 if there is none, or its brace is not closed. */
int sl_answer_box(const char *text, size_t size, const char **begin, size_t *n);

/* Is the answer of a completion that of the gold text? 1 or 0; *by, where it is not NULL, says what
 * decided. Both are searched by sl_answer_find first. A gold answer without content fits nothing.
 * The time is bounded: linear in the texts, and at most a few milliseconds for values. */
int sl_answer_equal(const char *text, const char *gold, sl_grade_by *by);

/* 1 if the text's answer has a value. */
int sl_answer_has_value(const char *text);
/* 1 if there is anything to compare with. */
int sl_answer_has_content(const char *text);

#endif
