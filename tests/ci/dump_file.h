/* A dump in the making: tensors and texts, written as a file of safetensors. */
#ifndef SLUICE_TEST_DUMP_FILE_H
#define SLUICE_TEST_DUMP_FILE_H

#include "trainer/files/safetensors.h"

enum { DUMP_TENSORS = 8, DUMP_TEXTS = 8 };
typedef struct {
  sl_tensor_view view[DUMP_TENSORS];
  sl_metadata_entry text[DUMP_TEXTS];
  size_t tensors, texts;
} dump_file;

/* shape: "3x4". Values are rounded to the type; of I64 and BOOL they are integers. */
void dump_add(dump_file *f, const char *name, sl_tensor_type type, const char *shape,
              const double *values);

void dump_say(dump_file *f, const char *key, const char *value);

/* Writes it in the scratch folder, and empties it; returns the path. */
const char *dump_write(dump_file *f, const char *name);

#endif
