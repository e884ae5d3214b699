/* What the reader refuses, with the line; and what the executor finds in programs written by hand
 * that no simulation of the source can show. */
#include "kernels/simt/ptx/ptx.h"
#include "kernels/simt/simulation.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 64 };

static const char head[] =
    ".version 9.0\n.target sm_90\n.address_size 64\n"
    ".visible .entry trial(.param .u64 p_in, .param .u64 p_out, .param .align 16 .b8 p_block[32])\n"
    "{\n.reg .pred %p<4>;\n.reg .b32 %r<8>;\n.reg .b64 %rd<8>;\n.reg .f32 %f<4>;\n"
    ".shared .align 16 .b8 s_words[256];\n.local .align 8 .b8 l_words[16];\n"
    "ld.param.u64 %rd1, [p_in];\nld.param.u64 %rd2, [p_out];\n"
    "mov.u32 %r1, %tid.x;\nmul.wide.u32 %rd3, %r1, 32;\nadd.s64 %rd1, %rd1, %rd3;\n"
    "add.s64 %rd2, %rd2, %rd3;\nmov.u32 %r2, s_words;\nshl.b32 %r3, %r1, 2;\n"
    "add.s32 %r3, %r2, %r3;\nsetp.lt.u32 %p1, %r1, 7;\n";
enum { BODY_LINE = 22 };

/* Runs head + body; the error, or NULL. */
static const char *run(const char *body, uint64_t seed) {
  static uint64_t in[4 * THREADS], out[4 * THREADS];
  char text[4096];
  snprintf(text, sizeof text, "%s%s}\n", head, body);
  const sl_ptx_trial trial = {text, 1, THREADS, in, {0}};
  return sl_ptx_trial_run(&trial, seed, out);
}

static void expect_refused(const char *body, unsigned line, const char *why) {
  const char *wrong = run(body, 1);
  char place[40];
  snprintf(place, sizeof place, "trial.ptx:%u: ", BODY_LINE + line - 1);
  cr_assert_not_null(wrong, "%s is not refused", body);
  cr_expect(strncmp(wrong, place, strlen(place)) == 0 && strstr(wrong, why), "%s\n%s\nnot %s%s",
            body, wrong, place, why);
}

Test(ptx_text, what_is_not_in_the_table_is_refused_with_its_line) {
  expect_refused("ret;\nex2.approx.ftz.f32 %f1, %f2;\n", 2,
                 "form 'ex2.approx.ftz.f32' is not in the table");
  expect_refused("add.rn.ftz.f32 %f1, %f1, %f1;\nret;\n", 1, "form 'add.rn.ftz.f32'");
  expect_refused("add.f32 %f1, %f1, %f1;\nret;\n", 1, "form 'add.f32'");
  expect_refused("\natom.global.add.f32 %f1, [%rd1], %f2;\nret;\n", 2,
                 "form 'atom.global.add.f32'");
  expect_refused("ld.global.nc.f32 %f1, [%rd1];\nret;\n", 1, "form 'ld.global.nc.f32'");
  expect_refused("cp.async.ca.shared.global [%r3], [%rd1], 8, 8;\nret;\n", 1,
                 "form 'cp.async.ca.shared.global:8'");
  expect_refused("bar.sync 1;\nret;\n", 1, "'bar.sync' with this operand");
  expect_refused(".pragma \"other\";\nret;\n", 1, "pragma 'other'");
  expect_refused(".const .b8 x;\nret;\n", 1, "directive '.const'");
}

