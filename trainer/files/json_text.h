/* JSON from text and to text by jansson, which drops what has no memory: of a string that it reads
 * or prints one character may be missing, and it reports success. So it takes its memory here, and
 * once it went short no text is read or printed any more: SL_ERR_MEMORY. */
#ifndef SLUICE_JSON_TEXT_H
#define SLUICE_JSON_TEXT_H

#include <sluice/status.h>

#include <jansson.h>
#include <stddef.h>

/* As json_loadb; the message of SL_ERR_MEMORY names the file. SL_ERR_INPUT without a message:
 * `bad`, which may be NULL, says what is wrong. On error *out is NULL. */
sl_status sl_json_load(json_t **out, const char *file, const char *text, size_t size, size_t flags,
                       json_error_t *bad, sl_error *err);
/* As json_dumps; NULL: memory is short, or was so while the value was made. */
char *sl_json_dump(const json_t *value, size_t flags);

#endif
