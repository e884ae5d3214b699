/* The command `sluice`: the table of subcommands, and nothing else. */
#include "kernels/support/cli.h"
#include "kernels/support/nearest.h"
#include "kernels/support/process.h"
#include "kernels/support/version.h"

#include "kernels/vendor/vendor.h"

#include <sluice/kernels.h>

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SL_COMMAND(name, summary) sl_command sl_cmd_##name;
#define SL_ABSENT(name, summary, library, option)
#include "commands.def"

typedef struct {
  const char *name, *summary;
  sl_command *run;              /* NULL: not in this build */
  const char *library, *option; /* what an absent one needs */
} command;

static const command commands[] = {
#define SL_COMMAND(name, summary) {#name, summary, sl_cmd_##name, NULL, NULL},
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
            commands[i].run ? "" : " (not in this build)");
  fputs(
      "\n'sluice COMMAND --help' describes one. Exit codes: 0 done, 1 a check failed, 2 usage, 3 "
      "bad input, 4 undecided,\n"
      "5 system error, 6 interrupted with a checkpoint written.\n",
      out);
}

/* --version of every command, and -h for --help, which argp does not have. */
static void add_common_options(int argc, char **argv) {
  static char version[64];
  snprintf(version, sizeof version, "sluice %s, numerics version %d", sl_version(),
           SL_NUMERICS_VERSION);
  argp_program_version = version;
  argp_err_exit_status = SL_EXIT_USAGE;
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
    static char help[] = "--help";
    if (strcmp(argv[i], "-h") == 0) argv[i] = help;
  }
}

static int run(const command *c, int argc, char **argv) {
  if (!c->run) {
    fprintf(stderr, "sluice %s: error: not in this build: it needs %s; configure with -D%s=ON\n",
            c->name, c->library, c->option);
    return SL_EXIT_USAGE;
  }
  add_common_options(argc, argv);
  char shown[64];
  snprintf(shown, sizeof shown, "sluice %s", c->name);
  argv[0] = shown;
  const int code = c->run(argc, argv);
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  fprintf(stderr, "%s: error: standard output: %s\n", shown, strerror(errno));
  return code == SL_EXIT_OK ? SL_EXIT_SYSTEM : code;
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

/* The backends that are libraries of their own. */
static void add_backends(void) {
#if SLUICE_HAS_SIMT
  sl_backend_add(sl_simt_backend());
#endif
#if SLUICE_HAS_CUDA
  sl_backend_add(sl_cuda_backend());
#endif
#if SLUICE_HAS_OPENBLAS
  sl_backend_add(sl_openblas_backend());
#endif
#if SLUICE_HAS_CUBLAS
  sl_backend_add(sl_cuda_cublas_backend());
#endif
}

int main(int argc, char **argv) {
  if (sl_process_streams() != 0) return SL_EXIT_SYSTEM; /* there is nobody to tell */
  add_backends();
  if (argc < 2) {
    print_help(stderr);
    return SL_EXIT_USAGE;
  }
  char *name = argv[1];
  static char help[] = "--help", version[] = "version";
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
      (strcmp(name, "help") == 0 && argc == 2)) {
    print_help(stdout);
    return SL_EXIT_OK;
  }
  if (strcmp(name, "help") == 0) { /* help COMMAND is COMMAND --help */
    name = argv[2];
    argv[2] = help;
  }
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = version;
  const command *c = find_command(name);
  return c ? run(c, argc - 1, argv + 1) : fail_unknown(name);
}
