/* JSON from text and to text (see json_text.h). */
#include "json_text.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_int was_short;

static void *take(size_t size) {
  void *memory = malloc(size);
  if (!memory) was_short = 1;
  return memory;
}

/* Before main, so that what is built before the first text is watched too. */
__attribute__((constructor)) static void watch(void) { json_set_alloc_funcs(take, free); }

sl_status sl_json_load(json_t **out, const char *file, const char *text, size_t size, size_t flags,
                       json_error_t *bad, sl_error *err) {
  *out = json_loadb(text, size, flags, bad);
  if (!was_short) return *out ? SL_OK : SL_ERR_INPUT;
  json_decref(*out);
  *out = NULL;
  return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", file);
}

char *sl_json_dump(const json_t *value, size_t flags) {
  char *text = json_dumps(value, flags);
  if (!was_short) return text;
  free(text);
  return NULL;
}
