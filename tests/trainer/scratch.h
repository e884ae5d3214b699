/* A folder for the files of one test, and checks on errors. */
#ifndef SLUICE_TESTS_SCRATCH_H
#define SLUICE_TESTS_SCRATCH_H

#include <sluice/status.h>

#include <stddef.h>

/* Makes a fresh folder under $TMPDIR or /tmp; removed, with what is in it, by scratch_remove. */
void scratch_make(void);
void scratch_remove(void);

/* Path of a file of that name in the folder; valid until the eighth call after it. */
const char *scratch_path(const char *name);
/* Writes bytes to that file and returns its path. */
const char *scratch_write(const char *name, const void *data, size_t size);
const char *scratch_text(const char *name, const char *text);
/* Bytes of a file, at most max. */
size_t scratch_read(const char *path, void *out, size_t max);

/* Fails the test unless status is expected and the message holds `part`, the place and what is
 * wrong. */
void expect_error(sl_status got, sl_status expected, const sl_error *err, const char *part);

#endif
