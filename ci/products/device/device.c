/* What the parts of sluice-device share. */
#include "device.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

int sl_device_error(const char *what, const sl_error *err) {
  fflush(stdout);
  fprintf(stderr, "sluice-device %s: error: %s\n", what, err->message);
  switch (err->status) {
    case SL_ERR_USAGE:
    case SL_ERR_UNAVAILABLE:
      return SL_DEVICE_USAGE;
    case SL_ERR_INPUT:
      return SL_DEVICE_INPUT;
    case SL_ERR_MISMATCH:
      return SL_DEVICE_FAILED;
    default:
      return SL_DEVICE_SYSTEM;
  }
}

size_t sl_device_number(const char *arg, size_t most, struct argp_state *state) {
  char *end;
  const unsigned long long n = strtoull(arg, &end, 10);
  if (*end || end == arg || *arg == '-' || n < 1 || n > most)
    argp_error(state, "expected a number from 1 to %zu, found '%s'", most, arg);
  return (size_t)n;
}
