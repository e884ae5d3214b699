/* The numbers of model folders: types, shards and their index, what is written for others (spec
 * F1.2, F1.7, F1.8). */
#include "tests/trainer/scratch.h"

#include "trainer/files/file.h"
#include "trainer/files/model_folder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(weights, .init = scratch_make, .fini = scratch_remove);

static sl_parameters make(size_t hidden, size_t vocab) {
  const sl_model_shape shape = {.hidden = hidden,
                                .intermediate = 5,
                                .layers = 2,
                                .heads = 4,
                                .kv_heads = 2,
                                .head_dim = 2,
                                .vocab = vocab,
                                .max_positions = 32,
                                .rope_theta = 1e4,
                                .rms_eps = 1e-6f};
  sl_parameters p;
  sl_error err;
  cr_assert_eq(sl_parameters_create(&p, &shape, &err), SL_OK, "%s", err.message);
  sl_parameters_init(&p, 42, 0);
  return p;
}

static const char *publish(const sl_parameters *p, sl_tensor_type type, size_t shard_bytes) {
  const sl_model_format format = {type, shard_bytes, "0123"};
  const char *path = scratch_path("model");
  sl_error err;
  if (sl_path_holds(path, ".")) cr_assert_eq(sl_folder_remove(path, &err), SL_OK);
  cr_assert_eq(sl_model_folder_publish(p, NULL, &format, NULL, path, &err), SL_OK, "%s",
               err.message);
  return path;
}

/* Embedding and head are larger, and stand alone. */
#define SMALL_SHARD 400
#define SHARDS 8

static void expect_read(const sl_parameters *want, const char *path) {
  sl_parameters got;
  sl_error err;
  cr_assert_eq(sl_model_folder_read(&got, NULL, path, &err), SL_OK, "%s", err.message);
  cr_assert_eq(got.layout->n_floats, want->layout->n_floats);
  cr_assert_arr_eq(got.data, want->data, want->layout->n_floats * sizeof(float));
  sl_parameters_free(&got);
}

static void replace(const char *file, const char *from, const char *to) {
  static char text[8192], out[8192];
  const size_t n = scratch_read(scratch_path(file), text, sizeof text - 1);
  text[n] = 0;
  char *at = strstr(text, from);
  cr_assert_not_null(at, "%s", from);
  snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  scratch_text(file, out);
}

/* Rounded twice is rounded once: what a BF16 folder holds is what was rounded. */
static void round_all(const sl_parameters *p) {
  for (size_t i = 0; i < p->layout->n_floats; i++) {
    uint16_t word;
    sl_tensor_round_bf16(&word, p->data + i, 1);
    const uint32_t bits = (uint32_t)word << 16;
    memcpy(p->data + i, &bits, sizeof bits);
  }
}

Test(weights, shards_and_types_read_back_bit_for_bit) {
  sl_parameters p = make(6, 20);
  static const size_t limits[] = {0, 1, 200, SMALL_SHARD, 1000, SL_SHARD_BYTES};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    expect_read(&p, publish(&p, SL_TENSOR_F32, limits[i]));
  sl_parameters rounded = make(6, 20);
  round_all(&rounded);
  cr_assert_neq(memcmp(p.data, rounded.data, p.layout->n_floats * sizeof(float)), 0);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    expect_read(&rounded, publish(&p, SL_TENSOR_BF16, limits[i]));
  sl_parameters_free(&p);
  sl_parameters_free(&rounded);
}

/* No file of several tensors is above the limit, and each names its source. */
Test(weights, shards_stay_below_the_limit) {
  sl_parameters p = make(6, 20);
  publish(&p, SL_TENSOR_F32, SMALL_SHARD);
  size_t tensors = 0;
  for (int i = 1; i <= SHARDS; i++) {
    char name[64];
    sl_safetensors *file;
    sl_error err;
    size_t bytes = 0;
    snprintf(name, sizeof name, "model/model-%05d-of-%05d.safetensors", i, SHARDS);
    cr_assert_eq(sl_safetensors_open(&file, scratch_path(name), &err), SL_OK, "%s", err.message);
    for (size_t j = 0; j < sl_safetensors_count(file); j++)
      bytes += sl_safetensors_at(file, j)->count * sizeof(float);
    cr_assert(bytes <= SMALL_SHARD || sl_safetensors_count(file) == 1, "%s: %zu", name, bytes);
    tensors += sl_safetensors_count(file);
    cr_assert_str_eq(sl_metadata_find(sl_safetensors_metadata(file), SL_SOURCE_METADATA), "0123");
    sl_safetensors_close(file);
  }
  cr_assert_eq(tensors, p.layout->n_tensors);
  sl_parameters_free(&p);
}