Test(ptx_text, what_makes_no_sense_is_refused) {
  expect_refused("add.s32 %r1, %r1, %rd1;\nret;\n", 1, "register '%rd1' has 64 bits, not the 32");
  expect_refused("add.s32 %r1, %r1;\nret;\n", 1, "the table has 2 sources");
  expect_refused("add.s32 %r1, %r1, %r9;\nret;\n", 1, "'%r9' is neither a register nor a symbol");
  expect_refused("mov.f32 %f1, 1;\nret;\n", 1, "an integer where a real number belongs");
  expect_refused("mov.f32 %f1, 0f3F8000;\nret;\n", 1, "not a number");
  expect_refused("bra $L;\nret;\n", 1, "there is no label '$L'");
  expect_refused("$L:\n$L:\nret;\n", 2, "label '$L' stands twice");
  expect_refused("ld.global.v4.f32 {%f1, %f2}, [%rd1];\nret;\n", 1, "the form has 4 elements");
  expect_refused("add.s32 %r1, %r1, %r1\nret;\n", 2, "expected ';'");
  expect_refused("add.s32 %r1, %r1, %r1;\n", 1, "the entry runs off its end");
  expect_refused("@%r1 bra $L;\n$L:\nret;\n", 1, "register '%r1' has 32 bits, not the 1");
}

Test(ptx_text, operands_of_another_kind_are_refused) {
  expect_refused("vote.sync.ballot.b32 [%r1], %p1, -1;\nret;\n", 1, "no register");
  expect_refused("ld.global.u32 [%r5], [%rd1];\nret;\n", 1, "no register");
  expect_refused("st.global.u32 [%rd2], %r1|%p1;\nret;\n", 1, "no register");
  expect_refused("bra [$L];\n$L:\nret;\n", 1, "no label");
  expect_refused("add.s32 %r6, %r5, 0f3F800000;\nret;\n", 1, "a real number where an integer");
  expect_refused("add.s32 %f1, %f1, 1;\nret;\n", 1, "'%f1' is of another type");
  expect_refused("ld.global.u32 %f1, [%rd1];\nret;\n", 1, "'%f1' is of another type");
  expect_refused("cvt.f64.f32 %rd5, 1;\nret;\n", 1, "an integer where a real number belongs");
  expect_refused("mov.f32 %f1, %tid.x;\nret;\n", 1, "'%tid.x' is no register");
  cr_expect_null(run("mov.b32 %r5, 0f3F800000;\nadd.rn.f32 %f1, %r5, 0f3F800000;\nret;\n", 1));
}

Test(ptx_text, sizes_that_no_device_has_are_refused) {
  expect_refused(".local .b8 big[4294967296];\nret;\n", 1, "more than 524288 bytes");
  expect_refused(".shared .b8 big[4294967296];\nret;\n", 1, "more than 524288 bytes");
  expect_refused(".local .b8 big[4294967296][4294967296];\nret;\n", 1, "more than 524288 bytes");
  expect_refused(".local .align 3 .b8 odd[3];\nret;\n", 1, "no power of two");
  expect_refused(".reg .b32 %x<4294967297>;\nret;\n", 1, "a number of registers");
  const char *const twice = run(".shared .b32 s_words;\nret;\n", 1);
  cr_assert_not_null(twice);
  cr_expect(strstr(twice, "'s_words' is declared twice"), "%s", twice);
}

/* A whole file: what is wrong with it, which begins with its line. */
static void expect_file_refused(const char *text, const char *wrong) {
  static uint64_t in[4], out[4];
  char want[200];
  snprintf(want, sizeof want, "trial.ptx:%s", wrong);
  const sl_ptx_trial trial = {text, 1, 1, in, {0}};
  const char *got = sl_ptx_trial_run(&trial, 1, out);
  cr_assert_not_null(got, "%s: not refused", text);
  cr_expect(strstr(got, want), "%s\n%s\nnot %s", text, got, want);
}

