/* Lines of standard input, for commands that answer each. */
#ifndef SLUICE_INPUT_LINES_H
#define SLUICE_INPUT_LINES_H

#include <sluice/status.h>

#include <jansson.h>
#include <stddef.h>

/* What is done with a line: its number from 1, and its text without the line end, which may hold
 * NUL. */
typedef sl_status sl_line_body(void *user, size_t number, const char *text, size_t size,
                               sl_error *err);

/* Gives `body` each line until one fails, whose error it returns; SL_ERR_IO. */
sl_status sl_each_input_line(sl_line_body *body, void *user, sl_error *err);

/* The error `inner` of a line with its place: of a text's own place, "1:5: ...", the column. */
sl_status sl_fail_input(size_t line, const sl_error *inner, sl_error *err);
/* A line as a JSON value, which may hold NUL and belongs to the caller; *inner names the column. */
sl_status sl_input_json(json_t **out, const char *text, size_t size, sl_error *inner);

#endif
