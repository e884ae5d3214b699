/* libFuzzer harness of the grading of answers (spec F3.12, F3.13): a completion, and behind a
 * section end a gold answer. Each is equal to itself, whatever stands around it; the order of the
 * two does not matter; and no pair takes long. */
#include "input.h"

#include "trainer/tasks/answer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS_MAX 1.0 /* of a checked build; a shipped one takes a hundredth */

/* The bytes up to the first NUL, with what stands before and behind. */
static char *text_of(section bytes, const char *before, const char *behind) {
  const void *nul = bytes.size ? memchr(bytes.data, 0, bytes.size) : NULL;
  const size_t n = nul ? (size_t)((const uint8_t *)nul - bytes.data) : bytes.size;
  char *text = malloc(strlen(before) + n + strlen(behind) + 1);
  if (!text) abort();
  strcpy(text, before);
  if (n) memcpy(text + strlen(before), bytes.data, n);
  strcpy(text + strlen(before) + n, behind);
  return text;
}

static int equal(const char *text, const char *gold, sl_grade_by *by) {
  const clock_t begin = clock();
  const int said = sl_answer_equal(text, gold, by);
  if ((double)(clock() - begin) / CLOCKS_PER_SEC > SECONDS_MAX) abort();
  return said;
}

static void check_itself(section bytes) {
  char *text = text_of(bytes, "", ""), *spaced = text_of(bytes, " \n", "\t ");
  sl_grade_by by;
  const int content = sl_answer_has_content(text);
  if (equal(text, text, &by) != content || equal(spaced, text, &by) != content) abort();
  if (content && sl_answer_has_value(text) != (by == SL_GRADE_BY_VALUE)) abort();
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
  if (equal(text, "4", &by) && by == SL_GRADE_BY_VALUE) abort();
#endif
  free(text), free(spaced);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const section left = next_section(&data, &size, 0), right = {data, size};
  char *a = text_of(left, "", ""), *b = text_of(right, "", "");
  sl_grade_by by, back;
  check_itself(left);
  check_itself(right);
  if (sl_answer_has_content(a) && sl_answer_has_content(b))
    if (equal(a, b, &by) != equal(b, a, &back) || by != back) abort();
  free(a), free(b);
  return 0;
}
