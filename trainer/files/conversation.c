/* Conversations as JSON (spec F7.8). */
#include "conversation.h"

#include "json_text.h"

#include <stdlib.h>
#include <string.h>

static sl_status read_role(sl_role *out, const json_t *role, size_t i, sl_error *err) {
  for (int r = 0; r < SL_ROLES; r++)
    if (json_is_string(role) && strcmp(json_string_value(role), sl_role_names[r]) == 0)
      return *out = (sl_role)r, SL_OK;
  return sl_fail(err, SL_ERR_INPUT, "turn[%zu]: role: expected system, user or assistant%s%.40s", i,
                 json_is_string(role) ? ", found " : "",
                 json_is_string(role) ? json_string_value(role) : "");
}

static sl_status read_turn(sl_turn *out, json_t *item, size_t i, sl_error *err) {
  const char *key;
  json_t *value;
  const json_t *content = json_object_get(item, "content");
  if (!json_is_object(item))
    return sl_fail(err, SL_ERR_INPUT, "turn[%zu]: expected {\"role\": ..., \"content\": ...}", i);
  json_object_foreach(
      item, key,
      value) if (strcmp(key, "role") != 0 &&
                 strcmp(key, "content") !=
                     0) return sl_fail(err, SL_ERR_INPUT,
                                       "turn[%zu]: %.40s: a turn has role and content alone", i,
                                       key);
  SL_TRY(read_role(&out->role, json_object_get(item, "role"), i, err));
  if (!json_is_string(content))
    return sl_fail(err, SL_ERR_INPUT, "turn[%zu]: content: expected a text", i);
  out->text = json_string_value(content), out->size = json_string_length(content);
  return SL_OK;
}

sl_status sl_conversation_read(sl_turn **turns, size_t *n, const json_t *value, sl_error *err) {
  const size_t count = json_is_array(value) ? json_array_size(value) : 1;
  sl_turn *made = calloc(count ? count : 1, sizeof *made);
  sl_status status = made ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a conversation");
  if (!status && json_is_string(value))
    *made = (sl_turn){SL_ROLE_USER, json_string_value(value), json_string_length(value)};
  else if (!status && !json_is_array(value))
    status = sl_fail(err, SL_ERR_INPUT, "expected a text or a list of turns");
  for (size_t i = 0; !status && i < json_array_size(value); i++)
    status = read_turn(&made[i], json_array_get(value, i), i, err);
  if (status) {
    free(made);
    return status;
  }
  *turns = made, *n = count;
  return SL_OK;
}

char *sl_conversation_write(const sl_turn *turns, size_t n) {
  json_t *list = json_array();
  int failed = !list;
  for (size_t i = 0; !failed && i < n; i++)
    failed =
        json_array_append_new(list, json_pack("{s:s,s:s%}", "role", sl_role_names[turns[i].role],
                                              "content", turns[i].text, turns[i].size)) != 0;
  char *text = failed ? NULL : sl_json_dump(list, JSON_COMPACT);
  json_decref(list);
  return text;
}
