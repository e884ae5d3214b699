/* What `sluice-device` does on a machine with a device, for ci/gpu: a program of its own, because
 * it must build without the oracle, the trainer and their libraries. Exit codes are those of the
 * command `sluice`. */
#ifndef SLUICE_DEVICE_H
#define SLUICE_DEVICE_H

#include <sluice/kernels.h>

enum {
  SL_DEVICE_OK = 0,
  SL_DEVICE_FAILED = 1,
  SL_DEVICE_USAGE = 2,
  SL_DEVICE_INPUT = 3,
  SL_DEVICE_SYSTEM = 5
};

/* Each has the arguments of main without the program's name. */
int sl_device_equiv(int argc, char **argv);
int sl_device_sweep(int argc, char **argv);
int sl_device_bench(int argc, char **argv);
int sl_device_step(int argc, char **argv);
int sl_device_train(int argc, char **argv);
int sl_device_forms(int argc, char **argv);

/* Prints "sluice-device WHAT: error: message"; the exit code of the error. */
int sl_device_error(const char *what, const sl_error *err);

/* A whole number of `most` at most, as an option's value; argp's error otherwise. */
struct argp_state;
size_t sl_device_number(const char *arg, size_t most, struct argp_state *state);

#endif
