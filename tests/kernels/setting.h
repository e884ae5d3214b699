/* A number that the environment gives a test, to replay a seed or to run more of them. */
#ifndef SLUICE_TESTS_SETTING_H
#define SLUICE_TESTS_SETTING_H

#include <stdint.h>
#include <stdlib.h>

static inline uint64_t setting(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 10) : otherwise;
}

#endif
