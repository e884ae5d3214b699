/* A tiny model of Qwen2's architecture, and its folder "model" in the scratch folder. */
#ifndef SLUICE_TEST_FOLDER_H
#define SLUICE_TEST_FOLDER_H

#include "trainer/files/model_folder.h"

extern const sl_model_shape folder_shape;

/* Parameters of that shape, of seed 42. */
sl_parameters folder_make(int tied);

/* The same shape, switches and bits. */
void folder_expect_equal(const sl_parameters *a, const sl_parameters *b);

/* Writes the folder with a tokenizer; returns its path. */
const char *folder_write(int tied);

/* Replaces a text of its config.json, which must be there. */
void folder_edit(const char *from, const char *to);

#endif
