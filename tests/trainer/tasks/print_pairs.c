/* Prints pairs of answers as lines of kind, whether they are equal, what sl_answer_equal says, what
 * decided, left, right; separated by tabs. Usage: print-pairs SEED COUNT */
#include "answer_pairs.h"

#include "trainer/tasks/answer.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const uint64_t seed = strtoull(argv[1], NULL, 10);
  const uint32_t n = (uint32_t)strtoul(argv[2], NULL, 10);
  for (uint32_t i = 0; i < n; i++) {
    answer_pair p;
    sl_grade_by by;
    answer_pair_make(&p, seed, i);
    const int said = sl_answer_equal(p.left, p.right, &by);
    printf("%s\t%d\t%d\t%s\t%s\t%s\n", p.kind, p.equal, said,
           by == SL_GRADE_BY_VALUE ? "value" : "text", p.left, p.right);
  }
  return 0;
}
