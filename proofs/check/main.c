/* sluice-check CERT...: re-checks certificates of `sluice verify` on other arithmetic (MPFI, GMP),
 * with its own parser and derivative (spec G4). */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE_LIMIT = 64 << 20 };

static char *read_file(const char *path, size_t *size) {
  FILE *in = fopen(path, "rb");
  char *text = in ? malloc(SIZE_LIMIT + 1) : NULL;
  *size = text ? fread(text, 1, SIZE_LIMIT, in) : 0;
  if (text && (ferror(in) || !feof(in))) {
    const int failed = ferror(in) ? errno : EFBIG;
    free(text);
    text = NULL;
    errno = failed;
  }
  if (text) text[*size] = '\0';
  if (in) fclose(in);
  return text;
}

/* For which advantages A the statement is; by the bits of check_result.sides. */
static const char *sides_text(int sides) {
  return sides == 3   ? "sides: A > 0 (pos) and A <= 0 (neg)"
         : sides == 2 ? "side: A > 0 (pos) alone, or either sign where 'sluice verify' says so"
                      : "side: A <= 0 (neg) alone";
}

/* A verdict that nobody can read is none. */
static int finish(int code) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  fprintf(stderr, "sluice-check: error: standard output: %s\n", strerror(errno));
  return code ? code : 5;
}

/* What a program reads instead of the text: the records of spec G6.3, or "refused LINE WHY". */
static int print_facts(const check_result *r) {
  if (r->accepted)
    fputs(r->facts, stdout);
  else
    printf("refused %d %s\n", r->line, r->why);
  return !r->accepted;
}

int main(int argc, char **argv) {
  int code = 0;
  const int facts = argc == 3 && !strcmp(argv[1], "--facts");
  if (argc < 2 || !strcmp(argv[1], "--help")) {
    fputs(
        "Usage: sluice-check [--facts] CERTIFICATE...\nChecks certificates of 'sluice verify' and "
        "prints "
        "what they establish:\nfor 'side pos' where the advantage A is above 0, for 'side neg' "
        "elsewhere. A gate\nwhose signs agree ('sluice verify' says \"either sign\") has 'side "
        "pos' "
        "alone.\n--facts, of one certificate: the same as records for 'sluice train' "
        "(gate.certificate).\nExit codes: 0 all accepted, 1 one was refused, 2 usage, 3 "
        "unreadable, 5 system "
        "error.\n",
        argc < 2 ? stderr : stdout);
    return finish(argc < 2 ? 2 : 0);
  }
  for (int i = 1 + facts; i < argc; i++) {
    size_t size;
    char *text = read_file(argv[i], &size);
    if (!text) {
      fprintf(stderr, "sluice-check: error: %s: %s\n", argv[i], strerror(errno));
      return 3;
    }
    struct timespec a, b;
    check_result r;
    clock_gettime(CLOCK_MONOTONIC, &a);
    slc_check_facts(&r, text, size);
    clock_gettime(CLOCK_MONOTONIC, &b);
    const double ms = 1e3 * (double)(b.tv_sec - a.tv_sec) + 1e-6 * (double)(b.tv_nsec - a.tv_nsec);
    if (facts) {
      code = print_facts(&r);
    } else if (r.accepted) {
      printf("%s: ACCEPTED (%.0f ms)\n%s%s\n", argv[i], ms, r.statement, sides_text(r.sides));
    } else {
      printf("%s:%d: REFUSED: %s (%.0f ms)\n", argv[i], r.line, r.why, ms);
      code = 1;
    }
    free(r.statement), free(r.facts);
    free(text);
  }
  return finish(code);
}
