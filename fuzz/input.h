/* What the harnesses of readers share: an input as files, and its sections. */
#ifndef SLUICE_FUZZ_INPUT_H
#define SLUICE_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Separates the sections of an input: a control character that no text of their formats holds. */
#define SECTION_END 0x1e

/* The next section of *data, which moves past it; the last one reaches to the end of the input. */
typedef struct {
  const uint8_t *data;
  size_t size;
} section;
section next_section(const uint8_t **data, size_t *size, int is_last);

/* A file of this process's own folder in memory (/dev/shm), with these bytes; the path is static
 * memory of that name. Aborts where the system refuses. */
const char *scratch_file(const char *name, section bytes);
/* The folder itself. */
const char *scratch_folder(void);

#endif