#define SHARD(i) "model-0000" #i "-of-00008.safetensors"
#define INDEX "model/model.safetensors.index.json"

Test(weights, an_index_that_is_wrong_is_refused_with_its_place) {
  static const struct {
    const char *from, *to, *part;
  } cases[] = {
      {"\"model.norm.weight\": \"" SHARD(7) "\"", "\"model.norm.weight\": \"../" SHARD(7) "\"",
       INDEX ":5:3: weight_map: model.norm.weight: expected the name of a file of this folder, "
             "found a string (\"../" SHARD(7) "\")"},
      {SHARD(7), "/etc/passwd", "expected the name of a file of this folder, found a string"},
      {SHARD(7), "..", "expected the name of a file of this folder, found a string (\"..\")"},
      {SHARD(7), "", "expected the name of a file of this folder, found a string (\"\")"},
      {"\"" SHARD(7) "\"", "5", "expected the name of a file of this folder, found an integer (5)"},
      {SHARD(7), "absent.safetensors", "model/absent.safetensors: cannot open: No such file"},
      {SHARD(8), SHARD(7), "weight_map: tensor lm_head.weight is not in " SHARD(7)},
      {"\"model.norm.weight\": \"" SHARD(7) "\"", "\"model.norm.weight\": \"" SHARD(1) "\"",
       "weight_map: tensor model.norm.weight is in " SHARD(7) ", not in " SHARD(1)},
      {"\"model.norm.weight\"", "\"model.nrom.weight\"",
       SHARD(7) ": tensor model.norm.weight is not listed in model.safetensors.index.json"},
      {"\"model.norm.weight\"", "\"more\": \"" SHARD(7) "\", \"model.norm.weight\"",
       "weight_map: tensor more is not in " SHARD(7)},
      {"\"weight_map\"", "\"weights\"",
       "weight_map: expected an object of tensors and their files"},
      {"\"weight_map\": {", "\"weight_map\": {}, \"x\": {", "weight_map: it is empty"},
      {"\"weight_map\": {", "\"weight_map\": {\"lm_head.weight\": \"" SHARD(8) "\",",
       "duplicate object key"},
      {"}", "", "model.safetensors.index.json:"},
  };
  sl_parameters p = make(6, 20);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = publish(&p, SL_TENSOR_F32, SMALL_SHARD);
    sl_parameters got = {NULL, NULL, NULL};
    sl_error err = {SL_OK, ""};
    replace(INDEX, cases[i].from, cases[i].to);
    expect_error(sl_model_folder_read(&got, NULL, path, &err), SL_ERR_INPUT, &err, cases[i].part);
    cr_assert_null(got.data, "outputs stay untouched on error");
  }
  sl_parameters_free(&p);
}

/* A copy of a shard under another name holds its tensors again. */
Test(weights, a_tensor_of_two_files_is_refused) {
  sl_parameters p = make(6, 20), got;
  sl_error err;
  static char bytes[8192];
  const char *path = publish(&p, SL_TENSOR_F32, SMALL_SHARD);
  const size_t n = scratch_read(scratch_path("model/" SHARD(8)), bytes, sizeof bytes);
  scratch_write("model/copy", bytes, n);
  replace(INDEX, "\"weight_map\": {", "\"weight_map\": {\"more\": \"copy\",");
  expect_error(sl_model_folder_read(&got, NULL, path, &err), SL_ERR_INPUT, &err,
               "tensor lm_head.weight stands in two files: ");
  sl_parameters_free(&p);
}

