/* `sluice equiv` with --op, --gen or --judge: other people's kernels (spec E6 to E9). */
#ifndef SLUICE_DUMPS_DUMP_COMMAND_H
#define SLUICE_DUMPS_DUMP_COMMAND_H

/* 1 if the arguments are of this command: one of its options is among them. */
int sl_dump_command_is(int argc, char **argv);
/* Exit codes are those of spec E5.1. */
int sl_dump_command(int argc, char **argv);

#endif
