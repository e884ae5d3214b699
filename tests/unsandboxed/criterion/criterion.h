/* What the tests of kernels and rollouts use of Criterion, for the thread sanitizer: Criterion's
 * own sandbox maps memory at addresses that the sanitizer has taken. A test runs in a process of
 * its own here too (unsandboxed.c). Used only in builds with the thread sanitizer
 * (tests/CMakeLists.txt). */
#ifndef SLUICE_UNSANDBOXED_CRITERION_H
#define SLUICE_UNSANDBOXED_CRITERION_H

#include <stdlib.h>
#include <string.h>

typedef struct {
  int unused; /* so that an initialiser is never empty */
  void (*init)(void), (*fini)(void);
  int signal;
} sl_test_options;

/* Adds a test, or a suite's init and fini, where name is NULL. */
void sl_test_add(const char *suite, const char *name, void (*run)(void), sl_test_options options);
void sl_test_check(int fatal, int holds, const char *file, int line, const char *condition,
                   const char *format, ...);
void sl_test_log(const char *format, ...);

#define Test(suite, name, ...)                                                            \
  static void suite##_##name##_test(void);                                                \
  __attribute__((constructor)) static void add_##suite##_##name##_test(void) {            \
    sl_test_add(#suite, #name, suite##_##name##_test, (sl_test_options){0, __VA_ARGS__}); \
  }                                                                                       \
  static void suite##_##name##_test(void)

#define TestSuite(suite, ...)                                           \
  __attribute__((constructor)) static void add_##suite(void) {          \
    sl_test_add(#suite, NULL, NULL, (sl_test_options){0, __VA_ARGS__}); \
  }                                                                     \
  struct unused_##suite

#define SL_CHECK(fatal, condition, ...) \
  sl_test_check(fatal, (condition) ? 1 : 0, __FILE__, __LINE__, #condition, "" __VA_ARGS__)

#define cr_assert(condition, ...) SL_CHECK(1, condition, __VA_ARGS__)
#define cr_assert_not(condition, ...) SL_CHECK(1, !(condition), __VA_ARGS__)
#define cr_assert_eq(a, b, ...) SL_CHECK(1, (a) == (b), __VA_ARGS__)
#define cr_assert_neq(a, b, ...) SL_CHECK(1, (a) != (b), __VA_ARGS__)
#define cr_assert_lt(a, b, ...) SL_CHECK(1, (a) < (b), __VA_ARGS__)
#define cr_assert_leq(a, b, ...) SL_CHECK(1, (a) <= (b), __VA_ARGS__)
#define cr_assert_gt(a, b, ...) SL_CHECK(1, (a) > (b), __VA_ARGS__)
#define cr_assert_geq(a, b, ...) SL_CHECK(1, (a) >= (b), __VA_ARGS__)
#define cr_assert_null(a, ...) SL_CHECK(1, !(a), __VA_ARGS__)
#define cr_assert_not_null(a, ...) SL_CHECK(1, (a) != NULL, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) SL_CHECK(1, strcmp(a, b) == 0, __VA_ARGS__)
#define cr_expect(condition, ...) SL_CHECK(0, condition, __VA_ARGS__)
#define cr_expect_not(condition, ...) SL_CHECK(0, !(condition), __VA_ARGS__)
#define cr_expect_eq(a, b, ...) SL_CHECK(0, (a) == (b), __VA_ARGS__)
#define cr_expect_neq(a, b, ...) SL_CHECK(0, (a) != (b), __VA_ARGS__)
#define cr_expect_gt(a, b, ...) SL_CHECK(0, (a) > (b), __VA_ARGS__)
#define cr_expect_geq(a, b, ...) SL_CHECK(0, (a) >= (b), __VA_ARGS__)
#define cr_expect_lt(a, b, ...) SL_CHECK(0, (a) < (b), __VA_ARGS__)
#define cr_expect_null(a, ...) SL_CHECK(0, !(a), __VA_ARGS__)
#define cr_expect_not_null(a, ...) SL_CHECK(0, (a) != NULL, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) SL_CHECK(0, strcmp(a, b) == 0, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) SL_CHECK(0, strcmp(a, b) != 0, __VA_ARGS__)
#define cr_expect_str_empty(a, ...) SL_CHECK(0, *(a) == 0, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, bytes, ...) SL_CHECK(0, memcmp(a, b, bytes) == 0, __VA_ARGS__)
#define cr_log_warn(...) sl_test_log(__VA_ARGS__)

#endif
