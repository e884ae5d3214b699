/* sluice-device on stand-ins: a wrong kernel and a wrong digest must fail it, right ones must not
 * (spec N1.4, N2.3). */
#include "ci/products/device/device_parts.h"
#include "ci/products/device/sweep_device.h"
#include "ci/products/sweep/function_vectors.h"
#include "kernels/core/context.h"
#include "kernels/support/cli.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS SLUICE_SOURCE "/spec/vectors/functions.txt"

/* A device whose digests are those of the file, but for one function's last bit. */
static sl_function_id wrong_function = SL_FUNCTION_COUNT;

sl_status sl_sweep_on_device(sl_function_id function, uint64_t digest[2], sl_error *err) {
  sl_sweep_vectors v;
  const sl_status status = sl_sweep_vectors_read(&v, VECTORS, err);
  digest[0] = v.digest[function].low ^ (function == wrong_function),
  digest[1] = v.digest[function].high;
  return status;
}

static sl_status wrong_add(sl_context *ctx, float *y, const float *a, const float *b, size_t n) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) y[i] = i + 1 == n ? 0.0f : a[i] + b[i];
  return SL_OK;
}

/* As if positions had been recorded: the step before once more, now and then. */
static sl_status wrong_repeat(sl_context *ctx, const sl_repeat_key *key, sl_repeated_calls *calls,
                              void *arg) {
  static int steps;
  (void)ctx, (void)key;
  return ++steps % 20 ? calls(arg) : SL_OK;
}

/* A backend of plain kernels, one of them wrong, and so are its repetitions. */
static sl_status open_planted(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  (void)options;
  (void)err;
  sl_plain_table(&ctx->table);
  ctx->table.residual_add = wrong_add;
  ctx->repeat = wrong_repeat;
  return SL_OK;
}
static void close_planted(sl_context *ctx) { (void)ctx; }
static const sl_backend planted = {"planted", open_planted, close_planted};

static char *text_of(FILE *out) {
  static char text[40000];
  fflush(stdout);
  text[fread(text, 1, sizeof text - 1, out)] = '\0';
  return text;
}

static int run(int (*part)(int, char **), const char *const *arguments) {
  char *argv[12] = {NULL};
  int argc = 0;
  while (arguments[argc]) argv[argc] = strdup(arguments[argc]), argc++;
  cr_redirect_stdout();
  const int code = part(argc, argv);
  for (int i = 0; i < argc; i++) free(argv[i]);
  return code;
}

Test(device, right_kernels_pass) {
  cr_expect_eq(run(sl_device_equiv, (const char *[]){"equiv", "--backend", "cpu", "--isa", "avx2",
                                                     "--seed", "1", "--cases", "4", NULL}),
               SL_EXIT_OK);
  cr_expect(strstr(text_of(cr_get_redirected_stdout()), "26 of 26 rows equal"));
}

Test(device, a_wrong_kernel_fails_and_says_how_to_replay_it) {
  sl_backend_add(&planted);
  cr_expect_eq(
      run(sl_device_equiv, (const char *[]){"equiv", "--backend", "planted", "--seed", "1",
                                            "--cases", "3", "residual_add", "adamw_step", NULL}),
      SL_EXIT_FAILED);
  const char *text = text_of(cr_get_redirected_stdout());
  cr_expect(strstr(text, "DIFFERENT: P parity: residual_add, seed "), "%s", text);
  cr_expect(strstr(text, "repeat: sluice-device equiv --backend planted --kernel residual_add "),
            "%s", text);
  cr_expect(strstr(text, "1 of 2 rows equal, 1 different"), "%s", text);
}

Test(device, decoding_that_is_repeated_wrongly_fails) {
  const char *const cpu[] = {"decode", "--backend", "cpu", "--shape", "demo", NULL},
                    *const wrong[] = {"decode", "--backend", "planted", "--shape", "demo", NULL};
  sl_backend_add(&planted);
  cr_expect_eq(run(sl_device_decode, cpu), SL_EXIT_OK);
  cr_expect_eq(run(sl_device_decode, wrong), SL_EXIT_FAILED);
  cr_expect(strstr(text_of(cr_get_redirected_stdout()), "the bits DIFFER"));
}

Test(device, recorded_digests_pass) {
  cr_expect_eq(run(sl_device_sweep, (const char *[]){"sweep", VECTORS, NULL}), SL_EXIT_OK);
  cr_expect(
      strstr(text_of(cr_get_redirected_stdout()), "14 of 14 functions have the recorded digests"));
}

Test(device, a_wrong_digest_fails) {
  wrong_function = SL_FUNCTION_erf;
  cr_expect_eq(run(sl_device_sweep, (const char *[]){"sweep", VECTORS, NULL}), SL_EXIT_FAILED);
  cr_expect(
      strstr(text_of(cr_get_redirected_stdout()), "13 of 14 functions have the recorded digests"));
}

Test(device, missing_vectors_are_an_error) {
  cr_redirect_stderr();
  cr_expect_eq(run(sl_device_sweep, (const char *[]){"sweep", "/no/such/file", NULL}),
               SL_EXIT_INPUT);
}
