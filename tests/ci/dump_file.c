/* A dump as a file (see dump_file.h). */
#include "dump_file.h"

#include "ci/products/dumps/dump_judge.h"
#include "tests/trainer/scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static sl_format format_of(sl_tensor_type type) {
  return type == SL_TENSOR_F64    ? SL_FORMAT_F64
         : type == SL_TENSOR_BF16 ? SL_FORMAT_BF16
         : type == SL_TENSOR_F16  ? SL_FORMAT_F16
                                  : SL_FORMAT_F32;
}

void dump_add(dump_file *f, const char *name, sl_tensor_type type, const char *shape,
              const double *values) {
  sl_tensor_view *v = &f->view[f->tensors++];
  *v = (sl_tensor_view){.name = name, .type = type, .count = 1};
  for (char *end; *shape; shape = *end ? end + 1 : end)
    v->count *= v->shape[v->rank++] = strtoul(shape, &end, 10);
  unsigned char *words = malloc(v->count * sl_tensor_type_bytes(type) + 1);
  for (size_t i = 0; i < v->count; i++) {
    const int64_t integer = isfinite(values[i]) ? (int64_t)values[i] : 0;
    if (type == SL_TENSOR_I64)
      memcpy(words + 8 * i, &integer, 8);
    else if (type == SL_TENSOR_BOOL)
      words[i] = (unsigned char)integer;
    else
      sl_format_write(format_of(type), words, i, sl_format_round(format_of(type), values[i]));
  }
  v->data = words;
}

void dump_say(dump_file *f, const char *key, const char *value) {
  f->text[f->texts++] = (sl_metadata_entry){key, value};
}

const char *dump_write(dump_file *f, const char *name) {
  const char *path = scratch_path(name);
  sl_error err = {0};
  cr_assert_eq(sl_safetensors_write_dump(path, f->text, f->texts, f->view, f->tensors, &err), SL_OK,
               "%s", err.message);
  for (size_t i = 0; i < f->tensors; i++) free((void *)(uintptr_t)f->view[i].data);
  *f = (dump_file){0};
  return path;
}
