/* Reads a run configuration (spec F2.1) from libyaml's events. libcyaml, which maps YAML to
 * structs, is not used: it cannot bound a real number, nor say at which place a value out of range
 * stands and what was expected there. */
#include "config_schema.h"

#include "trainer/files/file.h"
#include "trainer/files/recognise.h"

#include <yaml.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)1 << 20)

typedef struct {
  sl_config *config;
  const char *file;
  int recorded; /* keys may have old names */
  yaml_parser_t parser;
  yaml_event_t event; /* the current one */
  unsigned char seen[SL_KEY_COUNT];
  sl_error *err;
} reader;

static sl_status next(reader *r) {
  yaml_event_delete(&r->event);
  if (yaml_parser_parse(&r->parser, &r->event)) return SL_OK;
  memset(&r->event, 0, sizeof r->event);
  const yaml_parser_t *p = &r->parser;
  const char *problem = p->problem ? p->problem : "cannot be parsed";
  if (p->error == YAML_MEMORY_ERROR)
    return sl_fail(r->err, SL_ERR_MEMORY, "%s: no memory", r->file);
  if (p->error == YAML_READER_ERROR)
    return sl_fail(r->err, SL_ERR_INPUT, "%s: byte %zu: %s", r->file, p->problem_offset, problem);
  return sl_fail(r->err, SL_ERR_INPUT, "%s:%zu:%zu: %s%s%s", r->file, p->problem_mark.line + 1,
                 p->problem_mark.column + 1, problem, p->context ? " " : "",
                 p->context ? p->context : "");
}

/* The current event, described for a message. */
static void found(const reader *r, char *out, size_t size) {
  const yaml_event_t *e = &r->event;
  if (e->type == YAML_MAPPING_START_EVENT)
    snprintf(out, size, "a mapping");
  else if (e->type == YAML_SEQUENCE_START_EVENT)
    snprintf(out, size, "a sequence");
  else if (e->type == YAML_ALIAS_EVENT)
    snprintf(out, size, "an alias");
  else if (e->type != YAML_SCALAR_EVENT)
    snprintf(out, size, "the end");
  else if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
    snprintf(out, size, e->data.scalar.length ? "%.80s" : "nothing",
             (const char *)e->data.scalar.value);
  else
    snprintf(out, size, "the text \"%.80s\"", (const char *)e->data.scalar.value);
}

/* meant: the end of the message, a suggestion or "". */
static sl_status fail_meant(reader *r, const char *name, const char *expected, const char *meant) {
  char what[128];
  found(r, what, sizeof what);
  return sl_fail(r->err, SL_ERR_INPUT, "%s:%zu:%zu: %s%sexpected %s, found %s%s", r->file,
                 r->event.start_mark.line + 1, r->event.start_mark.column + 1, name,
                 *name ? ": " : "", expected, what, meant);
}

static sl_status fail_at(reader *r, const char *name, const char *expected) {
  return fail_meant(r, name, expected, "");
}

/* Anchors and explicit tags are refused (spec F2.1). */
static sl_status check_plain_node(reader *r) {
  const yaml_event_t *e = &r->event;
  const void *anchor = e->type == YAML_SCALAR_EVENT          ? e->data.scalar.anchor
                       : e->type == YAML_MAPPING_START_EVENT ? e->data.mapping_start.anchor
                                                             : NULL;
  const void *tag = e->type == YAML_SCALAR_EVENT          ? e->data.scalar.tag
                    : e->type == YAML_MAPPING_START_EVENT ? e->data.mapping_start.tag
                                                          : NULL;
  if (!anchor && !tag) return SL_OK;
  return sl_fail(r->err, SL_ERR_INPUT, "%s:%zu:%zu: anchors and tags are not supported", r->file,
                 e->start_mark.line + 1, e->start_mark.column + 1);
}

