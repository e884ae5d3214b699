/* sluice-device forms: every form of PTX that the executor knows, on the executor and on the
 * device, bit for bit. Where they differ, it also prints what the table says that NVIDIA's manual
 * leaves open: only a device can settle that. */
#define _DEFAULT_SOURCE /* argp */
#include "device_parts.h"
#include "forms_device.h"

#include "kernels/simt/simulation.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 4

typedef struct {
  size_t seeds;
} options;

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  const sl_option_value seeds = {'n', "seeds", .number = &o->seeds, .most = 1000};
  return sl_argp_take(&seeds, 1, key, arg, state);
}

static const struct argp_option option_rows[] = {
    {"seeds", 'n', "N", 0, "how many seeds draw operands, 2048 threads each (default 2)", 0}, {0}};
static const struct argp parser = {
    option_rows, parse,
    NULL,        "Runs every form of PTX on the executor and on the device, and compares.",
    NULL,        NULL,
    NULL};

static void print_words(const char *what, const uint64_t *w) {
  printf("  %-10s", what);
  for (int k = 0; k < WORDS; k++) printf(" %016" PRIx64, w[k]);
  printf("\n");
}

/* Returns how many threads differ and prints the first. */
static size_t compare(const sl_ptx_form *form, const sl_ptx_trial *trial, const uint64_t *want,
                      const uint64_t *got) {
  const size_t n = (size_t)trial->blocks * trial->threads;
  size_t differ = 0;
  for (size_t t = 0; t < n; t++) {
    if (memcmp(want + WORDS * t, got + WORDS * t, WORDS * sizeof *want) == 0 || differ++) continue;
    printf("%-26s DIFFERS, thread %zu%s%s\n", form->text, t, *form->open ? "; the table: " : "",
           form->open);
    print_words("of", trial->in + WORDS * t);
    print_words("device", got + WORDS * t);
    print_words("executor", want + WORDS * t);
  }
  if (differ) printf("  %zu of %zu threads differ\n", differ, n);
  return differ;
}

static sl_status check(size_t index, const sl_ptx_form *form, uint64_t seed, size_t *differ,
                       sl_error *err) {
  sl_ptx_trial *trial = sl_ptx_trial_of(index, seed);
  const size_t words = WORDS * (size_t)trial->blocks * trial->threads;
  uint64_t *want = calloc(2 * words, sizeof *want);
  sl_status status = want ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a trial");
  const char *wrong = status ? NULL : sl_ptx_trial_run(trial, seed, want);
  if (wrong) status = sl_fail(err, SL_ERR_INPUT, "%s: %s", form->text, wrong);
  if (!status && sl_simulation_findings())
    status = sl_fail(err, SL_ERR_MISMATCH, "%s: the executor finds a defect", form->text);
  if (!status) status = sl_ptx_on_device(trial, want + words, err);
  if (!status) *differ += compare(form, trial, want, want + words);
  free(want);
  sl_ptx_trial_free(trial);
  return status;
}

int sl_device_forms(int argc, char **argv) {
  options o = {2};
  sl_argp_parse(&parser, argc, argv, &o);
  const sl_ptx_form *forms;
  const size_t n = sl_ptx_forms(&forms);
  sl_error err;
  size_t right = 0;
  for (size_t i = 0; i < n; i++) {
    size_t differ = 0;
    for (uint64_t seed = 1; seed <= o.seeds; seed++)
      if (check(i, &forms[i], seed, &differ, &err)) return sl_cli_fail("sluice-device forms", &err);
    right += differ == 0;
  }
  printf("%zu of %zu forms of PTX have the executor's bits on the device, %zu operands each\n",
         right, n, o.seeds * 2048);
  return right == n ? SL_EXIT_OK : SL_EXIT_FAILED;
}