Test(ptx_text, ptx_of_another_version_or_target_is_refused) {
  expect_file_refused(".version 99.9\n.target sm_90\n", "1: PTX of version 99.9");
  expect_file_refused(".version 6.5\n.target sm_90\n", "1: PTX of version 6.5");
  expect_file_refused(".version x\n", "1: PTX of version x");
  expect_file_refused(".version 9.0\n.target foo\n.address_size 64\n", "2: PTX for 'foo'");
  expect_file_refused(".version 9.0\n.target sm_90a\n.address_size 64\n", "2: PTX for 'sm_90a'");
  expect_file_refused(".version 9.0\n.target sm_90\n.address_size 32\n", "3: addresses have 64");
  expect_file_refused(".version 9.0\n.address_size 64\n", "2: expected .target");
  expect_file_refused(".target sm_90\n", "1: expected .version, with which PTX begins, found");
  expect_file_refused("", "1: expected .version, with which PTX begins, found the end of the file");
  expect_file_refused("\x7f\"ELF\"", "1: expected .version, with which PTX begins, found '\\x7f'");
}

/* Cut anywhere, a file is refused, and a cut in a statement is called one. */
Test(ptx_text, a_file_that_ends_early_says_so) {
  static const char *const cut[] = {"add",
                                    "add.s32 %r1",
                                    "add.s32 %r1, ",
                                    "bra",
                                    "mov.f32 %f1, 0f3F8",
                                    "@",
                                    "ld.global.u32 %r1, [",
                                    "ld.global.u32 %r1, [%rd1",
                                    ".reg",
                                    ".local .align",
                                    ".loc 1",
                                    "st.global.v2.u32 [%rd1], {",
                                    ""};
  for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
    static uint64_t in[4], out[4];
    char text[4096];
    snprintf(text, sizeof text, "%s%s", head, cut[i]);
    const sl_ptx_trial trial = {text, 1, 1, in, {0}};
    const char *wrong = sl_ptx_trial_run(&trial, 1, out);
    cr_assert_not_null(wrong, "'%s' is not refused", cut[i]);
    cr_expect(strstr(wrong, "found the end of the file") || strstr(wrong, "and the file ends"),
              "'%s': %s", cut[i], wrong);
  }
}

/* The kind of a finding that must be there under every seed; "" for none. */
static void expect_found(const char *body, const char *kind, const char *detail) {
  for (uint64_t seed = 1; seed <= 10; seed++) {
    const char *wrong = run(body, seed);
    cr_assert_null(wrong, "%s", wrong);
    int found = !*kind;
    char text[400] = "";
    for (size_t i = 0; i < sl_simulation_findings(); i++) {
      sl_simulation_describe(i, text, sizeof text);
      found |= *kind && strncmp(text, kind, strlen(kind)) == 0 && strstr(text, detail);
    }
    cr_expect(found && (*kind || sl_simulation_findings() == 0), "%s\nnot found: %s %s; %s", body,
              kind, detail, text);
  }
}

Test(ptx_text, a_register_that_was_never_written_is_found) {
  expect_found("add.rn.f32 %f1, %f2, %f2;\nret;\n", "uninitialised read", "register %f2");
  expect_found("@%p1 mov.u32 %r5, 1;\nadd.s32 %r6, %r5, 1;\nret;\n", "uninitialised read",
               "register %r5");
  expect_found("@%p2 mov.u32 %r5, 1;\nret;\n", "uninitialised read", "register %p2");
  expect_found("mov.u32 %r5, 2;\n@%p1 mov.u32 %r5, 1;\nadd.s32 %r6, %r5, 1;\nret;\n", "", "");
  expect_found(
      ".pragma \"used_bytes_mask 15\";\nld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%rd1];\n"
      "st.global.f32 [%rd2], %f1;\nret;\n",
      "uninitialised read", "register %f1");
}

Test(ptx_text, a_barrier_that_a_predicate_keeps_threads_from_is_found) {
  expect_found("@%p1 bar.sync 0;\nret;\n", "barrier divergence", "before the barrier");
  expect_found("@%p1 bar.sync 0;\nbar.sync 0;\nret;\n", "barrier divergence", "different barriers");
  expect_found("@%p1 bra $L;\nbar.sync 0;\n$L:\nret;\n", "barrier divergence",
               "before the barrier");
  expect_found("@%p1 bar.warp.sync -1;\nret;\n", "shuffle mask", "never arrives");
  expect_found("bar.sync 0;\nret;\n", "", "");
}

