/* The model folder of a tiny model (see folder.h). */
#include "folder.h"

#include "tests/trainer/scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

const sl_model_shape folder_shape = {.hidden = 6,
                                     .intermediate = 5,
                                     .layers = 2,
                                     .heads = 4,
                                     .kv_heads = 2,
                                     .head_dim = 2,
                                     .vocab = 7,
                                     .max_positions = 32,
                                     .rope_theta = 1e4,
                                     .rms_eps = 1e-6f,
                                     .tied = 1};

sl_parameters folder_make(int tied) {
  sl_model_shape shape = folder_shape;
  shape.tied = tied;
  sl_parameters p;
  sl_error err;
  cr_assert_eq(sl_parameters_create(&p, &shape, &err), SL_OK, "%s", err.message);
  sl_parameters_init(&p, 42, 0);
  return p;
}

void folder_expect_equal(const sl_parameters *a, const sl_parameters *b) {
  cr_assert_eq(memcmp(&a->layout->shape.rope_theta, &b->layout->shape.rope_theta, sizeof(double)),
               0);
  cr_assert_eq(a->layout->shape.rms_eps, b->layout->shape.rms_eps);
  cr_assert_eq(a->layout->shape.tied, b->layout->shape.tied);
  cr_assert_eq(a->layout->n_floats, b->layout->n_floats);
  cr_assert_arr_eq(a->data, b->data, a->layout->n_floats * sizeof(float));
}

const char *folder_write(int tied) {
  sl_parameters p = folder_make(tied);
  sl_tokenizer *tokenizer;
  sl_error err;
  const char *path = scratch_path("model");
  cr_assert_eq(sl_tokenizer_create(&tokenizer, "01+-=", &err), SL_OK);
  cr_assert_eq(sl_model_folder_write(&p, tokenizer, path, &err), SL_OK, "%s", err.message);
  sl_tokenizer_destroy(tokenizer);
  sl_parameters_free(&p);
  return path;
}

/* config.json of the tiny model with one text replaced. */
void folder_edit(const char *from, const char *to) {
  char text[4096], out[4096];
  const size_t n = scratch_read(scratch_path("model/config.json"), text, sizeof text - 1);
  text[n] = 0;
  const char *at = strstr(text, from);
  cr_assert_not_null(at, "%s", from);
  snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  scratch_text("model/config.json", out);
}
