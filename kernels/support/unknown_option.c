/* argp says of an unknown option only that it is none. getopt_long, which argp uses too, walks the
 * arguments first, so that it is clear which words are options and which are their values. */
#include "cli.h"
#include "cli_options.h"

#include "kernels/core/nearest.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 64, FOUND = 1 };

typedef struct {
  struct option long_name[OPTIONS_MAX];
  char short_names[3 * OPTIONS_MAX];
  size_t n, used;
} known_options;

static void add(known_options *k, const char *name, int key, int argument) {
  static const char *const marks[] = {"", ":", "::"};
  if (name && k->n + 1 < OPTIONS_MAX)
    k->long_name[k->n++] = (struct option){name, argument, NULL, FOUND};
  if (key > ' ' && key < 127 && k->used + 4 < sizeof k->short_names)
    k->used += (size_t)snprintf(k->short_names + k->used, 4, "%c%s", key, marks[argument]);
}

/* Those of a parser, of its children, and of argp itself. */
static void add_parser(known_options *k, const struct argp *parser) {
  for (const struct argp_option *o = parser->options; o && (o->name || o->key); o++)
    add(k, o->name, o->key,
        !o->arg                          ? no_argument
        : o->flags & OPTION_ARG_OPTIONAL ? optional_argument
                                         : required_argument);
  for (const struct argp_child *c = parser->children; c && c->argp; c++) add_parser(k, c->argp);
}

static int is_prefix(const known_options *k, const char *word, size_t length) {
  for (size_t i = 0; i < k->n; i++)
    if (strncmp(k->long_name[i].name, word, length) == 0) return 1;
  return 0;
}

/* The first long option that is none, with its dashes; NULL if there is none, or argp has another
 * error to tell first. */
static const char *find_unknown(const known_options *k, int argc, char **argv) {
  int c;
  opterr = 0, optind = 0;
  do optopt = FOUND, c = getopt_long(argc, argv, k->short_names, k->long_name, NULL);
  while (c != -1 && (c != '?' || optopt == FOUND));
  if (c == -1 || optopt != 0) return NULL;
  const char *word = argv[optind - 1] + 2; /* an ambiguous beginning is argp's to tell */
  return is_prefix(k, word, strcspn(word, "=")) ? NULL : argv[optind - 1];
}

static void check(const struct argp *parser, int argc, char **argv) {
  known_options known = {.n = 0};
  add_parser(&known, parser);
  add(&known, "help", '?', no_argument), add(&known, "usage", 0, no_argument);
  add(&known, "version", 'V', no_argument);
  char **copy = calloc((size_t)argc + 1, sizeof *copy); /* getopt_long reorders */
  if (!copy) return;
  memcpy(copy, argv, (size_t)argc * sizeof *copy);
  const char *unknown = find_unknown(&known, argc, copy);
  free(copy);
  if (!unknown) return;
  sl_nearest nearest = {.word = unknown + 2, .length = strcspn(unknown + 2, "=")};
  for (size_t i = 0; i < known.n; i++) sl_nearest_offer(&nearest, known.long_name[i].name);
  fprintf(stderr, "%s: error: no option '%.*s'; ", argv[0], (int)nearest.length + 2, unknown);
  if (nearest.best)
    fprintf(stderr, "did you mean --%s?\n", nearest.best);
  else
    fprintf(stderr, "'%s --help' lists them\n", argv[0]);
  exit(argp_err_exit_status);
}

void sl_argp_parse(const struct argp *parser, int argc, char **argv, void *input) {
  check(parser, argc, argv);
  const error_t failed = argp_parse(parser, argc, argv, 0, NULL, input);
  if (!failed) return;
  fprintf(stderr, "%s: error: the options cannot be read: %s\n", argv[0], strerror(failed));
  exit(SL_EXIT_SYSTEM);
}
