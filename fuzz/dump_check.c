/* What holds of every dump that is accepted (spec F6): its tensors have names of their own, a range
 * has the numbers of the whole, a tensor that is released comes back the same, and all of it
 * written as safetensors reads back to the same bits. */
#include "dump_check.h"

#include "input.h"

#include "trainer/files/dump.h"
#include "trainer/files/safetensors.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX ((size_t)1 << 20) /* of tensors that are compared number by number */

/* The words of a tensor; NULL where its data are damaged, which must have a message. */
static void *words_of(sl_dump *dump, size_t index) {
  const sl_tensor_view *tensor = sl_dump_at(dump, index);
  sl_error err = {SL_OK, ""};
  void *words = malloc(tensor->count * sl_tensor_type_bytes(tensor->type) + 1);
  if (!words) abort();
  if (sl_dump_words(dump, index, 0, tensor->count, words, &err) == SL_OK) return words;
  if (!err.message[0] || err.status != SL_ERR_INPUT) abort();
  free(words);
  return NULL;
}

/* Some ranges against the whole. */
static void check_ranges(sl_dump *dump, size_t index) {
  const size_t n = sl_dump_at(dump, index)->count;
  double *all = malloc((n + 1) * sizeof *all), part[3];
  sl_error err = {SL_OK, ""};
  if (!all) abort();
  const sl_status status = sl_dump_values(dump, index, 0, n, all, &err);
  if (status != SL_OK && status != SL_ERR_INPUT) abort();
  for (size_t first = 0; status == SL_OK && first < n; first += n / 3 + 1) {
    const size_t m = n - first < 3 ? n - first : 3;
    if (sl_dump_values(dump, index, first, m, part, &err) != SL_OK) abort();
    if (memcmp(part, all + first, m * sizeof *part) != 0) abort();
  }
  free(all);
}

static int check_tensor(sl_dump *dump, size_t index) {
  const sl_tensor_view *tensor = sl_dump_at(dump, index);
  const size_t bytes = sl_tensor_type_bytes(tensor->type);
  sl_nonfinite found;
  sl_error err;
  if (sl_dump_find(dump, tensor->name) != index) abort();
  if (tensor->count > COUNT_MAX) return sl_dump_scan(dump, index, &found, &err) == SL_OK;
  void *words = words_of(dump, index);
  if (!words) return 0;
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find: a visible character */
  for (size_t i = 0; bytes == 1 && i < tensor->count; i++)
    if (isgraph(((const unsigned char *)words)[i])) abort();
#endif
  if (sl_dump_scan(dump, index, &found, &err) != SL_OK) abort();
  if (found.nans + found.infinities > tensor->count ||
      (found.nans && found.infinities && found.first_nan == found.first_infinity))
    abort();
  check_ranges(dump, index);
  sl_dump_release(dump, index);
  void *again = words_of(dump, index);
  if (!again || memcmp(words, again, tensor->count * bytes) != 0) abort();
  free(words);
  free(again);
  return 1;
}

/* The same names, types, shapes, words and metadata in another file. */
static void compare(sl_dump *dump, sl_dump *other) {
  const sl_metadata *metadata = sl_dump_metadata(dump);
  if (sl_dump_count(dump) != sl_dump_count(other)) abort();
  if (metadata->count != sl_dump_metadata(other)->count) abort();
  for (size_t i = 0; i < metadata->count; i++) {
    const char *value = sl_metadata_find(sl_dump_metadata(other), metadata->entries[i].key);
    if (!value || strcmp(value, metadata->entries[i].value) != 0) abort();
  }
  for (size_t i = 0; i < sl_dump_count(dump); i++) {
    const sl_tensor_view *a = sl_dump_at(dump, i);
    const size_t j = sl_dump_find(other, a->name);
    if (j == sl_dump_count(other)) abort();
    const sl_tensor_view *b = sl_dump_at(other, j);
    if (a->type != b->type || a->rank != b->rank ||
        memcmp(a->shape, b->shape, sizeof a->shape) != 0 ||
        memcmp(a->data, b->data, a->count * sl_tensor_type_bytes(a->type)) != 0)
      abort();
  }
}

/* All tensors are loaded. Only a name that is empty cannot be written. */
static void check_written(sl_dump *dump) {
  const size_t n = sl_dump_count(dump);
  const sl_metadata *metadata = sl_dump_metadata(dump);
  sl_tensor_view *views = malloc((n + 1) * sizeof *views);
  char path[128];
  sl_error err = {SL_OK, ""};
  sl_dump *again;
  int is_nameless = 0;
  if (!views) abort();
  for (size_t i = 0; i < n; i++) {
    views[i] = *sl_dump_at(dump, i);
    is_nameless |= !*views[i].name;
  }
  snprintf(path, sizeof path, "%s/again", scratch_folder());
  const sl_status status =
      sl_safetensors_write_dump(path, metadata->entries, metadata->count, views, n, &err);
  free(views);
  if (status != (is_nameless ? SL_ERR_USAGE : SL_OK)) abort();
  if (status != SL_OK) return;
  if (sl_dump_open(&again, path, &err) != SL_OK) abort();
  compare(dump, again);
  sl_dump_close(again);
}

void dump_check(const char *path) {
  sl_error err = {SL_OK, ""};
  sl_dump *dump = NULL;
  if (sl_dump_open(&dump, path, &err) != SL_OK) {
    if (!err.message[0] || dump) abort();
    return;
  }
  int is_sound = 1;
  for (size_t i = 0; i < sl_dump_count(dump); i++) is_sound &= check_tensor(dump, i);
  if (is_sound) check_written(dump);
  sl_dump_close(dump);
}
