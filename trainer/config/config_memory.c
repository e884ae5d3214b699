/* An amount of memory as text (run.memory). */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *unit;
  double bytes;
} units[] = {{"", 1},         {"kB", 1e3},     {"MB", 1e6},     {"GB", 1e9},    {"TB", 1e12},
             {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};

int sl_config_bytes(size_t *out, const char *text) {
  char *end;
  *out = 0;
  if (!*text) return 1;
  const double number = strtod(text, &end);
  /* strtod takes signs, spaces, words and exponents too */
  if (end == text || end != text + strspn(text, "0123456789.")) return 0;
  if (end[0] == ' ' && end[1]) end++;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    const double bytes = number * units[i].bytes;
    if (strcmp(end, units[i].unit) != 0) continue;
    if (!(bytes >= 1 && bytes < 0x1p62)) return 0;
    *out = (size_t)bytes;
    return 1;
  }
  return 0;
}
