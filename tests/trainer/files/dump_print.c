/* Prints what files of tensors hold, as the reader sees it (spec F6), for a comparison with what
 * another program wrote. Usage: dump-print FILE...
 *
 * For each file its base name, then metadata and tensors, a line each: name, type, shape, counts
 * and first places of NaNs and infinities, and every value as the bits of its binary64 (nan for any
 * NaN). Or one line with the error. */
#include "trainer/files/dump.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_found(const sl_nonfinite *found) {
  printf(") nan %zu", found->nans);
  if (found->nans) printf("@%zu", found->first_nan);
  printf(" inf %zu", found->infinities);
  if (found->infinities) printf("@%zu", found->first_infinity);
  printf(":");
}

static void print_values(const double *values, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint64_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    if (isnan(values[i]))
      printf(" nan");
    else
      printf(" %" PRIx64, bits);
  }
  printf("\n");
}

static sl_status print_tensor(sl_dump *dump, size_t index, sl_error *err) {
  const sl_tensor_view *tensor = sl_dump_at(dump, index);
  sl_nonfinite found;
  SL_TRY(sl_dump_scan(dump, index, &found, err));
  double *values = malloc((tensor->count + 1) * sizeof *values);
  if (!values) return sl_fail(err, SL_ERR_MEMORY, "no memory");
  const sl_status status = sl_dump_values(dump, index, 0, tensor->count, values, err);
  if (status == SL_OK) {
    printf("%s %s (", tensor->name, sl_tensor_type_name(tensor->type));
    for (size_t i = 0; i < tensor->rank; i++) printf(i ? " %zu" : "%zu", tensor->shape[i]);
    print_found(&found);
    print_values(values, tensor->count);
  }
  free(values);
  sl_dump_release(dump, index);
  return status;
}

static void print_file(const char *path) {
  const char *slash = strrchr(path, '/');
  sl_error err = {SL_OK, ""};
  sl_dump *dump = NULL;
  printf("%s\n", slash ? slash + 1 : path);
  sl_status status = sl_dump_open(&dump, path, &err);
  for (size_t i = 0; status == SL_OK && i < sl_dump_metadata(dump)->count; i++) {
    const sl_metadata_entry *entry = &sl_dump_metadata(dump)->entries[i];
    printf("%s=%s\n", entry->key, entry->value);
  }
  for (size_t i = 0; status == SL_OK && i < sl_dump_count(dump); i++)
    status = print_tensor(dump, i, &err);
  if (status != SL_OK) printf("error %s: %s\n", sl_status_name(status), err.message);
  sl_dump_close(dump);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) print_file(argv[i]);
  return 0;
}
