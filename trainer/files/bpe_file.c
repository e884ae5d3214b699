/* tokenizer.json (spec F7.1): the file as a whole. */
#include "bpe_file.h"

#include "bpe_file_parts.h"
#include "file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a text is cut or filled up is the trainer's to decide, not the tokenizer's. */
static sl_status note_ignored(sl_bpe_reading *r) {
  static const char *const names[] = {"truncation", "padding"};
  char note[100] = "";
  for (size_t i = 0; i < 2; i++) {
    const json_t *value = json_object_get(r->doc->root, names[i]);
    const size_t used = strlen(note);
    if (value && !json_is_null(value))
      snprintf(note + used, sizeof note - used, "%s%s", used ? " and " : "", names[i]);
  }
  if (!*note) return SL_OK;
  const size_t used = strlen(note);
  snprintf(note + used, sizeof note - used, " of " SL_BPE_FILE " not applied");
  r->parts.note = strdup(note);
  return r->parts.note ? SL_OK : sl_fail(r->err, SL_ERR_MEMORY, "no memory for a note");
}

static sl_status read_document(sl_bpe_reading *r) {
  static const char *const allowed[] = {
      "version",       "truncation",     "padding", "added_tokens", "normalizer",
      "pre_tokenizer", "post_processor", "decoder", "model",        NULL};
  const char *version = "1.0";
  SL_TRY(sl_json_only(r->doc, allowed, r->err));
  if (json_object_get(r->doc->root, "version"))
    SL_TRY(sl_json_text(r->doc, "version", &version, r->err));
  if (strcmp(version, "1.0") != 0)
    return sl_json_fail(r->doc, "version", r->err, "expected \"1.0\", found \"%.40s\"", version);
  SL_TRY(note_ignored(r));
  SL_TRY(sl_bpe_read_components(r));
  SL_TRY(sl_bpe_read_model(r));
  SL_TRY(sl_bpe_read_tokens(r));
  return sl_bpe_read_frame(r);
}

sl_status sl_bpe_read(sl_bpe **out, const char *path, const char *text, size_t size,
                      sl_error *err) {
  sl_json doc;
  SL_TRY(sl_json_parse(&doc, path, 1, text, size, err));
  sl_error inner = {SL_OK, ""};
  sl_bpe_reading r = {.doc = &doc, .key = "", .err = err};
  sl_status status = read_document(&r);
  if (!status) {
    status = sl_bpe_create(out, &r.parts, &inner);
    if (status) sl_fail(err, status, "%s: %s", path, inner.message);
  }
  sl_bpe_parts_free(&r.parts);
  sl_json_free(&doc);
  return status;
}

sl_status sl_bpe_load(sl_bpe **out, const char *path, sl_error *err) {
  char *text;
  size_t size;
  SL_TRY(sl_file_read(&text, &size, path, SL_BPE_FILE_BYTES, err));
  const sl_status status = sl_bpe_read(out, path, text, size, err);
  free(text);
  return status;
}
