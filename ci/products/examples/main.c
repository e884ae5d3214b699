/* sluice-examples: writes the files of spec/vectors/examples (spec F5.5). */
#include "examples.h"

typedef struct {
  const char *name, *clauses;
  void (*write)(sl_examples *x);
} file;

static const file files[] = {
#define SL_EXAMPLES(name, clauses) {#name, clauses, sl_examples_##name},
#include "examples.def"
};

static int write_file(const file *f, const char *folder, sl_context *plain) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.txt", folder, f->name);
  sl_examples x = {.out = fopen(path, "w"), .plain = plain, .source = 1};
  if (!x.out) {
    perror(path);
    return 1;
  }
  fprintf(x.out, "# Numerics version 2: examples of %s (spec %s; format: spec F5.5).\n", f->name,
          f->clauses);
  fputs("# command: sluice-examples FOLDER\n", x.out);
  f->write(&x);
  sl_examples_forget(&x);
  if (fclose(x.out)) {
    perror(path);
    x.failed = 1;
  }
  return x.failed;
}

int main(int argc, char **argv) {
  if (argc != 2 || argv[1][0] == '-') {
    fputs("usage: sluice-examples FOLDER\nWrites the examples of numerics version 2 (spec F5.5).\n",
          stderr);
    return 2;
  }
  sl_context *plain;
  sl_error err;
  const sl_context_options options = {.backend = "plain", .threads = 1};
  if (sl_context_create(&plain, &options, &err)) {
    fprintf(stderr, "sluice-examples: error: %s\n", err.message);
    return 5;
  }
  int failed = 0;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    failed |= write_file(&files[i], argv[1], plain);
  sl_context_destroy(plain);
  return failed ? 5 : 0;
}
