/* The command, as `sluice equiv` and as `sluice-device equiv`. */
#ifndef SLUICE_RELATIONS_COMMAND_H
#define SLUICE_RELATIONS_COMMAND_H

/* program: what usage, errors and the lines that repeat a problem begin with. backend: the default;
 * NULL: all that are here. Exit codes are those of spec E5.1. */
int sl_equiv_command(int argc, char **argv, const char *program, const char *backend);

/* `sluice equiv tolerance`: argv[0] is the whole name. */
int sl_tolerance_command(int argc, char **argv);

#endif
