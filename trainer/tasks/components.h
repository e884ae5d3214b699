/* What a reward is a sum of (spec F3.7 to F3.9): the components that a completion's text and length
 * decide. */
#ifndef SLUICE_COMPONENTS_H
#define SLUICE_COMPONENTS_H

#include <stddef.h>

/* In the order of the sum. */
typedef enum {
  SL_COMPONENT_EXACT,
  SL_COMPONENT_NUMERIC,
  SL_COMPONENT_MATH,
  SL_COMPONENT_FORMAT,
  SL_COMPONENT_LENGTH,
  SL_COMPONENT_COMMAND,
  SL_COMPONENT_COUNT
} sl_component;
extern const char *const sl_component_names[SL_COMPONENT_COUNT];

/* The tags of a template, none of them empty. */
typedef struct {
  const char *think_open, *think_close, *answer_open, *answer_close;
} sl_tags;

/* How far a text keeps to the template (spec F3.8): 1, 0.5, 0.25 or 0. */
double sl_template_reward(const sl_tags *tags, const char *text);

/* The text between the answer's tags without the white space around it (spec F3.8): *begin and *n.
 * 0 if there is none. */
int sl_template_answer(const sl_tags *tags, const char *text, const char **begin, size_t *n);

/* The penalty of a completion of that many tokens (spec F3.9): 0 up to limit - buffer, then falling
 * to -1 at limit. 1 <= buffer <= limit. */
double sl_length_reward(size_t tokens, size_t limit, size_t buffer);

#endif
