/* Reader and writer of spec/vectors/functions.txt (spec F5.2). */
#include "function_vectors.h"

#include "ci/products/bench/function_name.h"
#include "kernels/core/input_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

sl_function_id sl_sweep_function(const char *name) {
  int i = 0;
  while (i < SL_FUNCTION_COUNT && strcmp(sl_function_name((sl_function_id)i), name) != 0) i++;
  return (sl_function_id)i;
}

static int read_space(const char **at) { return *(*at)++ == ' '; }

/* `least` to `most` digits in base 10 or 16, and *at behind them; 0 where other text stands, or a
 * number beyond 64 bits. */
static int read_number(uint64_t *out, const char **at, int base, size_t least, size_t most) {
  char text[24] = "";
  const size_t all = strspn(*at, base == 16 ? "0123456789abcdef" : "0123456789"),
               n = all < most ? all : most;
  if (n < least) return 0;
  memcpy(text, *at, n);
  *at += n;
  errno = 0;
  *out = strtoull(text, NULL, base);
  return !errno;
}

static sl_status read_row(sl_sweep_vectors *v, const char *line, const char *path, int number,
                          sl_error *err) {
  char name[32] = "";
  uint64_t high, low, misrounded, fallbacks;
  const char *at = line + strcspn(line, " ");
  if ((size_t)(at - line) < sizeof name) memcpy(name, line, (size_t)(at - line));
  if (!*name || !read_space(&at) || !read_number(&high, &at, 16, 16, 16) ||
      !read_number(&low, &at, 16, 16, 16) || !read_space(&at) ||
      !read_number(&misrounded, &at, 10, 1, 20) || !read_space(&at) ||
      !read_number(&fallbacks, &at, 10, 1, 20) || (*at != '\n' && *at))
    return sl_fail(err, SL_ERR_INPUT,
                   "%s:%d: expected 'function digest misrounded fallbacks' (spec F5.2)", path,
                   number);
  const sl_function_id f = sl_sweep_function(name);
  if (f == SL_FUNCTION_COUNT)
    return sl_fail(err, SL_ERR_INPUT, "%s:%d: there is no function '%s'", path, number, name);
  if (v->known[f])
    return sl_fail(err, SL_ERR_INPUT, "%s:%d: %s stands here twice", path, number, name);
  v->digest[f] = (sl_sweep_digest){low, high};
  v->known[f] = 1;
  return SL_OK;
}

sl_status sl_sweep_vectors_read(sl_sweep_vectors *vectors, const char *path, sl_error *err) {
  FILE *in = fopen(path, "r");
  if (!in) return sl_fail_open(err, path);
  sl_sweep_vectors v = {0};
  sl_status status = SL_OK;
  char line[256];
  for (int number = 1; status == SL_OK && fgets(line, sizeof line, in); number++)
    if (line[0] != '#') status = read_row(&v, line, path, number, err);
  if (status == SL_OK && ferror(in))
    status = sl_fail(err, errno == EISDIR ? SL_ERR_INPUT : SL_ERR_IO, "%s: cannot read: %s", path,
                     strerror(errno));
  fclose(in);
  if (status == SL_OK) *vectors = v;
  return status;
}

void sl_sweep_vectors_header(FILE *out, const char *generator, const char *command) {
  fprintf(out,
          "# Correctly rounded functions over all 2^32 binary32 patterns (spec N2.3, F5.2).\n"
          "# version 2\n# generator %s\n# command %s\n# columns: function digest misrounded "
          "fallbacks\n",
          generator, command);
}

void sl_sweep_vectors_row(FILE *out, sl_function_id function, const sl_sweep_result *r) {
  fprintf(out, "%s %016" PRIx64 "%016" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
          sl_function_name(function), r->digest.high, r->digest.low, r->misrounded, r->fallbacks);
}
