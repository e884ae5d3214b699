/* The command `sluice`: the table of subcommands, and nothing else. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  const char *name, *summary;
  int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
#define SL_COMMAND(name, summary) {#name, summary, sl_cmd_##name},
#include "commands.def"
#undef SL_COMMAND
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_help(FILE *out) {
  fputs("Usage: sluice COMMAND [OPTION...] [ARG...]\n"
        "Gated policy optimisation with every bit specified: train, verify gates, compare.\n\nCommands:\n", out);
  for (size_t i = 0; i < COMMAND_COUNT; i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
  fputs("\n'sluice COMMAND --help' describes one. Exit codes: 0 done, 1 a check failed, 2 usage, 3 bad input, 4 undecided,\n"
        "5 system error, 6 interrupted with a checkpoint written.\n", out);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    print_help(stderr);
    return SL_EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
    print_help(stdout);
    return SL_EXIT_OK;
  }
  const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    if (strcmp(name, commands[i].name) != 0) continue;
    char shown[64];
    snprintf(shown, sizeof shown, "sluice %s", commands[i].name);
    argv[1] = shown;
    return commands[i].run(argc - 1, argv + 1);
  }
  fprintf(stderr, "sluice: error: no command '%s'; 'sluice --help' lists them\n", argv[1]);
  return SL_EXIT_USAGE;
}
