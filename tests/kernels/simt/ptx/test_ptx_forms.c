/* Each form of kernels/simt/ptx/forms.def on special and random operands, against a reference
 * that shares no code with it (reference.c); and that this sees wrong semantics. */
#include "kernels/simt/ptx/ptx.h"
#include "kernels/simt/simulation.h"
#include "reference.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 2

/* Compares one trial with the reference: returns how many threads differ and prints the first. */
static size_t differing(size_t form, uint64_t seed, int quiet) {
  const sl_ptx_form *forms;
  sl_ptx_forms(&forms);
  sl_ptx_trial *trial = sl_ptx_trial_of(form, seed);
  const unsigned n = trial->blocks * trial->threads;
  uint64_t *got = calloc(4 * (size_t)n, sizeof *got), want[4];
  const char *wrong = sl_ptx_trial_run(trial, seed, got);
  cr_assert_null(wrong, "%s: %s\n%s", forms[form].text, wrong, trial->text);
  size_t differ = 0;
  for (unsigned t = 0; t < n; t++) {
    cr_assert(ptx_reference(forms[form].text, trial->in, t, trial->block, want),
              "%s is not in the reference", forms[form].text);
    if (memcmp(want, got + 4 * t, sizeof want) == 0 || differ++ || quiet) continue;
    printf("%s, seed %" PRIu64 ", thread %u: of", forms[form].text, seed, t);
    for (int k = 0; k < 4; k++) printf(" %016" PRIx64, trial->in[4 * t + (unsigned)k]);
    for (int k = 0; k < 4; k++)
      printf("%s %016" PRIx64 " (%016" PRIx64 ")", k ? "," : "\n  got (want)",
             got[4 * t + (unsigned)k], want[k]);
    printf("\n");
  }
  if (sl_simulation_findings() && !quiet) {
    char text[400];
    sl_simulation_describe(0, text, sizeof text);
    printf("%s: %s\n", forms[form].text, text);
    differ += !differ;
  }
  free(got);
  sl_ptx_trial_free(trial);
  return differ;
}

Test(ptx_forms, each_gives_what_the_reference_gives) {
  const sl_ptx_form *forms;
  const size_t n = sl_ptx_forms(&forms);
  for (size_t i = 0; i < n; i++)
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
      cr_expect_eq(differing(i, seed, 0), 0, "%s, seed %" PRIu64, forms[i].text, seed);
  printf("%zu forms, %d operands each\n", n, SEEDS * 32 * 64);
}

Test(ptx_forms, no_two_rows_have_one_name) {
  const sl_ptx_form *forms;
  const size_t n = sl_ptx_forms(&forms);
  for (size_t i = 0; i < n; i++) {
    cr_expect(forms[i].clause[0], "%s has no clause", forms[i].text);
    for (size_t j = 0; j < i; j++)
      cr_expect_str_neq(forms[i].text, forms[j].text, "%s stands twice", forms[i].text);
  }
}

/* Forms whose name begins so, under a plant: all must differ. */
static void expect_seen(const char *plant, const char *const *begins) {
  const sl_ptx_plant *plants;
  const sl_ptx_form *forms;
  const size_t n_plants = sl_ptx_plants(&plants), n = sl_ptx_forms(&forms);
  for (size_t p = 0; p < n_plants; p++)
    if (strcmp(plants[p].name, plant) == 0) sl_ptx_set_plant((int)p);
  size_t seen = 0;
  for (size_t i = 0; i < n; i++)
    for (const char *const *b = begins; *b; b++)
      if (strncmp(forms[i].text, *b, strlen(*b)) == 0) {
        cr_expect_gt(differing(i, 1, 1), 0, "%s: the plant '%s' is not seen", forms[i].text, plant);
        seen++;
      }
  cr_expect_gt(seen, 0);
  sl_ptx_set_plant(-1);
}

Test(ptx_forms, wrong_semantics_are_seen) {
  expect_seen("selp_swapped", (const char *[]){"selp.", NULL});
  expect_seen("shift_unclamped", (const char *[]){"shl.", "shr.u", NULL});
  expect_seen("guard_dropped", (const char *[]){"bra", NULL});
}
