/* What the harnesses of readers share. */
#define _GNU_SOURCE
#include "input.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 8

section next_section(const uint8_t **data, size_t *size, int is_last) {
  const uint8_t *end = is_last ? NULL : memchr(*data, SECTION_END, *size);
  const section out = {*data, end ? (size_t)(end - *data) : *size};
  const size_t used = out.size + (end != NULL);
  *data += used, *size -= used;
  return out;
}

static char folder[64];

static void remove_folder(void) {
  char command[100];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  if (system(command) != 0) /* NOLINT(cert-env33-c): of our own words */
    fprintf(stderr, "%s is left\n", folder);
}

const char *scratch_folder(void) {
  if (*folder) return folder;
  snprintf(folder, sizeof folder, "/dev/shm/sluice-fuzz-XXXXXX");
  if (!mkdtemp(folder)) abort();
  atexit(remove_folder);
  return folder;
}

const char *scratch_file(const char *name, section bytes) {
  static char paths[FILES_MAX][128];
  size_t i = 0;
  for (; *paths[i] && strcmp(strrchr(paths[i], '/') + 1, name) != 0; i++)
    if (i + 1 == FILES_MAX) abort();
  if (!*paths[i]) snprintf(paths[i], sizeof paths[i], "%s/%s", scratch_folder(), name);
  const int fd = open(paths[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, bytes.data, bytes.size) != (ssize_t)bytes.size) abort();
  close(fd);
  return paths[i];
}
