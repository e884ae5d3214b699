/* Single values of tokenizer.json, and what is said of wrong ones (spec F7.1). */
#include "bpe_file_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

sl_status sl_bpe_refuse(const sl_bpe_reading *r, const char *path, const char *format, ...) {
  char message[500];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return sl_json_fail(r->doc, r->key, r->err, "%s%s%s", path, *path ? ": " : "", message);
}

sl_status sl_bpe_only(const sl_bpe_reading *r, const char *path, const json_t *object,
                      const char *const *allowed) {
  if (!json_is_object(object)) return sl_bpe_refuse(r, path, "expected an object");
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)object, name, value) {
    size_t i = 0;
    while (allowed[i] && strcmp(allowed[i], name) != 0) i++;
    if (!allowed[i]) return sl_bpe_refuse(r, path, "'%.60s' is not known", name);
  }
  return SL_OK;
}

sl_status sl_bpe_type(const sl_bpe_reading *r, const char *path, const json_t *object,
                      const char **type) {
  *type = json_string_value(json_object_get(object, "type"));
  return *type ? SL_OK : sl_bpe_refuse(r, path, "expected an object with a type");
}

sl_status sl_bpe_flag(const sl_bpe_reading *r, const char *path, const json_t *object,
                      const char *name, int otherwise, int *out) {
  const json_t *value = json_object_get(object, name);
  if (!value && otherwise < 0) return sl_bpe_refuse(r, path, "'%s' is missing", name);
  if (value && !json_is_boolean(value))
    return sl_bpe_refuse(r, path, "'%s': expected true or false", name);
  *out = value ? json_is_true(value) : otherwise;
  return SL_OK;
}

sl_status sl_bpe_id(const sl_bpe_reading *r, const char *path, const json_t *value, uint32_t *out) {
  const json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
  if (id < 0 || id >= SL_BPE_IDS)
    return sl_bpe_refuse(r, path, "expected an id, an integer from 0 to %u", SL_BPE_IDS - 1);
  *out = (uint32_t)id;
  return SL_OK;
}
