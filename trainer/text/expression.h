/* Regular expressions as tokenizer.json has them (Oniguruma's), translated for PCRE2 (spec F7.3).
 * What the two read alike is passed on, what they read differently is rewritten or refused. */
#ifndef SLUICE_EXPRESSION_H
#define SLUICE_EXPRESSION_H

#include <sluice/status.h>

#include <stddef.h>

#define SL_EXPRESSION_BYTES 16384 /* the longest expression that is read */

/* The expression for PCRE2 (options UTF and UCP, newline LF) in a fresh string, freed by the
 * caller. expression: UTF-8. SL_ERR_INPUT names the character (from 1) and what is refused there;
 * SL_ERR_MEMORY. */
sl_status sl_expression_translate(char **out, const char *expression, sl_error *err);

/* The same for a text that stands for itself. */
sl_status sl_expression_quote(char **out, const char *text, sl_error *err);

#endif
