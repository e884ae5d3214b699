/* An object whose values the parser cannot all hold (see json_members.h). */
#include "json_members.h"

#include "json_scan.h"

#include <string.h>

typedef struct {
  const char *at, *end;
  json_t *root, *beyond;
} members;

/* A value alone; NULL if it is beyond the parser. *repeats: it is refused for its repeated keys. */
static json_t *load_value(const char *from, const char *to, int *repeats, json_error_t *why) {
  const size_t size = (size_t)(to - from);
  json_t *value = json_loadb(from, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, why);
  json_t *with = value ? NULL : json_loadb(from, size, JSON_DECODE_ANY, NULL);
  *repeats = with != NULL;
  json_decref(with);
  return value;
}

static int add(members *m, const char *key, const char *from, const char *to) {
  json_error_t why;
  int repeats;
  if (json_object_get(m->root, key) || json_object_get(m->beyond, key)) return 0;
  json_t *value = load_value(from, to, &repeats, &why);
  if (value) return json_object_set_new(m->root, key, value) == 0;
  return !repeats && json_object_set_new(m->beyond, key, json_string(why.text)) == 0;
}

/* "key": value, and the blanks behind it. */
static int take_member(members *m) {
  const char *key = sl_json_scan_blanks(m->at, m->end), *key_end = sl_json_scan_string(key, m->end),
             *colon = key_end ? sl_json_scan_blanks(key_end, m->end) : NULL,
             *to = colon && colon < m->end && *colon == ':' ? sl_json_scan_value(colon + 1, m->end)
                                                            : NULL;
  if (!to) return 0;
  json_t *name = json_loadb(key, (size_t)(key_end - key), JSON_DECODE_ANY, NULL);
  const int taken = name && add(m, json_string_value(name), colon + 1, to);
  json_decref(name);
  m->at = sl_json_scan_blanks(to, m->end);
  return taken;
}

static int take_all(members *m) {
  m->at = sl_json_scan_blanks(m->at, m->end);
  if (m->at == m->end || *m->at++ != '{') return 0;
  for (char after = ','; after != '}'; after = *m->at++)
    if (after != ',' || !take_member(m) || m->at == m->end) return 0;
  return sl_json_scan_blanks(m->at, m->end) == m->end;
}

int sl_json_load_members(json_t **root, json_t **beyond, const char *text, size_t size) {
  members m = {text, text + size, json_object(), json_object()};
  if (m.root && m.beyond && take_all(&m)) {
    *root = m.root, *beyond = m.beyond;
    return 1;
  }
  json_decref(m.root);
  json_decref(m.beyond);
  return 0;
}
