/* The vectors of numerics version 2 (spec F5.4): digests of what the plain kernels make of the
 * equivalence gate's problems, one line for each kernel; or the comparison of such a file with this
 * build.
 */
#include "ci/products/equiv/equiv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { USAGE = 2, BAD_INPUT = 3, FAILED = 5 }; /* exit codes, as those of sluice */

/* Prints the error; returns the exit code. */
__attribute__((format(printf, 2, 3))) static int fail(int code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("sluice-vectors: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  return code;
}

typedef struct {
  XXH3_state_t *inputs, *outputs;
} hashes;

static void add(void *arg, const void *before, const void *after, size_t bytes) {
  const hashes *h = arg;
  XXH3_128bits_update(h->inputs, before, bytes);
  if (after) XXH3_128bits_update(h->outputs, after, bytes);
}

typedef struct {
  char inputs[33], outputs[33];
} digests;

static void as_text(char out[33], const XXH3_state_t *state) {
  const XXH128_hash_t h = XXH3_128bits_digest(state);
  snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

/* Digests of the kernel's problems of seeds 1 to SL_RECORDED_SEEDS. Shapes are inputs. */
static int digest_kernel(digests *out, sl_kernel_id kernel, sl_context *plain, const hashes *h) {
  XXH3_128bits_reset(h->inputs);
  XXH3_128bits_reset(h->outputs);
  for (uint64_t seed = 1; seed <= SL_RECORDED_SEEDS; seed++) {
    sl_equiv_trial *trial;
    sl_error err;
    if (sl_equiv_begin(&trial, kernel, seed, plain, &err)) return fail(FAILED, "%s", err.message);
    hashes with = *h;
    const char *shape = sl_equiv_shape(trial);
    XXH3_128bits_update(h->inputs, shape, strlen(shape));
    sl_equiv_visit(trial, add, &with);
    sl_equiv_end(trial);
  }
  as_text(out->inputs, h->inputs);
  as_text(out->outputs, h->outputs);
  return 0;
}

static int digest_all(digests out[SL_KERNEL_COUNT]) {
  sl_context *plain;
  sl_error err;
  if (sl_context_create(&plain, &(sl_context_options){.backend = "plain", .threads = 1}, &err))
    return fail(FAILED, "%s", err.message);
  const hashes h = {XXH3_createState(), XXH3_createState()};
  int failed = h.inputs && h.outputs ? 0 : fail(FAILED, "no memory");
  for (int k = 0; !failed && k < SL_KERNEL_COUNT; k++)
    failed = digest_kernel(&out[k], (sl_kernel_id)k, plain, &h);
  XXH3_freeState(h.inputs);
  XXH3_freeState(h.outputs);
  sl_context_destroy(plain);
  return failed;
}

static void print(const digests d[SL_KERNEL_COUNT]) {
  printf(
      "# Numerics version 2 as the plain kernels compute it (spec F5.4).\n# command "
      "sluice-vectors\n# columns: kernel inputs outputs\n");
  for (int k = 0; k < SL_KERNEL_COUNT; k++)
    printf("%s %s %s\n", sl_equiv_kernel_name((sl_kernel_id)k), d[k].inputs, d[k].outputs);
}

/* What a line says against this build; NULL if nothing. `seen` counts lines by kernel. */
static const char *complaint(const char *line, const digests d[SL_KERNEL_COUNT],
                             int seen[SL_KERNEL_COUNT]) {
  char name[64], inputs[33], outputs[33];
  int end = 0, k = 0;
  if (sscanf(line, "%63s %32s %32s%n", name, inputs, outputs, &end) != 3 ||
      strcmp(line + end, "\n") != 0)
    return "is not a kernel and two digests";
  while (k < SL_KERNEL_COUNT && strcmp(name, sl_equiv_kernel_name((sl_kernel_id)k)) != 0) k++;
  if (k == SL_KERNEL_COUNT) return "names no kernel of this build";
  if (seen[k]++) return "is the second for its kernel";
  if (strcmp(inputs, d[k].inputs) != 0)
    return "has other inputs: the gate's problems have changed, which says nothing of the "
           "numerics; write the file anew with the kernels "
           "of the "
           "last commit that agreed with it";
  return strcmp(outputs, d[k].outputs) == 0
             ? NULL
             : "has other outputs: these are not the bits of numerics version 2";
}

static int check(const char *path, const digests d[SL_KERNEL_COUNT]) {
  FILE *f = fopen(path, "r");
  if (!f) return fail(BAD_INPUT, "%s: %s", path, strerror(errno));
  char line[256];
  int seen[SL_KERNEL_COUNT] = {0}, wrong = 0;
  for (int number = 1; fgets(line, sizeof line, f); number++) {
    const char *what = line[0] == '#' ? NULL : complaint(line, d, seen);
    if (what)
      wrong = fail(1, "%s:%d: %.*s %s", path, number, (int)strcspn(line, " \n"), line, what);
  }
  fclose(f);
  for (int k = 0; k < SL_KERNEL_COUNT; k++)
    if (!seen[k])
      wrong = fail(1, "%s: no line for %s", path, sl_equiv_kernel_name((sl_kernel_id)k));
  if (!wrong) printf("%s: %d kernels, the bits of numerics version 2\n", path, SL_KERNEL_COUNT);
  return wrong;
}

int main(int argc, char **argv) {
  digests d[SL_KERNEL_COUNT];
  if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
    return fail(USAGE,
                "usage: sluice-vectors [FILE]\nPrints the vectors of numerics version 2, or "
                "compares FILE with this build.");
  const int failed = digest_all(d);
  if (failed) return failed;
  if (argc == 2) return check(argv[1], d);
  print(d);
  return fflush(stdout) ? fail(FAILED, "standard output: %s", strerror(errno)) : 0;
}