/* A link within the folder is one of its files; one that leaves it is not. */
Test(weights, links_out_of_the_folder_are_refused) {
  sl_parameters p = make(6, 20), got;
  sl_error err;
  const char *path = publish(&p, SL_TENSOR_F32, SMALL_SHARD),
             *shard = scratch_path("model/" SHARD(2));
  cr_assert_eq(rename(shard, scratch_path("model/within")), 0);
  cr_assert_eq(symlink("within", shard), 0);
  expect_read(&p, path);
  cr_assert_eq(rename(scratch_path("model/within"), scratch_path("outside")), 0);
  expect_error(sl_model_folder_read(&got, NULL, path, &err), SL_ERR_INPUT, &err,
               SHARD(2) ": a link to nothing");
  remove(shard);
  cr_assert_eq(symlink("../outside", shard), 0);
  expect_error(sl_model_folder_read(&got, NULL, path, &err), SL_ERR_INPUT, &err,
               SHARD(2) ": a link to a file outside of the folder; 'cp -rL'");
  sl_parameters_free(&p);
}

/* model.safetensors is what is read where both are there, as transformers has it. */
Test(weights, one_file_goes_before_an_index) {
  sl_parameters p = make(6, 20);
  const char *path = publish(&p, SL_TENSOR_F32, 0);
  scratch_text(INDEX, "{");
  expect_read(&p, path);
  sl_parameters_free(&p);
}

/* NaN of each type is named by its place; what BF16 has no number for, before it is written. */
Test(weights, what_is_not_finite_is_refused) {
  sl_parameters p = make(6, 20), got;
  sl_error err;
  const sl_model_format format = {SL_TENSOR_BF16, 0, NULL};
  const char *path = publish(&p, SL_TENSOR_BF16, 0);
  static unsigned char bytes[16384];
  const size_t n = scratch_read(scratch_path("model/model.safetensors"), bytes, sizeof bytes);
  bytes[n - 1] = 0xff, bytes[n - 2] = 0x81; /* the last of lm_head (20, 6) */
  scratch_write("model/model.safetensors", bytes, n);
  expect_error(sl_model_folder_read(&got, NULL, path, &err), SL_ERR_NONFINITE, &err,
               "model.safetensors: tensor lm_head.weight[119] is ");
  float *x = p.data + p.layout->head + 7;
  *x = 0x1.fefffep127f;
  cr_assert_eq(sl_model_folder_publish(&p, NULL, &format, NULL, scratch_path("large"), &err), SL_OK,
               "%s", err.message);
  *x = 0x1.ffp127f;
  expect_error(sl_model_folder_publish(&p, NULL, &format, NULL, scratch_path("large"), &err),
               SL_ERR_NONFINITE, &err,
               "tensor lm_head.weight[7] is 3.39618e+38, too large for BF16; nothing was written");
  sl_parameters_free(&p);
}

/* Bytes of this process that are pages of files. */
static size_t file_pages(void) {
  char line[256];
  size_t sum = 0, kib;
  FILE *file = fopen("/proc/self/status", "r");
  cr_assert_not_null(file);
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "RssFile: %zu", &kib) == 1 || sscanf(line, "RssShmem: %zu", &kib) == 1)
      sum += kib * 1024;
  fclose(file);
  return sum;
}

/* The map's pages go as they are read: without that, all 38 MB of the file would stay until it is
 * closed. The limit is a block, and what else is read anew meanwhile. */
Test(weights, pages_of_the_map_are_released) {
  sl_parameters p = make(64, 150000);
  sl_error err;
  publish(&p, SL_TENSOR_BF16, 0);
  sl_safetensors *file;
  cr_assert_eq(sl_safetensors_open(&file, scratch_path("model/model.safetensors"), &err), SL_OK);
  const size_t before = file_pages(), block = SL_SAFETENSORS_BLOCK * sizeof(uint16_t);
  for (size_t i = 0; i < sl_safetensors_count(file); i++) {
    const sl_tensor_view *t = sl_safetensors_at(file, i);
    for (size_t first = 0; first < t->count; first += SL_SAFETENSORS_BLOCK) {
      const size_t left = t->count - first,
                   n = left < SL_SAFETENSORS_BLOCK ? left : SL_SAFETENSORS_BLOCK;
      cr_assert_eq(sl_safetensors_widen(file, t, first, n, p.data, &err), SL_OK);
      cr_assert_lt(file_pages(), before + 2 * block, "%s[%zu]", t->name, first);
    }
    cr_assert_eq(sl_safetensors_check(file, t, &err), SL_OK);
    cr_assert_lt(file_pages(), before + 2 * block, "%s", t->name);
  }
  sl_safetensors_close(file);
  sl_parameters_free(&p);
}
