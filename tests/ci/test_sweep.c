/* What sweeps record and print: spec/vectors/functions.txt and every way to spoil a line of it
 * (spec F5.2), the table, a misrounded function. */
#include "ci/products/sweep/sweep.h"
#include "ci/products/sweep/sweep_table.h"
#include "ci/products/sweep/function_vectors.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sluice/functions.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads a file that holds this text. */
static sl_status read_text(sl_sweep_vectors *v, const char *text, sl_error *err) {
  char path[] = "/tmp/sluice-vectors-XXXXXX";
  const int fd = mkstemp(path);
  cr_assert_geq(fd, 0);
  FILE *file = fdopen(fd, "w");
  cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
  const sl_status status = sl_sweep_vectors_read(v, path, err);
  unlink(path);
  return status;
}

/* What `write` prints, to be freed. */
#define PRINTED(text, out, statement)           \
  do {                                          \
    size_t size;                                \
    FILE *out = open_memstream(&(text), &size); \
    cr_assert_not_null(out);                    \
    statement;                                  \
    cr_assert_eq(fclose(out), 0);               \
  } while (0)

Test(sweep, vectors_are_read_as_written) {
  const sl_sweep_result r = {
      .inputs = SL_SWEEP_INPUTS, .fallbacks = 3037, .digest = {0xfce31e136a7d48f0u, 0x8abcu}};
  char *text = NULL;
  PRINTED(text, out, {
    sl_sweep_vectors_header(out, "a generator", "a command");
    sl_sweep_vectors_row(out, SL_FUNCTION_exp, &r);
  });
  cr_expect(strstr(text, "\nexp 0000000000008abcfce31e136a7d48f0 0 3037\n"), "%s", text);
  sl_sweep_vectors v;
  sl_error err;
  cr_assert_eq(read_text(&v, text, &err), SL_OK, "%s", err.message);
  cr_expect(v.known[SL_FUNCTION_exp] && v.digest[SL_FUNCTION_exp].low == r.digest.low &&
            v.digest[SL_FUNCTION_exp].high == r.digest.high);
  cr_expect_not(v.known[SL_FUNCTION_log]);
  free(text);
}

#define DIGEST "0000000080000c93e2c492aaaa9201c3"

Test(sweep, a_spoiled_line_of_vectors_is_refused_with_its_place) {
  static const char *const spoiled[][2] = {
      {"# version 1\nexp\n", ":2: expected 'function digest"},
      {"\n", ":1: expected"},
      {" " DIGEST " 0 1\n", ":1: expected"},
      {"exp " DIGEST "\n", ":1: expected"},
      {"exp " DIGEST " 0\n", ":1: expected"},
      {"exp " DIGEST " 0 1 2\n", ":1: expected"},
      {"exp " DIGEST "  0 1\n", ":1: expected"},
      {"exp " DIGEST " 0 -1\n", ":1: expected"},
      {"exp " DIGEST " 0 18446744073709551616\n", ":1: expected"},
      {"exp " DIGEST " 0 111111111111111111111\n", ":1: expected"},
      {"exp 0x00000080000c93e2c492aaaa9201c3 0 1\n", ":1: expected"},
      {"exp 80000c93e2c492aaaa9201c3 0 1\n", ":1: expected"},
      {"exp 0" DIGEST " 0 1\n", ":1: expected"},
      {"a_name_that_no_function_has_because_it_is_long " DIGEST " 0 1\n", ":1: expected"},
      {"exq " DIGEST " 0 1\n", ":1: there is no function 'exq'"},
      {"exp " DIGEST " 0 1\nexp " DIGEST " 0 1\n", ":2: exp stands here twice"},
  };
  for (size_t i = 0; i < sizeof spoiled / sizeof *spoiled; i++) {
    sl_sweep_vectors v = {.known = {[SL_FUNCTION_log] = 7}};
    sl_error err;
    cr_expect_eq(read_text(&v, spoiled[i][0], &err), SL_ERR_INPUT, "accepted: %s", spoiled[i][0]);
    cr_expect(strstr(err.message, spoiled[i][1]), "%s", err.message);
    cr_expect_eq(v.known[SL_FUNCTION_log], 7, "an error leaves the result untouched");
  }
  sl_sweep_vectors v;
  sl_error err;
  cr_expect_eq(sl_sweep_vectors_read(&v, "/no/such/file", &err), SL_ERR_INPUT);
}

/* One bit off at 1 and nowhere else. */
static void wrong_at_one(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    y[i] = x[i] == 1.0f ? nextafterf(sl_fn_exp(x[i]), 0.0f) : sl_fn_exp(x[i]);
}

static void count_calls(void *arg, double done) {
  int *calls = arg;
  ++*calls;
  cr_expect(done > 0.0 && done <= 1.0);
}

Test(sweep, a_misrounded_input_is_found) {
  int calls = 0;
  sl_sweep_options options = {SL_FUNCTION_exp, wrong_at_one, 0x800000, 2, 0,
                              count_calls,     &calls}; /* 1.0f is pattern 127 * 2^23 */
  sl_sweep_result r;
  sl_error err;
  cr_assert_eq(sl_sweep_run(&r, &options, &err), SL_OK);
  cr_expect(r.inputs == 512 && r.misrounded == 1 && calls > 0);
  cr_expect(r.witness[0].x == 0x3f800000u && r.witness[0].got + 1 == r.witness[0].want);
  sl_sweep_row row;
  cr_assert_eq(sl_sweep_table_measure(&row, &options, &r, &err), SL_OK);
  for (int i = 0; i < SL_SWEEP_SETS; i++)
    cr_expect(!row.set[i].here || !row.set[i].equal, "a digest that differs from the scalar one's");
  cr_expect_eq(row.equal, !row.set[0].here && !row.set[1].here);
}

Test(sweep, table) {
  const sl_sweep_result r = {.inputs = 512, .misrounded = 2, .fallbacks = 3, .seconds = 0.25};
  const sl_sweep_row row =
                         {.set = {{.here = 1, .equal = 1, .timed = 1, .speed = {0.5, 0.25, 2.0, 1}},
                                  {.here = 1}}},
                     none = {.equal = 1};
  char *text = NULL;
  PRINTED(text, out, {
    sl_sweep_table_header(out);
    sl_sweep_table_row(out, SL_FUNCTION_exp, &r, &row);
    sl_sweep_table_row(out, SL_FUNCTION_log, &r, &none);
  });
  cr_expect_str_eq(
      text,
      "| function | inputs | misrounded | MPFR fallbacks | seconds | avx2 digest | avx2 ns / "
      "libmvec ns = ratio | avx512 digest | "
      "avx512 ns / libmvec ns = ratio |\n|---|---|---|---|---|---|---|---|---|\n"
      "| exp | 512 | 2 | 3 | 0.2 | equal | 0.500 / 0.250 = 2.00 | DIFFERS | no libmvec |\n"
      "| log | 512 | 2 | 3 | 0.2 | absent | absent | absent | absent |\n");
  free(text);
}
