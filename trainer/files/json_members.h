/* An object whose values the parser cannot all hold: a number beyond binary64 or 64 bits, nesting
 * deeper than it takes, a NUL. Where a key is ignored, so are such values. */
#ifndef SLUICE_JSON_MEMBERS_H
#define SLUICE_JSON_MEMBERS_H

#include <jansson.h>
#include <stddef.h>

/* Parses a text that json_loadb refuses. 1: it is an object without repeated keys; *root has the
 * members that can be held, *beyond the other keys, each with the parser's words. 0: it is no JSON,
 * and nothing is set. */
int sl_json_load_members(json_t **root, json_t **beyond, const char *text, size_t size);

#endif