/* The text of the current scalar; NULL if it is none or holds NUL. */
static const char *scalar(const reader *r) {
  const yaml_event_t *e = &r->event;
  if (e->type != YAML_SCALAR_EVENT ||
      strlen((const char *)e->data.scalar.value) != e->data.scalar.length)
    return NULL;
  return (const char *)e->data.scalar.value;
}

static int is_plain(const reader *r) {
  return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* Reads the current scalar as the value of key; then the next event is current. */
static sl_status read_value(reader *r, sl_config_key key, const char *parameter) {
  const sl_config_row *row = &sl_config_rows[key];
  char name[128], expected[256], number[80];
  snprintf(name, sizeof name, "%s.%s%s%s", row->section, row->key, parameter ? "." : "",
           parameter ? parameter : "");
  snprintf(number, sizeof number, "a number (at most %d parameters, names of at most 31 bytes)",
           SL_CONFIG_VALUES_MAX);
  if (parameter)
    sl_config_expected_parameter(key, scalar(r) ? scalar(r) : "", number, expected,
                                 sizeof expected);
  else
    sl_config_expected(row, scalar(r) ? scalar(r) : "", expected, sizeof expected);
  sl_status status = check_plain_node(r);
  if (status != SL_OK) return status;
  const char *text = scalar(r);
  status =
      text ? sl_config_assign(r->config, key, parameter, text, is_plain(r), r->err) : SL_ERR_INPUT;
  if (status == SL_ERR_MEMORY) return status;
  if (status != SL_OK) {
    char meant[SL_SUGGESTION] = "";
    if (text) sl_config_suggest_value(meant, sizeof meant, key, text);
    return fail_meant(r, name, expected, meant);
  }
  r->config->place[key] =
      (sl_config_place){SL_FROM_FILE, r->event.start_mark.line + 1, r->event.start_mark.column + 1};
  return next(r);
}

/* The current event opens the mapping of parameters. */
static sl_status read_parameters(reader *r, sl_config_key key) {
  const sl_config_values *values = sl_config_value(r->config, key);
  const sl_config_place place = {SL_FROM_FILE, r->event.start_mark.line + 1,
                                 r->event.start_mark.column + 1};
  sl_status status = check_plain_node(r);
  if (status == SL_OK) status = next(r);
  while (status == SL_OK && r->event.type != YAML_MAPPING_END_EVENT) {
    char name[64];
    const char *text = scalar(r);
    if (!text || strlen(text) >= sizeof name)
      return fail_at(r, sl_config_rows[key].key, "the name of a parameter");
    snprintf(name, sizeof name, "%s", text);
    for (size_t i = 0; i < values->n; i++)
      if (strcmp(values->items[i].name, name) == 0)
        return fail_at(r, sl_config_rows[key].key, "each parameter once");
    status = next(r);
    if (status == SL_OK) status = read_value(r, key, name);
  }
  r->config->place[key] = place;
  return status == SL_OK ? next(r) : status;
}

static sl_status fail_unknown_key(reader *r, const char *section, const char *key) {
  char what[128], expected[700], meant[SL_SUGGESTION], name[300];
  snprintf(what, sizeof what, "%s: unknown key", section);
  snprintf(name, sizeof name, "%s.%s", section, key);
  sl_config_list_keys(section, strlen(section), expected, sizeof expected);
  sl_config_suggest(meant, sizeof meant, name, strlen(name));
  return fail_meant(r, what, expected, meant);
}

/* The current event is a key of the section; reads its value. */
static sl_status read_key(reader *r, const char *section) {
  const char *text = scalar(r);
  if (!text) return fail_at(r, section, "a key");
  sl_config_key key = sl_config_find(section, strlen(section), text, strlen(text));
  const sl_config_renaming *renamed =
      sl_config_renamed(section, strlen(section), text, strlen(text));
  if (key == SL_KEY_COUNT && r->recorded && renamed) key = renamed->key;
  if (key == SL_KEY_COUNT) return fail_unknown_key(r, section, text);
  if (r->seen[key]++) return fail_at(r, section, "each key once");
  const sl_status status = next(r);
  if (status != SL_OK) return status;
  if (sl_config_rows[key].type == SL_CONFIG_VALUES && r->event.type == YAML_MAPPING_START_EVENT)
    return read_parameters(r, key);
  return read_value(r, key, NULL);
}

static sl_status fail_unknown_section(reader *r, const char *text) {
  char expected[300], meant[SL_SUGGESTION] = "";
  sl_config_list_sections(expected, sizeof expected);
  if (text) sl_config_suggest_section(meant, sizeof meant, text, strlen(text));
  return fail_meant(r, "unknown section", expected, meant);
}

/* The current event is a section's name; reads the section. */
static sl_status read_section(reader *r, unsigned char *seen_section) {
  char section[32];
  const char *text = scalar(r);
  size_t i = 0;
  while (text && i < sl_config_section_count && strcmp(sl_config_sections[i].name, text) != 0) i++;
  if (!text || i == sl_config_section_count) return fail_unknown_section(r, text);
  if (seen_section[i]++) return fail_at(r, "", "each section once");
  snprintf(section, sizeof section, "%s", text);
  sl_status status = next(r);
  if (status == SL_OK && r->event.type != YAML_MAPPING_START_EVENT)
    return fail_at(r, section, "a mapping of keys to values");
  if (status == SL_OK) status = check_plain_node(r);
  if (status == SL_OK) status = next(r);
  while (status == SL_OK && r->event.type != YAML_MAPPING_END_EVENT) status = read_key(r, section);
  return status == SL_OK ? next(r) : status;
}

static sl_status read_document(reader *r) {
  unsigned char seen_section[64] = {0};
  sl_status status = next(r);            /* the stream starts */
  if (status == SL_OK) status = next(r); /* the document starts */
  if (status == SL_OK && r->event.type == YAML_DOCUMENT_START_EVENT) status = next(r);
  if (status == SL_OK && r->event.type != YAML_MAPPING_START_EVENT)
    return fail_at(r, "", "a mapping of sections");
  if (status == SL_OK) status = check_plain_node(r);
  if (status == SL_OK) status = next(r);
  while (status == SL_OK && r->event.type != YAML_MAPPING_END_EVENT)
    status = read_section(r, seen_section);
  if (status == SL_OK) status = next(r); /* the document ends */
  if (status == SL_OK) status = next(r);
  if (status == SL_OK && r->event.type != YAML_STREAM_END_EVENT)
    return sl_fail(r->err, SL_ERR_INPUT, "%s:%zu:%zu: a second document", r->file,
                   r->event.start_mark.line + 1, r->event.start_mark.column + 1);
  return status;
}

/* libyaml would take UTF-16 with a byte order mark, and calls a NUL a control character. */
static sl_status check_encoding(const char *file, const char *text, size_t size, sl_error *err) {
  const char *nul = memchr(text, 0, size);
  if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
    return sl_fail(err, SL_ERR_INPUT, "%s: %s", file, sl_recognise(text, size));
  if (!nul) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT,
                 "%s: byte %zu: a NUL byte: the file is damaged, or not UTF-8 (UTF-16 has such "
                 "bytes)",
                 file, (size_t)(nul - text));
}

sl_status sl_config_read_yaml(sl_config *config, const char *file, int recorded, sl_error *err) {
  char *text;
  size_t size;
  sl_status status = sl_file_read(&text, &size, file, FILE_MAX, err);
  if (status != SL_OK) return status;
  status = check_encoding(file, text, size, err);
  reader r = {.config = config, .file = file, .recorded = recorded, .err = err};
  if (status != SL_OK) {
    free(text);
    return status;
  }
  if (yaml_parser_initialize(&r.parser)) {
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    status = read_document(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
  } else {
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory", file);
  }
  free(text);
  return status;
}
