/* Runs the tests of a program one after the other, each in a process of its own; see criterion.h
 * here. */
#include "criterion/criterion.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TESTS_MAX = 256 };

static struct {
  const char *suite, *name; /* no name: a suite's own */
  void (*run)(void);
  sl_test_options options;
} tests[TESTS_MAX];
static size_t n_tests;
static int failed;

void sl_test_add(const char *suite, const char *name, void (*run)(void), sl_test_options options) {
  if (n_tests == TESTS_MAX) abort();
  tests[n_tests].suite = suite, tests[n_tests].name = name;
  tests[n_tests].run = run, tests[n_tests].options = options;
  n_tests++;
}

void sl_test_check(int fatal, int holds, const char *file, int line, const char *condition,
                   const char *format, ...) {
  if (holds) return;
  va_list args;
  va_start(args, format);
  fprintf(stderr, "%s:%d: %s does not hold: ", file, line, condition);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  failed = 1;
  if (fatal) exit(1);
}

void sl_test_log(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vprintf(format, args);
  putchar('\n');
  va_end(args);
}

static void run(size_t i) {
  sl_test_options suite = {0};
  for (size_t s = 0; s < n_tests; s++)
    if (!tests[s].name && strcmp(tests[s].suite, tests[i].suite) == 0) suite = tests[s].options;
  if (suite.init) suite.init();
  tests[i].run();
  if (suite.fini) suite.fini();
  exit(failed);
}

/* 1 if the test ended as it should: with exit code 0, or by the signal that it names. */
static int passes(size_t i) {
  int status = 0;
  fflush(NULL);
  const pid_t child = fork();
  if (child == 0) run(i);
  if (child < 0 || waitpid(child, &status, 0) != child) return 0;
  const int wanted = tests[i].options.signal;
  return wanted ? WIFSIGNALED(status) && WTERMSIG(status) == wanted
                : WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(void) {
  size_t ran = 0, bad = 0;
  for (size_t i = 0; i < n_tests; i++) {
    if (!tests[i].name) continue;
    ran++;
    if (passes(i)) continue;
    bad++;
    fprintf(stderr, "FAILED: %s/%s\n", tests[i].suite, tests[i].name);
  }
  printf("%zu tests, %zu failed\n", ran, bad);
  return ran == 0 || bad > 0;
}
