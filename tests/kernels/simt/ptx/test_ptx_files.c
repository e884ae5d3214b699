/* Which files are the build's PTX: as nvcc made them, with the checksum that the build put behind
 * (kernels/simt/ptx/sum-ptx), or from a folder that stands in for them. */
#define _GNU_SOURCE /* mkdtemp */
#include "kernels/simt/ptx/ptx.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const text =
    ".version 9.0\n.target sm_90\n.address_size 64\n"
    ".visible .entry one(.param .u64 a)\n{\nret;\n}\n";

static char folder[40], made[60], source[60], other[60];
static const sl_ptx_file files[] = {{90, made, "make ptx"}, {0, NULL, NULL}};

static void write_file(const char *path, const char *what) {
  FILE *f = fopen(path, "w");
  cr_assert(f && fputs(what, f) >= 0 && fclose(f) == 0);
}

/* A copy of `source` that the build's script has made. */
static void make_ptx(void) {
  char command[400];
  snprintf(command, sizeof command,
           SLUICE_SOURCE "/kernels/simt/ptx/sum-ptx sh -c 'cp \"$0\" \"$2\"' %s -o %s", source,
           made);
  cr_assert_eq(system(command), 0, "%s", command);
}

static void begin(void) {
  strcpy(folder, "/tmp/sluice-ptx-XXXXXX");
  cr_assert(mkdtemp(folder));
  snprintf(made, sizeof made, "%s/one.ptx", folder);
  snprintf(source, sizeof source, "%s/source", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  write_file(source, text);
  make_ptx();
  sl_ptx_use(files);
}

static void end(void) {
  char command[100];
  snprintf(command, sizeof command, "rm -r %s", folder);
  cr_assert_eq(system(command), 0);
}

/* What is lacking must hold each of the two texts; NULL, NULL: nothing is. */
static void expect_lacks(const char *place, const char *why, int want_absent) {
  int absent;
  sl_ptx_from(NULL);
  const char *lacks = sl_ptx_lacks(&absent);
  cr_assert_eq(lacks == NULL, place == NULL, "%s", lacks ? lacks : "nothing is lacking");
  if (lacks)
    cr_expect(strstr(lacks, place) && strstr(lacks, why), "%s: not %s, %s", lacks, place, why);
  cr_expect_eq(absent, want_absent);
}

Test(ptx_files, what_the_build_made_is_taken, .init = begin, .fini = end) {
  expect_lacks(NULL, NULL, 0);
}

Test(ptx_files, a_changed_file_is_refused, .init = begin, .fini = end) {
  char bytes[600] = "";
  FILE *f = fopen(made, "r");
  cr_assert(f && fread(bytes, 1, sizeof bytes - 1, f) > strlen(text) && fclose(f) == 0);
  bytes[strstr(bytes, "ret") - bytes] = 'R';
  write_file(made, bytes);
  expect_lacks(made, "not as nvcc made it. To have it made again, remove it and run make ptx", 0);
  bytes[strlen(bytes) / 2] = 0;
  write_file(made, bytes);
  expect_lacks(made, "not as nvcc made it", 0);
  write_file(made, "");
  expect_lacks(made, "not as nvcc made it", 0);
  make_ptx();
  expect_lacks(NULL, NULL, 0);
}

Test(ptx_files, a_missing_file_is_named_with_how_it_is_made, .init = begin, .fini = end) {
  cr_assert_eq(remove(made), 0);
  expect_lacks(made, "is not made: make ptx", 0);
  sl_ptx_architecture(80);
  expect_lacks("this build has no PTX for compute_80", "", 1);
  sl_ptx_architecture(90);
}

/* A folder's files may be changed; what it has that the build has not, and nothing at all, are
 * errors that name it. */
Test(ptx_files, a_folder_stands_in, .init = begin, .fini = end) {
  int absent;
  char command[200];
  static const struct {
    const char *command, *wrong;
  } steps[] = {
      {":", "no PTX in this folder"},
      {"cp ../source one.ptx", NULL},
      {"sed -i s/sm_90/sm_80/ one.ptx", "one.ptx:2: PTX for 'sm_80', not for sm_90"},
      {": >one.ptx", "one.ptx:1: expected .version"},
      {"rm one.ptx; mkdir one.ptx", "one.ptx: this file cannot be read"},
      {"rmdir one.ptx; cp ../source two.ptx", "two.ptx: no PTX of this build has this name"}};
  cr_assert_eq(mkdir(other, 0700), 0);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    snprintf(command, sizeof command, "cd %s && { %s; }", other, steps[i].command);
    cr_assert_eq(system(command), 0, "%s", command);
    sl_ptx_from(other);
    const char *lacks = sl_ptx_lacks(&absent);
    cr_expect(!absent);
    if (steps[i].wrong)
      cr_expect(lacks && strstr(lacks, other) && strstr(lacks, steps[i].wrong), "%s: %s",
                steps[i].wrong, lacks ? lacks : "nothing is lacking");
    else
      cr_expect_null(lacks, "%s", lacks);
  }
  sl_ptx_from(NULL);
}
