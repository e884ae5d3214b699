/* Conversations as JSON (spec F7.8): [{"role": "user", "content": "..."}, ...]. */
#ifndef SLUICE_CONVERSATION_H
#define SLUICE_CONVERSATION_H

#include "trainer/text/template.h"

#include <jansson.h>

/* The turns of a list; a text alone is a user's. Texts stay the value's; turns are freed by the
 * caller. SL_ERR_INPUT: "turn[i]: ...". */
sl_status sl_conversation_read(sl_turn **turns, size_t *n, const json_t *value, sl_error *err);

/* The same as compact JSON, a role before its content; NULL without memory. Freed by the caller. */
char *sl_conversation_write(const sl_turn *turns, size_t n);

#endif
