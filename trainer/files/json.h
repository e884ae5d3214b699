/* JSON documents and JSON lines with the place of every error: file:line:column (spec F3.1). */
#ifndef SLUICE_JSON_H
#define SLUICE_JSON_H

#include <sluice/status.h>

#include "json_text.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* A parsed object with its source text, which gives the places. line is that of the text's first
 * line in its file. */
typedef struct {
  const char *file;
  const char *text;
  size_t size, line;
  json_t *root;
} sl_json;

/* Parses one object; duplicate keys are refused. SL_ERR_INPUT with "file:line:column: ..."; a text
 * that starts its file (line 1) and is an archive, a pointer or the like is said to be that. The
 * text must outlive doc. */
sl_status sl_json_parse(sl_json *doc, const char *file, size_t line, const char *text, size_t size,
                        sl_error *err);
void sl_json_free(sl_json *doc);

/* SL_ERR_INPUT with the place of the top-level key (of the text's start, if it has none):
 * "file:line:column: key: message". */
sl_status sl_json_fail(const sl_json *doc, const char *key, sl_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The type of a value, and its text where that is short: "a string (\"6\")". */
#define SL_JSON_DESCRIPTION 100
void sl_json_describe(char out[SL_JSON_DESCRIPTION], const json_t *value);

/* SL_ERR_INPUT with the place of the top-level key: "expected WHAT, found ..."; found may be NULL.
 */
sl_status sl_json_expected(const sl_json *doc, const char *key, sl_error *err, const char *what,
                           const json_t *found);

/* Typed members of the root; absent or of another type: SL_ERR_INPUT with the place and what was
 * expected. Strings belong to doc. */
sl_status sl_json_text(const sl_json *doc, const char *key, const char **out, sl_error *err);
sl_status sl_json_size(const sl_json *doc, const char *key, size_t min, size_t max, size_t *out,
                       sl_error *err);
sl_status sl_json_real(const sl_json *doc, const char *key, double *out, sl_error *err);
sl_status sl_json_bool(const sl_json *doc, const char *key, int *out, sl_error *err);

/* SL_ERR_INPUT for the first key of the root that is not in the NULL-terminated list. */
sl_status sl_json_only(const sl_json *doc, const char *const *allowed, sl_error *err);

/* Calls each for every line of a JSON-lines file; a status other than SL_OK ends the walk and is
 * returned. Empty lines are refused, except nothing after the last newline. */
typedef sl_status (*sl_json_visitor)(const sl_json *line, void *user, sl_error *err);
sl_status sl_json_lines(const char *path, sl_json_visitor each, void *user, sl_error *err);
/* The same of a log, which another process may be writing, or whose writer was killed or lost
 * power: what stands after the last newline, cut off or NUL bytes, is not visited. *unfinished: its
 * bytes. left_out, which starts as zeros, counts lines that are refused (SL_ERR_INPUT), and the
 * walk goes on; where it is NULL, one ends it. */
typedef struct {
  size_t n, first; /* first: its line */
} sl_json_left_out;
sl_status sl_json_log_lines(const char *path, sl_json_visitor each, void *user, size_t *unfinished,
                            sl_json_left_out *left_out, sl_error *err);

#endif
