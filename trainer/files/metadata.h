/* What a file of tensors says of itself: texts by name (spec F1.3). */
#ifndef SLUICE_METADATA_H
#define SLUICE_METADATA_H

#include <sluice/status.h>

#include <jansson.h>
#include <stddef.h>

#define SL_METADATA_NAME "__metadata__" /* of the header's key, or of the array */

typedef struct {
  const char *key, *value;
} sl_metadata_entry;

typedef struct {
  json_t *object; /* owns the texts */
  sl_metadata_entry *entries;
  size_t count;
} sl_metadata;

/* Refers to object, which may go on to be used. SL_ERR_INPUT if it is no object or a value is no
 * text; path is for the message. */
sl_status sl_metadata_create(sl_metadata *out, json_t *object, const char *path, sl_error *err);
void sl_metadata_free(sl_metadata *metadata);

/* NULL if there is none of that name. */
const char *sl_metadata_find(const sl_metadata *metadata, const char *key);

#endif
