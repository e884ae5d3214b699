/* Metadata of files of tensors (see metadata.h). */
#include "metadata.h"

#include <stdlib.h>
#include <string.h>

void sl_metadata_free(sl_metadata *metadata) {
  json_decref(metadata->object);
  free(metadata->entries);
  *metadata = (sl_metadata){NULL, NULL, 0};
}

sl_status sl_metadata_create(sl_metadata *out, json_t *object, const char *path, sl_error *err) {
  if (!json_is_object(object))
    return sl_fail(err, SL_ERR_INPUT, "%s: " SL_METADATA_NAME ": expected an object", path);
  sl_metadata made = {json_incref(object), NULL, 0};
  made.entries = calloc(json_object_size(object) + 1, sizeof *made.entries);
  sl_status status =
      made.entries ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory for its metadata", path);
  for (void *at = json_object_iter(object); at && status == SL_OK;
       at = json_object_iter_next(object, at)) {
    const char *key = json_object_iter_key(at);
    const json_t *value = json_object_iter_value(at);
    if (json_is_string(value))
      made.entries[made.count++] = (sl_metadata_entry){key, json_string_value(value)};
    else
      status =
          sl_fail(err, SL_ERR_INPUT, "%s: " SL_METADATA_NAME ": %s: expected a string", path, key);
  }
  if (status == SL_OK)
    *out = made;
  else
    sl_metadata_free(&made);
  return status;
}

const char *sl_metadata_find(const sl_metadata *metadata, const char *key) {
  for (size_t i = 0; i < metadata->count; i++)
    if (strcmp(metadata->entries[i].key, key) == 0) return metadata->entries[i].value;
  return NULL;
}
