/* Safetensors: what is written reads back bit for bit, and no malformed header is believed (spec
 * F1.3, F1.4, N1.5). */
#include "tests/trainer/scratch.h"

#include "trainer/files/safetensors.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

TestSuite(safetensors, .init = scratch_make, .fini = scratch_remove);

static const float matrix[6] = {1, -0.0f, 0x1p-149f, 3.25f, -7, 0x1.fffffep+127f},
                   vector[3] = {4, 5, 6};

static const sl_tensor_view two[] = {
    {.name = "a.weight", .rank = 2, .shape = {2, 3}, .count = 6, .data = matrix},
    {.name = "b", .rank = 1, .shape = {3}, .count = 3, .data = vector}};

static const char *write_two(void) {
  sl_error err;
  const char *path = scratch_path("two.safetensors");
  cr_assert_eq(sl_safetensors_write(path, two, 2, &err), SL_OK, "%s", err.message);
  return path;
}

Test(safetensors, reads_back_the_same_bits) {
  sl_error err;
  sl_safetensors *file;
  cr_assert_eq(sl_safetensors_open(&file, write_two(), &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_safetensors_count(file), 2);
  const sl_tensor_view *a = sl_safetensors_find(file, "a.weight"),
                       *b = sl_safetensors_find(file, "b");
  float out[6];
  cr_assert(a && a->rank == 2 && a->shape[0] == 2 && a->shape[1] == 3);
  cr_assert_eq(sl_safetensors_read(file, a, out, &err), SL_OK);
  cr_assert_arr_eq(out, matrix, sizeof matrix);
  cr_assert_eq(sl_safetensors_read(file, b, out, &err), SL_OK);
  cr_assert_arr_eq(out, vector, sizeof vector);
  cr_assert_null(sl_safetensors_find(file, "c"));
  sl_safetensors_close(file);
}

Test(safetensors, data_starts_at_a_multiple_of_eight) {
  unsigned char bytes[512];
  const size_t n = scratch_read(write_two(), bytes, sizeof bytes), header = bytes[0];
  cr_assert_eq(header % 8, 0);
  cr_assert_eq(n, 8 + header + sizeof matrix + sizeof vector);
}

Test(safetensors, holds_empty_and_scalar_tensors) {
  const float x = 2;
  const sl_tensor_view views[] = {
      {.name = "none", .rank = 2, .shape = {0, 4}, .count = 0, .data = &x},
      {.name = "scalar", .rank = 0, .count = 1, .data = &x}};
  sl_error err;
  sl_safetensors *file;
  const char *path = scratch_path("odd.safetensors");
  cr_assert_eq(sl_safetensors_write(path, views, 2, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_safetensors_open(&file, path, &err), SL_OK, "%s", err.message);
  float out = 0;
  cr_assert_eq(sl_safetensors_read(file, sl_safetensors_find(file, "scalar"), &out, &err), SL_OK);
  cr_assert_eq(out, 2);
  cr_assert_eq(sl_safetensors_find(file, "none")->count, 0);
  sl_safetensors_close(file);
}

/* A file of this header and so many bytes of data (zeros), at an alignment that no float may be
 * read at. */
static const char *with_header(const char *header, size_t data) {
  char bytes[4096] = {0};
  const size_t n = strlen(header);
  cr_assert(8 + n + data <= sizeof bytes);
  bytes[0] = (char)(unsigned char)(n % 256), bytes[1] = (char)(unsigned char)(n / 256);
  memcpy(bytes + 8, header, n);
  return scratch_write("bad.safetensors", bytes, 8 + n + data);
}

Test(safetensors, reads_unaligned_data) {
  sl_error err;
  sl_safetensors *file;
  const char *path =
      with_header("{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} ", 4);
  cr_assert_eq(sl_safetensors_open(&file, path, &err), SL_OK, "%s", err.message);
  float x = 1;
  cr_assert_eq(sl_safetensors_read(file, sl_safetensors_at(file, 0), &x, &err), SL_OK);
  cr_assert_eq(x, 0);
  sl_safetensors_close(file);
}

#define F32(name, shape, begin, end) \
  "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

Test(safetensors, refuses_malformed_headers) {
  static const struct {
    const char *header;
    size_t data;
    const char *part;
  } cases[] = {
      {"[1]", 0, "byte 8: the header does not start with '{'"},
      {"{\"a\":1,}", 0, "byte 16: header: string or"},
      {"{" F32("t", "[1]", 0, 4) "," F32("t", "[1]", 4, 8) "}", 8, "header: duplicate object key"},
      {"{\"t\":5}", 0, "tensor t: expected an object"},
      {"{\"t\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "tensor t: dtype: expected a string"},
      {"{\"t\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
       "tensor t: dtype F8_E4M3 is not supported; convert it to F32"},
      {"{\"t\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
       "tensor t: byte 63: 4 bytes of data, its shape needs 2"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[NaN],\"data_offsets\":[0,4]}}", 4,
       "header: invalid token"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":7,\"data_offsets\":[0,4]}}", 4,
       "tensor t: shape: expected an array"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
       "tensor t: shape[0]: expected a non-negative integer"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4,
       "tensor t: shape[0]: expected a non-negative integer"},
      {"{" F32("t", "[4611686018427387904,4]", 0, 0) "}", 0,
       "tensor t: the product of its shape overflows"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4,
       "header: too big integer"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
       "tensor t: data_offsets: expected two"},
      {"{" F32("t", "[1]", 0, 4) "}", 3,
       "tensor t: data_offsets 0 to 4 are not within the 3 bytes of data"},
      {"{" F32("t", "[1]", 4, 0) "}", 4, "tensor t: data_offsets 4 to 0"},
      {"{" F32("t", "[2]", 0, 4) "}", 4, "4 bytes of data, its shape needs 8"},
      {"{" F32("t", "[2]", 0, 8) "," F32("u", "[2]", 4, 12) "}", 12,
       "tensor u: byte 120: overlaps the tensor before it, which ends at byte 124"},
      {"{" F32("t", "[1]", 0, 4) "," F32("u", "[1]", 8, 12) "}", 12,
       "byte 120: a gap of 4 bytes before tensor u"},
      {"{" F32("t", "[1]", 0, 4) "}", 8, "4 bytes after the last tensor"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
       "tensor t: a key other than"},
      {"{\"__metadata__\":{\"format\":1}}", 0, "__metadata__: format: expected a string"},
      {"{\"__metadata__\":[]}", 0, "__metadata__: expected an object"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sl_error err = {SL_OK, ""};
    sl_safetensors *file = NULL;
    expect_error(sl_safetensors_open(&file, with_header(cases[i].header, cases[i].data), &err),
                 SL_ERR_INPUT, &err, cases[i].part);
    cr_assert(strstr(err.message, "bad.safetensors") != NULL);
    cr_assert_null(file, "outputs stay untouched on error");
  }
}

/* Every proper prefix of a good file is refused. */
Test(safetensors, refuses_every_truncation) {
  unsigned char bytes[512];
  const size_t n = scratch_read(write_two(), bytes, sizeof bytes);
  for (size_t size = 0; size < n; size++) {
    sl_error err;
    sl_safetensors *file;
    const sl_status status =
        sl_safetensors_open(&file, scratch_write("cut.safetensors", bytes, size), &err);
    expect_error(status, SL_ERR_INPUT, &err, "cut.safetensors: ");
  }
}

Test(safetensors, refuses_a_huge_header_length) {
  const unsigned char bytes[16] = {255, 255, 255, 255, 255, 255, 255, 255, '{', '}'};
  sl_error err;
  sl_safetensors *file;
  expect_error(
      sl_safetensors_open(&file, scratch_write("huge.safetensors", bytes, sizeof bytes), &err),
      SL_ERR_INPUT, &err, "byte 0: header length 18446744073709551615");
}

/* A file of another kind in place of weights is named in the message; a header whose length happens
 * to look like one is still read. */
Test(safetensors, says_what_stands_in_its_place) {
  static const struct {
    const char *bytes;
    size_t size;
    const char *part;
  } cases[] = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", 56,
       "byte 0: this is a Git LFS pointer, not the file itself"},
      {"\x1f\x8b\b\0\0\0\0\0\0\3\3\0", 12, "byte 0: the file is compressed by gzip"},
      {"PK\3\4\0\0\b\b\0\0\0\0", 12, "byte 0: this is a zip archive, as PyTorch's"},
      {"\x80\2\x8a\nl\xfc\x9c\x46\xf9\x20\x6a", 11, "byte 0: this is a Python pickle"},
      {"GGUF\3\0\0\0\0\0\0\0", 12, "byte 0: this is a GGUF file"},
      {"<!DOCTYPE html>", 15, "byte 0: this is a web page"},
      {"\0\0\0\0\0\0\0\0\0\0\0\0", 12, "byte 0: the file starts with NUL bytes"},
  };
  sl_error err;
  sl_safetensors *file;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    expect_error(sl_safetensors_open(
                     &file, scratch_write("bad.safetensors", cases[i].bytes, cases[i].size), &err),
                 SL_ERR_INPUT, &err, cases[i].part);
  char bytes[8 + 0x8b1f] = {'\x1f', '\x8b'};
  memset(bytes + 8, ' ', sizeof bytes - 8);
  memcpy(bytes + 8, "{}", 2);
  cr_assert_eq(
      sl_safetensors_open(&file, scratch_write("long.safetensors", bytes, sizeof bytes), &err),
      SL_OK, "%s", err.message);
  sl_safetensors_close(file);
}

Test(safetensors, refuses_what_is_no_file) {
  sl_error err;
  sl_safetensors *file;
  expect_error(sl_safetensors_open(&file, scratch_path("absent"), &err), SL_ERR_INPUT, &err,
               "absent: cannot open: No such file");
  expect_error(sl_safetensors_open(&file, scratch_path("."), &err), SL_ERR_INPUT, &err,
               "not a regular file");
}

Test(safetensors, refuses_nan_and_infinity_by_index) {
  unsigned char bytes[512];
  const char *path = write_two();
  const size_t n = scratch_read(path, bytes, sizeof bytes);
  const float nan = NAN;
  memcpy(bytes + n - 2 * sizeof nan, &nan, sizeof nan); /* b[1] */
  sl_error err;
  sl_safetensors *file;
  cr_assert_eq(sl_safetensors_open(&file, scratch_write("nan.safetensors", bytes, n), &err), SL_OK);
  float out[3] = {-1, -1, -1};
  char part[100];
  snprintf(part, sizeof part, "tensor b[1] is nan (byte %zu)", n - 8);
  expect_error(sl_safetensors_read(file, sl_safetensors_find(file, "b"), out, &err),
               SL_ERR_NONFINITE, &err, part);
  cr_assert_eq(out[0], -1, "outputs stay untouched on error");
  sl_safetensors_close(file);
}

/* As `safetensors` has it: larger elements first, so that all lie at multiples of their size. */
Test(safetensors, writes_tensors_of_any_type_with_metadata) {
  const unsigned char truth[3] = {1, 0, 1};
  const uint16_t half[1] = {0x7e00}; /* NaN: a dump may hold it */
  const double wide[1] = {-0.5};
  const sl_tensor_view views[] = {
      {.name = "mask", .rank = 1, .shape = {3}, .count = 3, .data = truth, .type = SL_TENSOR_BOOL},
      {.name = "h", .rank = 1, .shape = {1}, .count = 1, .data = half, .type = SL_TENSOR_F16},
      {.name = "w", .rank = 1, .shape = {1}, .count = 1, .data = wide, .type = SL_TENSOR_F64}};
  static const sl_metadata_entry metadata[] = {{"layout", "bhsd"}, {"\xc3\xa9", "\"0.125\""}};
  static const char *const order[] = {"w", "h", "mask"};
  sl_error err;
  sl_safetensors *file;
  const char *path = scratch_path("typed.safetensors");
  cr_assert_eq(sl_safetensors_write_dump(path, metadata, 2, views, 3, &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_safetensors_open(&file, path, &err), SL_OK, "%s", err.message);
  for (size_t i = 0; i < 3; i++) {
    const sl_tensor_view *got = sl_safetensors_at(file, i), *want = &views[2 - i];
    cr_assert_str_eq(got->name, order[i]);
    cr_assert_eq(got->type, want->type);
    cr_assert_arr_eq(got->data, want->data, want->count * sl_tensor_type_bytes(want->type));
  }
  cr_assert_str_eq(sl_metadata_find(sl_safetensors_metadata(file), "layout"), "bhsd");
  cr_assert_str_eq(sl_metadata_find(sl_safetensors_metadata(file), "\xc3\xa9"), "\"0.125\"");
  cr_assert_null(sl_metadata_find(sl_safetensors_metadata(file), "scale"));
  float out = 3;
  expect_error(sl_safetensors_read(file, sl_safetensors_at(file, 0), &out, &err), SL_ERR_INPUT,
               &err, "tensor w: dtype F64, expected F32");
  cr_assert_eq(out, 3, "outputs stay untouched on error");
  sl_safetensors_close(file);
  static const sl_metadata_entry twice[] = {{"a", "1"}, {"a", "2"}}, bad = {"a", "\xff"};
  expect_error(sl_safetensors_write_dump(path, twice, 2, views, 3, &err), SL_ERR_USAGE, &err,
               "metadata 1: the key 'a' is taken");
  expect_error(sl_safetensors_write_dump(path, &bad, 1, views, 3, &err), SL_ERR_USAGE, &err,
               "metadata 0 is not UTF-8");
  expect_error(sl_safetensors_write(path, views, 1, &err), SL_ERR_USAGE, &err,
               "tensor mask: dtype BOOL, expected F32");
}

Test(safetensors, a_refused_write_leaves_the_old_file) {
  const char *path = write_two();
  const float bad[3] = {0, 1, INFINITY};
  const sl_tensor_view view = {.name = "b", .rank = 1, .shape = {3}, .count = 3, .data = bad};
  sl_error err;
  expect_error(sl_safetensors_write(path, &view, 1, &err), SL_ERR_NONFINITE, &err,
               "tensor b[2] is inf; nothing was written");
  const sl_tensor_view twice[] = {two[1], two[1]},
                       wrong = {.name = "b", .rank = 1, .shape = {2}, .count = 3, .data = vector};
  expect_error(sl_safetensors_write(path, twice, 2, &err), SL_ERR_USAGE, &err,
               "tensor 1: the name 'b' is empty or taken");
  expect_error(sl_safetensors_write(path, &wrong, 1, &err), SL_ERR_USAGE, &err,
               "tensor b: 3 values, its shape holds 2");
  expect_error(sl_safetensors_write(scratch_path("no/such/folder"), two, 2, &err), SL_ERR_IO, &err,
               "cannot create");
  sl_safetensors *file;
  cr_assert_eq(sl_safetensors_open(&file, path, &err), SL_OK, "%s", err.message);
  sl_safetensors_close(file);
}
