/* The command `sluice`: the table of subcommands, and nothing else. A command that needs OpenBLAS
 * or FLINT is a program of its own beside this one, started by exec, so that no other command loads
 * these libraries. */
#include "kernels/support/cli.h"
#include "kernels/core/nearest.h"
#include "kernels/support/process.h"
#include "kernels/support/version.h"

#include "kernels/vendor/built_backends.h"

#include <sluice/kernels.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SL_COMMAND(name, summary) sl_command sl_cmd_##name;
#define SL_PROGRAM(name, summary)
#define SL_ABSENT(name, summary, library, option)
#include "commands.def"

typedef struct {
  const char *name, *summary;
  sl_command *run;              /* NULL: not in this program */
  const char *library, *option; /* what an absent one needs; NULL: not absent */
} command;

static const command commands[] = {
#define SL_COMMAND(name, summary) {#name, summary, sl_cmd_##name, NULL, NULL},
#define SL_PROGRAM(name, summary) {#name, summary, NULL, NULL, NULL},
#define SL_ABSENT(name, summary, library, option) {#name, summary, NULL, library, option},
#include "commands.def"
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_help(FILE *out) {
  fputs(
      "Usage: sluice COMMAND [OPTION...] [ARG...]\n"
      "Gated policy optimisation with every bit specified: train, verify gates, "
      "compare.\n\nCommands:\n",
      out);
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    fprintf(out, "  %-10s %s%s\n", commands[i].name, commands[i].summary,
            commands[i].library ? " (not in this build)" : "");
  fputs(
      "\n'sluice COMMAND --help' describes one. Exit codes: 0 done, 1 a check failed, 2 usage,\n"
      "3 bad input, 4 undecided, 5 system error, 6 interrupted with a checkpoint written,\n"
      "7 a gate's requirement is not proved.\n",
      out);
}

static int help_command(int argc, char **argv) {
  (void)argc, (void)argv;
  print_help(stdout);
  return SL_EXIT_OK;
}

/* Becomes sluice-NAME, which lies beside this program; returns only if that fails. */
static int become(const char *name, char **argv) {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  char *slash = n > 0 ? (path[n] = '\0', strrchr(path, '/')) : NULL;
  if (slash) {
    snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "sluice-%s", name);
    execv(path, argv);
  }
  fprintf(stderr, "sluice %s: error: %s: %s%s\n", name, slash ? path : "/proc/self/exe",
          strerror(errno),
          slash && errno == ENOENT
              ? "; not in this installation, 'make build' in the source makes it"
              : "");
  return SL_EXIT_SYSTEM;
}

static int run(const command *c, int argc, char **argv) {
  if (c->library) {
    fprintf(stderr, "sluice %s: error: not in this build: it needs %s; configure with -D%s=ON\n",
            c->name, c->library, c->option);
    return SL_EXIT_USAGE;
  }
  return c->run ? sl_cli_run(c->name, c->run, argc, argv) : become(c->name, argv);
}

static const command *find_command(const char *name) {
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(name, commands[i].name) == 0) return &commands[i];
  return NULL;
}

static int fail_unknown(const char *name) {
  sl_nearest nearest = {.word = name, .length = strlen(name)};
  for (size_t i = 0; i < COMMAND_COUNT; i++) sl_nearest_offer(&nearest, commands[i].name);
  fprintf(stderr, "sluice: error: no command '%s'; ", name);
  if (nearest.best)
    fprintf(stderr, "did you mean '%s'?\n", nearest.best);
  else
    fputs("'sluice --help' lists them\n", stderr);
  return SL_EXIT_USAGE;
}

int main(int argc, char **argv) {
  if (sl_process_begin() != 0) return SL_EXIT_SYSTEM; /* no standard error to report it on */
  sl_add_built_backends();
  if (argc < 2) {
    print_help(stderr);
    return SL_EXIT_USAGE;
  }
  char *name = argv[1];
  static char help[] = "--help", version[] = "version";
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
      (strcmp(name, "help") == 0 && argc == 2))
    return sl_cli_run("", help_command, 1, argv);
  if (strcmp(name, "help") == 0) { /* help COMMAND is COMMAND --help */
    name = argv[2];
    argv[2] = help;
  }
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = version;
  if (strcmp(name, "gate") == 0 && argc > 2 && strcmp(argv[2], "compare") == 0) {
    static char typed[] = "gate compare";
    name = argv[2]; /* a program of its own, as it stands on the prover */
    argc--, argv++;
    argv[1] = typed;
  }
  const command *c = find_command(name);
  return c ? run(c, argc - 1, argv + 1) : fail_unknown(name);
}
