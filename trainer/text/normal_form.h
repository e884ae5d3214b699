/* Normalization Form C of Unicode, as tokenizer.json asks for it (spec F7.2). */
#ifndef SLUICE_NORMAL_FORM_H
#define SLUICE_NORMAL_FORM_H

#include "growing.h"

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

/* Room of one thread, of zeros at first. */
typedef struct {
  sl_growing points, text; /* a run of code points; a text that changed */
} sl_forming;
void sl_forming_free(sl_forming *room);

/* *out is text, valid UTF-8, in NFC: text itself if nothing changes, else in room, valid until that
 * is used again. */
sl_status sl_normal_form_apply(const char *text, size_t size, sl_forming *room, const char **out,
                               size_t *out_size, sl_error *err);

#endif
