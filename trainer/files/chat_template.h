/* A model folder's own chat template (spec F7.10). */
#ifndef SLUICE_CHAT_TEMPLATE_H
#define SLUICE_CHAT_TEMPLATE_H

#include "trainer/text/template.h"

/* The kind of the folder's template, recognised by the SHA-256 of its text; *found 0 if the folder
 * has none. SL_ERR_INPUT: one that is not known, or a list without a `default`. */
sl_status sl_chat_template_recognise(sl_template_kind *kind, int *found, const char *folder,
                                     sl_error *err);
/* The same; none is SL_ERR_INPUT too. */
sl_status sl_chat_template_of_folder(sl_template_kind *kind, const char *folder, sl_error *err);

/* 1, and the kind, if the text is a template that is known. digest: its SHA-256 in hexadecimal. */
#define SL_SHA256_TEXT 65
int sl_chat_template_known(sl_template_kind *kind, char digest[SL_SHA256_TEXT], const char *text,
                           size_t size);

#endif
