/* A translated expression, compiled by PCRE2 with its limits, and its matches (spec F7.3). */
#ifndef SLUICE_SPLITTER_H
#define SLUICE_SPLITTER_H

#include <sluice/status.h>

#include <stddef.h>

typedef struct sl_splitter sl_splitter;

/* expression: of sl_expression_translate or sl_expression_quote. SL_ERR_INPUT where PCRE2 refuses
 * it, or where it may match nothing. */
sl_status sl_splitter_create(sl_splitter **out, const char *expression, sl_error *err);
void sl_splitter_destroy(sl_splitter *splitter);

/* The first match in text[from, size), text being valid UTF-8: *begin to *end, or size to size if
 * there is none. SL_ERR_INPUT where a limit is reached, with the byte. Not for two threads at once.
 */
sl_status sl_splitter_next(sl_splitter *splitter, const char *text, size_t size, size_t from,
                           size_t *begin, size_t *end, sl_error *err);

#endif
