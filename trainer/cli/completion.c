/* A completion as sluice sample prints it. */
#include "kernels/support/cli.h"
#include "sample.h"

#include <stdio.h>

/* What was drawn, the end token included: a text alone may not say which ids it is of. */
static void print_ids(const uint32_t *ids, size_t n) {
  fputs(",\"ids\":[", stdout);
  for (size_t i = 0; i < n; i++) printf("%s%u", i ? "," : "", ids[i]);
  fputs("]", stdout);
}

sl_completion sl_completion_of(const sl_rollout *r, size_t q, const sl_sample_text *text) {
  const size_t first = r->seq[q] + r->prompt_length[q], n = r->seq[q + 1] - first;
  double logp = 0.0;
  for (size_t i = first - 1; i < first + n - 1; i++) logp += (double)r->logp[i];
  return (sl_completion){r->ids + first, n, r->ended[q], text->text.bytes, text->found, logp};
}

void sl_completion_print(const sl_completion *c) {
  fputs("\"completion\":", stdout), sl_cli_json_text(stdout, c->text);
  print_ids(c->ids, c->n);
  printf(",\"ended\":%s,\"logprob\":%.9g", c->ended ? "true" : "false", c->logprob);
  if (c->stop) fputs(",\"stop\":", stdout), sl_cli_json_text(stdout, c->stop);
  puts("}");
}
