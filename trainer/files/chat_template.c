/* A model folder's own chat template (spec F7.10): where transformers would take it from, and which
 * of the known ones it is. */
#include "chat_template.h"

#include "file.h"
#include "json.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JINJA_FILE "chat_template.jinja"
#define MORE_FOLDER "additional_chat_templates"
#define SETTINGS_FILE "tokenizer_config.json"
#define KEY "chat_template"
#define FILE_BYTES ((size_t)64 << 20)

static const struct {
  const char *digest;
  sl_template_kind kind;
} known[] = {
#define SL_CHAT_TEMPLATE(kind, digest, source) {digest, SL_TEMPLATE_##kind},
#include "chat_templates.def"
#undef SL_CHAT_TEMPLATE
};

int sl_chat_template_known(sl_template_kind *kind, char digest[SL_SHA256_TEXT], const char *text,
                           size_t size) {
  uint8_t bytes[SHA256_DIGEST_SIZE];
  struct sha256_ctx state;
  sha256_init(&state);
  sha256_update(&state, size, (const uint8_t *)text);
  sha256_digest(&state, sizeof bytes, bytes);
  for (size_t i = 0; i < sizeof bytes; i++) snprintf(digest + 2 * i, 3, "%02x", bytes[i]);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(known[i].digest, digest) == 0) return *kind = known[i].kind, 1;
  return 0;
}

static sl_status recognise(sl_template_kind *kind, const char *where, const char *text, size_t size,
                           sl_error *err) {
  char digest[SL_SHA256_TEXT];
  if (sl_chat_template_known(kind, digest, text, size)) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT,
                 "%s: a chat template that is not known here (SHA-256 %s); template.name (or "
                 "--template) names one instead: " SL_TEMPLATE_CHOICES,
                 where, digest);
}

/* Of a list of {"name": ..., "template": ...} that is called `default`. */
static const json_t *default_of(const json_t *list) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *item = json_array_get(list, i);
    const char *name = json_string_value(json_object_get(item, "name"));
    if (name && strcmp(name, "default") == 0) return json_object_get(item, "template");
  }
  return NULL;
}

static sl_status read_settings(sl_template_kind *kind, int *found, const sl_json *doc,
                               sl_error *err) {
  const json_t *value = json_object_get(doc->root, KEY);
  if (!value || json_is_null(value)) return SL_OK;
  const json_t *text = json_is_array(value) ? default_of(value) : value;
  if (!json_is_string(text))
    return sl_json_expected(doc, KEY, err,
                            "a text, or a list of {\"name\", \"template\"} with one that is named "
                            "'default'",
                            value);
  sl_error inner;
  const sl_status status =
      recognise(kind, KEY, json_string_value(text), json_string_length(text), &inner);
  *found = !status;
  return status ? sl_fail(err, status, "%s: %s", doc->file, inner.message) : SL_OK;
}

static sl_status read_file(sl_template_kind *kind, int *found, const char *path, int is_jinja,
                           sl_error *err) {
  char *text;
  size_t size;
  sl_json doc;
  SL_TRY(sl_file_read(&text, &size, path, FILE_BYTES, err));
  sl_status status;
  if (is_jinja) {
    status = recognise(kind, path, text, size, err);
    *found = !status;
  } else {
    status = sl_json_parse(&doc, path, 1, text, size, err);
    if (!status) {
      status = read_settings(kind, found, &doc, err);
      sl_json_free(&doc);
    }
  }
  free(text);
  return status;
}

sl_status sl_chat_template_recognise(sl_template_kind *kind, int *found, const char *folder,
                                     sl_error *err) {
  const int is_jinja = sl_path_holds(folder, JINJA_FILE);
  *found = 0;
  if (!is_jinja && sl_path_holds(folder, MORE_FOLDER))
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: " MORE_FOLDER " without " JINJA_FILE
                   ", which would be the default; template.name (or --template) names one "
                   "instead: " SL_TEMPLATE_CHOICES,
                   folder);
  if (!is_jinja && !sl_path_holds(folder, SETTINGS_FILE)) return SL_OK;
  char *path = sl_path_join(folder, is_jinja ? JINJA_FILE : SETTINGS_FILE);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  const sl_status status = read_file(kind, found, path, is_jinja, err);
  free(path);
  return status;
}

sl_status sl_chat_template_of_folder(sl_template_kind *kind, const char *folder, sl_error *err) {
  int found;
  SL_TRY(sl_chat_template_recognise(kind, &found, folder, err));
  if (found) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT,
                 "%s: no chat template: neither " JINJA_FILE " nor " KEY " in " SETTINGS_FILE
                 "; template.name (or --template) names one: " SL_TEMPLATE_CHOICES,
                 folder);
}
