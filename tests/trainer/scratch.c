/* A folder for the files of one test, and checks on errors. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "scratch.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[200];

void scratch_make(void) {
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/sluice-test-XXXXXX", base ? base : "/tmp");
  cr_assert_not_null(mkdtemp(folder));
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

void scratch_remove(void) { nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

const char *scratch_path(const char *name) {
  static char paths[8][300];
  static unsigned next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

const char *scratch_write(const char *name, const void *data, size_t size) {
  const char *path = scratch_path(name);
  FILE *file = fopen(path, "wb");
  cr_assert_not_null(file, "%s", path);
  cr_assert_eq(fwrite(data, 1, size, file), size);
  cr_assert_eq(fclose(file), 0);
  return path;
}

const char *scratch_text(const char *name, const char *text) {
  return scratch_write(name, text, strlen(text));
}

size_t scratch_read(const char *path, void *out, size_t max) {
  FILE *file = fopen(path, "rb");
  cr_assert_not_null(file, "%s", path);
  const size_t n = fread(out, 1, max, file);
  fclose(file);
  return n;
}

void expect_error(sl_status got, sl_status expected, const sl_error *err, const char *part) {
  cr_assert_eq(got, expected, "status %s, expected %s%s%s", sl_status_name(got),
               sl_status_name(expected), got ? ": " : "", got ? err->message : "");
  cr_assert(strstr(err->message, part) != NULL, "message '%s' does not hold '%s'", err->message,
            part);
}