Test(ptx_text, memory_that_is_not_the_threads_is_found) {
  expect_found("ld.local.u32 %r5, [l_words+16];\nret;\n", "out of bounds", "local memory");
  expect_found("ld.local.u64 %rd5, [l_words+12];\nret;\n", "out of bounds", "local memory");
  expect_found("mov.u64 %rd5, l_words;\nld.local.u32 %r5, [%rd5+-4];\nret;\n", "out of bounds",
               "local memory");
  expect_found("ld.local.u32 %r5, [l_words];\nret;\n", "uninitialised read", "local memory");
  expect_found("st.local.u64 [l_words+4], %rd1;\nret;\n", "misaligned access", "");
  expect_found("ld.param.u32 %r5, [p_block+32];\nret;\n", "out of bounds", "parameters");
  expect_found("mov.u64 %rd5, 4096;\nld.global.u32 %r5, [%rd5];\nret;\n", "out of bounds",
               "outside device memory");
  expect_found("ld.global.u32 %r5, [%rd1+2048];\nret;\n", "out of bounds", "global memory");
  expect_found("st.shared.u32 [%r3+4], %r1;\nret;\n", "out of bounds", "shared memory");
  expect_found("ld.global.u32 %r5, [%rd1+2];\nret;\n", "misaligned access", "");
}

Test(ptx_text, races_and_copies_are_found) {
  expect_found("st.shared.u32 [s_words], %r1;\nret;\n", "data race", "write after write");
  expect_found("st.shared.u32 [%r3], %r1;\nxor.b32 %r4, %r3, 4;\nld.shared.u32 %r5, [%r4];\nret;\n",
               "data race", "");
  expect_found(
      "st.shared.u32 [%r3], %r1;\nbar.sync 0;\nxor.b32 %r4, %r3, 4;\n"
      "ld.shared.u32 %r5, [%r4];\nret;\n",
      "", "");
  const char *const copy =
      "cp.async.ca.shared.global [%r3], [%rd1], 4, 4;\n"
      "cp.async.commit_group;\n";
  char text[400];
  snprintf(text, sizeof text, "%sld.shared.u32 %%r5, [%%r3];\ncp.async.wait_group 0;\nret;\n",
           copy);
  expect_found(text, "uninitialised read", "shared memory");
  snprintf(text, sizeof text, "%scp.async.wait_group 1;\nld.shared.u32 %%r5, [%%r3];\nret;\n",
           copy);
  expect_found(text, "uninitialised read", "shared memory");
  snprintf(text, sizeof text, "%sret;\n", copy);
  expect_found(text, "uninitialised read", "never waited for");
  snprintf(text, sizeof text, "%scp.async.wait_group 0;\nld.shared.u32 %%r5, [%%r3];\nret;\n",
           copy);
  expect_found(text, "", "");
}

#define COPY "cp.async.ca.shared.global [%r3], [%rd1], 4, 4;\ncp.async.commit_group;\n"
#define WAIT "cp.async.wait_group 0;\n"

/* Both ends of a copy belong to it until the wait. */
Test(ptx_text, what_touches_a_copy_in_flight_is_found) {
  expect_found(COPY COPY WAIT "ret;\n", "data race", "has not landed");
  expect_found(COPY "st.shared.u32 [%r3], %r1;\n" WAIT "ret;\n", "data race", "has not landed");
  expect_found(COPY
               "bar.sync 0;\nxor.b32 %r4, %r3, 4;\nst.shared.u32 [%r4], %r1;\n"
               "bar.sync 0;\n" WAIT "ret;\n",
               "data race", "has not landed");
  expect_found(COPY "st.global.u32 [%rd1], %r1;\n" WAIT "ret;\n", "data race",
               "that has not landed");
  expect_found(COPY "bar.sync 0;\nxor.b64 %rd4, %rd1, 32;\nst.global.u32 [%rd4], %r1;\n" WAIT
                    "ret;\n",
               "data race", "");
  expect_found(COPY WAIT COPY WAIT "st.shared.u32 [%r3], %r1;\nst.global.u32 [%rd1], %r1;\nret;\n",
               "", "");
  expect_found(COPY WAIT
               "bar.sync 0;\nxor.b32 %r4, %r3, 4;\nst.shared.u32 [%r4], %r1;\n"
               "xor.b64 %rd4, %rd1, 32;\nst.global.u32 [%rd4], %r1;\nret;\n",
               "", "");
}

