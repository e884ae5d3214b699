/* What `sluice-device` does on a machine with a device, for ci/gpu: a program of its own, because
 * it must build without the oracle, the trainer and their libraries. Exit codes are those of the
 * command `sluice` (kernels/support/cli.h). */
#ifndef SLUICE_DEVICE_PARTS_H
#define SLUICE_DEVICE_PARTS_H

/* Each has the arguments of main without the program's name. */
int sl_device_equiv(int argc, char **argv);
int sl_device_sweep(int argc, char **argv);
int sl_device_bench(int argc, char **argv);
int sl_device_step(int argc, char **argv);
int sl_device_train(int argc, char **argv);
int sl_device_decode(int argc, char **argv);
int sl_device_forms(int argc, char **argv);

#endif
