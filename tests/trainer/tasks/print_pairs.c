/* Prints pairs of answers as lines of kind, whether they are equal, what sl_answer_equal says, what
 * decided, left, right; separated by tabs. With --json as spec/vectors/grades.jsonl has them.
 * Usage: print-pairs SEED COUNT [--json] */
#include "answer_pairs.h"

#include "kernels/support/cli.h"
#include "trainer/tasks/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_json(const answer_pair *p, const char *by) {
  fputs("{\"text\":", stdout), sl_cli_json_text(stdout, p->left);
  fputs(",\"gold\":", stdout), sl_cli_json_text(stdout, p->right);
  printf(",\"equal\":%s,\"by\":\"%s\"}\n", p->equal ? "true" : "false", by);
}

int main(int argc, char **argv) {
  const int json = argc == 4 && strcmp(argv[3], "--json") == 0;
  if (argc != 3 && !json) return 2;
  const uint64_t seed = strtoull(argv[1], NULL, 10);
  const uint32_t n = (uint32_t)strtoul(argv[2], NULL, 10);
  for (uint32_t i = 0; i < n; i++) {
    answer_pair p;
    sl_grade_by by;
    answer_pair_make(&p, seed, i);
    const int said = sl_answer_equal(p.left, p.right, &by);
    const char *decided = by == SL_GRADE_BY_VALUE ? "value" : "text";
    if (json)
      print_json(&p, decided);
    else
      printf("%s\t%d\t%d\t%s\t%s\t%s\n", p.kind, p.equal, said, decided, p.left, p.right);
  }
  return 0;
}
