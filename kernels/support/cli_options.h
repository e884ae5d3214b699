/* Options that several subcommands share, as child parsers of argp; numbers and words in options;
 * what argp itself does not say of an option that is none. */
#ifndef SLUICE_CLI_OPTIONS_H
#define SLUICE_CLI_OPTIONS_H

#include <sluice/kernels.h>

#include <argp.h>
#include <stddef.h>

/* argp_parse, but an unknown long option is named with the nearest of those that there are; as with
 * argp, an error ends the program. */
void sl_argp_parse(const struct argp *parser, int argc, char **argv, void *input);

/* --backend, --isa, --threads. */
typedef struct {
  const char *backend;
  sl_isa isa;
  int threads;
} sl_backend_options;
extern const struct argp sl_backend_argp;

/* --set SECTION.KEY=VALUE, in the order given. */
#define SL_SETS_MAX 64
typedef struct {
  const char *items[SL_SETS_MAX];
  size_t n;
} sl_set_options;
extern const struct argp sl_set_argp;

/* The number in [low, high] that the argument of --name is; a usage error ends the program. */
double sl_argp_number(struct argp_state *state, const char *name, const char *arg, double low,
                      double high);
/* The same for an integer; high at most 2^53. */
double sl_argp_integer(struct argp_state *state, const char *name, const char *arg, double low,
                       double high);

/* The index of the argument of --name among n words, at most 8; a usage error ends the program. */
size_t sl_argp_word(struct argp_state *state, const char *name, const char *arg,
                    const char *const *words, size_t n);

/* Options whose values are taken as they are: a text, or a whole number from 1 to `most` (at most
 * 2^53). One of text and number is set. */
typedef struct {
  int key;
  const char *name;
  const char **text;
  size_t *number, most;
} sl_option_value;

/* An argp parser's whole work for a program of such options and no arguments: takes the value of
 * `key`, refuses an argument, and is ARGP_ERR_UNKNOWN else. */
error_t sl_argp_take(const sl_option_value *values, size_t n, int key, char *arg,
                     struct argp_state *state);

#endif
