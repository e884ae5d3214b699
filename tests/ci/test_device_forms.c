/* sluice-device forms on a stand-in for the device: the executor itself, right and with a planted
 * semantics. */
#include "ci/products/device/device_parts.h"
#include "ci/products/device/forms_device.h"
#include "kernels/support/cli.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>

static int planted = -1, absent;

sl_status sl_ptx_on_device(const sl_ptx_trial *trial, uint64_t *out, sl_error *err) {
  if (absent) return sl_fail(err, SL_ERR_UNAVAILABLE, "no CUDA device: the driver lists none");
  sl_ptx_set_plant(planted);
  const char *wrong = sl_ptx_trial_run(trial, 99, out);
  sl_ptx_set_plant(-1);
  return wrong ? sl_fail(err, SL_ERR_IO, "%s", wrong) : SL_OK;
}

static int run(char *text, size_t size) {
  char name[] = "forms", option[] = "--seeds", value[] = "1", *argv[] = {name, option, value, NULL};
  cr_redirect_stdout();
  const int code = sl_device_forms(3, argv);
  fflush(stdout);
  text[fread(text, 1, size - 1, cr_get_redirected_stdout())] = '\0';
  return code;
}

static char text[100000];

Test(device_forms, a_right_device_passes) {
  cr_expect_eq(run(text, sizeof text), SL_EXIT_OK);
  const sl_ptx_form *forms;
  char all[80];
  const size_t n = sl_ptx_forms(&forms);
  snprintf(all, sizeof all, "%zu of %zu forms of PTX have the executor's bits", n, n);
  cr_expect(strstr(text, all), "%s", text);
}

Test(device_forms, a_wrong_device_fails_and_says_which_form) {
  const sl_ptx_plant *plants;
  const size_t n = sl_ptx_plants(&plants);
  for (size_t i = 0; i < n; i++)
    if (strcmp(plants[i].name, "shift_unclamped") == 0) planted = (int)i;
  cr_expect_eq(run(text, sizeof text), SL_EXIT_FAILED);
  cr_expect(strstr(text, "shl.b32                    DIFFERS, thread "), "%s", text);
  cr_expect(strstr(text, "beyond the width: clamped to it"), "%s", text);
  cr_expect_not(strstr(text, "add.s32 "), "%s", text);
}

Test(device_forms, a_device_that_is_not_there_is_an_error) {
  absent = 1;
  cr_expect_neq(run(text, sizeof text), SL_EXIT_OK);
}