/* The size of the copy counts, not how many of its bytes are read. */
Test(ptx_text, a_copy_from_an_odd_address_is_found) {
  expect_found(
      "shl.b32 %r4, %r1, 4;\nadd.s32 %r4, %r4, %r2;\n"
      "@%p1 cp.async.cg.shared.global [%r4], [%rd1+4], 16, 4;\ncp.async.commit_group;\n" WAIT
      "ret;\n",
      "misaligned access", "a copy's source");
  expect_found("cp.async.ca.shared.global [%r3], [%rd1+2], 4, 2;\ncp.async.commit_group;\n" WAIT
               "ret;\n",
               "misaligned access", "a copy's source");
}

/* A table before the entry. */
Test(ptx_text, a_table_read_at_an_odd_address_is_found) {
  static const struct {
    int offset, alignment;
    const char *want;
  } cases[] = {{4, 8, ""}, {2, 8, "misaligned access"}, {4, 1, "misaligned access"}};
  static uint64_t in[4], out[4];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[1000], finding[400] = "";
    snprintf(text, sizeof text,
             ".version 9.0\n.target sm_90\n.address_size 64\n"
             ".global .align %d .b8 t[8] = {1, 2, 3, 4, 5, 6, 7, 8};\n"
             ".visible .entry trial(.param .u64 i, .param .u64 o, .param .align 16 .b8 b[32])\n"
             "{\n.reg .b32 %%r<2>;\nld.global.u32 %%r1, [t+%d];\nret;\n}\n",
             cases[i].alignment, cases[i].offset);
    const sl_ptx_trial trial = {text, 1, 1, in, {0}};
    const char *const wrong = sl_ptx_trial_run(&trial, 1, out);
    cr_assert_null(wrong, "%s", wrong);
    if (sl_simulation_findings()) sl_simulation_describe(0, finding, sizeof finding);
    cr_expect(
        strncmp(finding, cases[i].want, strlen(cases[i].want)) == 0 && !*cases[i].want == !*finding,
        "offset %d: %s", cases[i].offset, finding);
  }
}

/* One with accesses to memory, where threads switch, and one without. */
Test(ptx_text, a_loop_without_end_is_found) {
  static const char *const loops[] = {"mov.u32 %r5, 1;\n$L:\nadd.s32 %r5, %r5, 1;\nbra.uni $L;\n",
                                      "@!%p1 ret;\n$L:\nld.global.u32 %r5, [%rd1];\nbra.uni $L;\n"};
  for (size_t i = 0; i < 2; i++) {
    char text[400] = "", place[40];
    cr_assert_null(run(loops[i], 1));
    cr_assert_gt(sl_simulation_findings(), 0);
    sl_simulation_describe(0, text, sizeof text);
    snprintf(place, sizeof place, "trial.ptx:%d", BODY_LINE + 3);
    cr_expect(strstr(text, "a loop that does not end") && strstr(text, place), "%s", text);
  }
}

/* A finding names the line of the PTX, and that of its source where .loc gives it. */
Test(ptx_text, findings_have_their_line) {
  cr_assert_null(run("\nld.local.u32 %r5, [l_words+16];\nret;\n", 1));
  char text[400];
  sl_simulation_describe(0, text, sizeof text);
  char place[40];
  snprintf(place, sizeof place, "trial.ptx:%d", BODY_LINE + 1);
  cr_expect(strstr(text, place), "%s", text);
}
