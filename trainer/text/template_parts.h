/* What the templates are made of. Internal to trainer/text. */
#ifndef SLUICE_TEMPLATE_PARTS_H
#define SLUICE_TEMPLATE_PARTS_H

#include "template.h"

typedef struct {
  const char *text;
  size_t size;
} sl_stretch;

/* Python's strip() (white space of str.isspace), strip("\n") and lstrip("\n"). */
sl_stretch sl_strip_space(sl_stretch s);
sl_stretch sl_strip_lines(sl_stretch s);
sl_stretch sl_strip_first_lines(sl_stretch s);

/* Qwen3's: before the first </think>, behind the last <think> there, stand the thoughts; behind the
 * last </think> what is said. Without one all is said. */
void sl_split_thoughts(sl_stretch all, sl_stretch *thoughts, sl_stretch *said);

/* Appends a text of the template's own; of a turn; the token that ends an answer from `begin`. */
sl_status sl_rendered_put(sl_rendered *r, const char *text, sl_error *err);
sl_status sl_rendered_put_turn(sl_rendered *r, sl_stretch said, sl_error *err);
sl_status sl_rendered_put_answer(sl_rendered *r, size_t begin, const char *token, sl_error *err);

#endif
