/* A run with a vendor's products, wide enough that decoding and training sum in different orders:
 * its rollouts need not have the log-probs of training, it repeats, and it is named (spec N1.6). */
#include "kernels/vendor/vendor.h"
#include "tests/trainer/tiny.h"

#include <criterion/criterion.h>
#include <string.h>

static void train(char hash[SL_DIGEST_TEXT]) {
  sl_run_state *run = tiny_trainer((const char *[]){"run.backend=openblas", "model.hidden=64",
                                                    "model.head_dim=16", "model.ff=96", NULL});
  cr_assert_not_null(run);
  cr_expect_eq(strncmp(sl_context_backend(run->ctx), "openblas+cpu/", 13), 0);
  tiny_sft(run, 4);
  tiny_begin_rl(run);
  tiny_rl(run, 3);
  memcpy(hash, tiny_hash(run), SL_DIGEST_TEXT);
  sl_run_state_destroy(run);
}

Test(vendor_run, steps_of_rl_go_on_and_repeat) {
  char hash[2][SL_DIGEST_TEXT];
  sl_backend_add(sl_openblas_backend());
  train(hash[0]), train(hash[1]);
  cr_expect_str_eq(hash[0], hash[1]);
}
