/* The interface of dumps: ranges, words, loading and release, and that no more is read than is
 * asked for (spec F6). What each kind of file holds is tested by dumps-test. */
#include "tests/trainer/scratch.h"

#include "trainer/files/dump.h"
#include "trainer/files/safetensors.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(dump, .init = scratch_make, .fini = scratch_remove);

/* A .npy of 2 x 3 i2 in either byte order and layout, whose row-major values are 256 i + i. */
static const char *write_npy(int is_swapped, int is_fortran) {
  static const int column_major[] = {0, 3, 1, 4, 2, 5};
  unsigned char bytes[100];
  const int n = snprintf((char *)bytes, sizeof bytes,
                         "\x93NUMPY\x01%c%c%c{'descr': '%ci2', 'fortran_order': %s, 'shape': (2, "
                         "3), }   ",
                         0, 0, 0, is_swapped ? '>' : '<', is_fortran ? "True" : "False");
  bytes[8] = (unsigned char)(n - 10);
  for (int i = 0; i < 6; i++) {
    const int value = is_fortran ? column_major[i] : i;
    bytes[n + 2 * i] = bytes[n + 2 * i + 1] = (unsigned char)value;
  }
  return scratch_write("m.npy", bytes, (size_t)n + 12);
}

static sl_dump *open_good(const char *path) {
  sl_error err;
  sl_dump *dump;
  cr_assert_eq(sl_dump_open(&dump, path, &err), SL_OK, "%s", err.message);
  return dump;
}

/* From the map or from memory, before and after a release. */
Test(dump, every_range_has_the_same_numbers) {
  for (int form = 0; form < 4; form++) {
    sl_dump *dump = open_good(write_npy(form & 1, form >> 1));
    sl_error err;
    cr_assert_eq(sl_dump_count(dump), 1);
    cr_assert_eq(sl_dump_find(dump, "m"), 0);
    cr_assert_eq(sl_dump_find(dump, "m.npy"), 1, "the number of tensors");
    cr_assert_eq(sl_dump_metadata(dump)->count, 0);
    for (size_t first = 0; first <= 6; first++)
      for (size_t n = 0; n <= 6 - first; n++) {
        double values[6];
        uint16_t words[6];
        cr_assert_eq(sl_dump_values(dump, 0, first, n, values, &err), SL_OK, "%s", err.message);
        cr_assert_eq(sl_dump_words(dump, 0, first, n, words, &err), SL_OK, "%s", err.message);
        for (size_t i = 0; i < n; i++) {
          cr_assert_eq(words[i], 257 * (first + i));
          cr_assert_eq(values[i], (double)words[i]);
        }
        if (n % 2) sl_dump_release(dump, 0);
      }
    sl_dump_close(dump);
  }
}

Test(dump, a_range_beyond_the_tensor_is_refused) {
  sl_dump *dump = open_good(write_npy(1, 1));
  sl_error err;
  double out[8] = {-7};
  expect_error(sl_dump_values(dump, 0, 5, 2, out, &err), SL_ERR_USAGE, &err,
               "m.npy: tensor m: elements 5 to 5 + 2 of 6");
  expect_error(sl_dump_words(dump, 0, 7, 0, out, &err), SL_ERR_USAGE, &err, "elements 7 to");
  expect_error(sl_dump_values(dump, 0, 1, SIZE_MAX, out, &err), SL_ERR_USAGE, &err, "of 6");
  cr_assert_eq(out[0], -7, "outputs stay untouched on error");
  cr_assert(strstr(sl_dump_path(dump), "/m.npy") != NULL);
  sl_dump_close(dump);
}

Test(dump, what_was_written_is_found_by_name) {
  const uint16_t bf16[] = {0x3f80, 0x7f80, 0xffc1};
  const sl_tensor_view view = {
      .name = "q/0", .rank = 1, .shape = {3}, .count = 3, .data = bf16, .type = SL_TENSOR_BF16};
  const sl_metadata_entry seed = {"seed", "7"};
  const char *path = scratch_path("no-extension");
  sl_error err;
  sl_nonfinite found;
  cr_assert_eq(sl_safetensors_write_dump(path, &seed, 1, &view, 1, &err), SL_OK, "%s", err.message);
  sl_dump *dump = open_good(path);
  cr_assert_eq(sl_dump_find(dump, "q/0"), 0);
  cr_assert_str_eq(sl_metadata_find(sl_dump_metadata(dump), "seed"), "7");
  cr_assert_eq(sl_dump_scan(dump, 0, &found, &err), SL_OK);
  cr_assert(found.nans == 1 && found.first_nan == 2);
  cr_assert(found.infinities == 1 && found.first_infinity == 1);
  sl_dump_close(dump);
}

/* 8 GiB of which all but the end is a hole in the file: only the pages of the range are touched. */
Test(dump, a_large_file_is_read_where_it_is_asked_for) {
  static const char header[] =
      "\x50\0\0\0\0\0\0\0{\"t\":{\"dtype\":\"U8\",\"shape\":[8589934592],"
      "\"data_offsets\":[0,8589934592]}}            ";
  const off_t size = 8 + 0x50 + ((off_t)1 << 33);
  const char *path = scratch_write("large", header, 8 + 0x50);
  FILE *file = fopen(path, "r+b");
  cr_assert(file && fseeko(file, size - 1, SEEK_SET) == 0 && fputc(9, file) == 9);
  cr_assert_eq(fclose(file), 0);
  sl_dump *dump = open_good(path);
  double out[2];
  sl_error err;
  cr_assert_eq(sl_dump_values(dump, 0, ((size_t)1 << 33) - 2, 2, out, &err), SL_OK);
  cr_assert(out[0] == 0 && out[1] == 9);
  sl_dump_close(dump);
}
