/* Reader and writer of spec/vectors/functions.txt (spec F5.2). */
#include "vectors.h"

#include "ci/function_name.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

sl_function_id sl_sweep_function(const char *name) {
  int i = 0;
  while (i < SL_FUNCTION_COUNT && strcmp(sl_function_name((sl_function_id)i), name) != 0) i++;
  return (sl_function_id)i;
}

static sl_status read_row(sl_sweep_vectors *v, const char *line, const char *path, int number, sl_error *err) {
  char name[32];
  uint64_t high, low, misrounded, fallbacks;
  int end = 0;
  if (sscanf(line, "%31s %16" SCNx64 "%16" SCNx64 " %" SCNu64 " %" SCNu64 " %n", name, &high, &low, &misrounded, &fallbacks, &end) != 5 ||
      line[end])
    return sl_fail(err, SL_ERR_INPUT, "%s:%d: expected 'function digest misrounded fallbacks' (spec F5.2)", path, number);
  const sl_function_id f = sl_sweep_function(name);
  if (f == SL_FUNCTION_COUNT) return sl_fail(err, SL_ERR_INPUT, "%s:%d: there is no function '%s'", path, number, name);
  if (v->known[f]) return sl_fail(err, SL_ERR_INPUT, "%s:%d: %s stands here twice", path, number, name);
  v->digest[f] = (sl_sweep_digest){low, high};
  v->known[f] = 1;
  return SL_OK;
}

sl_status sl_sweep_vectors_read(sl_sweep_vectors *vectors, const char *path, sl_error *err) {
  FILE *in = fopen(path, "r");
  if (!in) return sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
  sl_sweep_vectors v = {0};
  sl_status status = SL_OK;
  char line[256];
  for (int number = 1; status == SL_OK && fgets(line, sizeof line, in); number++)
    if (line[0] != '#') status = read_row(&v, line, path, number, err);
  if (status == SL_OK && ferror(in)) status = sl_fail(err, SL_ERR_IO, "%s: could not be read", path);
  fclose(in);
  if (status == SL_OK) *vectors = v;
  return status;
}

void sl_sweep_vectors_header(FILE *out, const char *generator, const char *command) {
  fprintf(out,
          "# Correctly rounded functions over all 2^32 binary32 patterns (spec N2.3, F5.2).\n"
          "# version 1\n# generator %s\n# command %s\n# columns: function digest misrounded fallbacks\n",
          generator, command);
}

void sl_sweep_vectors_row(FILE *out, sl_function_id function, const sl_sweep_result *r) {
  fprintf(out, "%s %016" PRIx64 "%016" PRIx64 " %" PRIu64 " %" PRIu64 "\n", sl_function_name(function), r->digest.high, r->digest.low,
          r->misrounded, r->fallbacks);
}
