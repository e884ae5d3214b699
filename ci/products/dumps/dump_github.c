/* GitHub's annotations and step summary of a dump. */
#include "dump_github.h"

#include "ci/products/judge/github_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A cell of a table: names of files and a loader's words may hold what Markdown reads. */
static void print_cell(FILE *out, const char *text) {
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c < ' ' || strchr("|<>&`[]*_\\", c))
      fprintf(out, "&#%u;", (unsigned)c);
    else
      fputc(c, out);
  }
}

static void annotate(FILE *out, const sl_dump_report *r, const char *reason) {
  const sl_outcome outcome = r->v->outcome;
  if (outcome != SL_OUTCOME_DIFFERENT && outcome != SL_OUTCOME_INCONCLUSIVE) return;
  fprintf(out, "::%s title=%s of ", outcome == SL_OUTCOME_DIFFERENT ? "error" : "warning",
          r->d->c.op->name);
  sl_github_property(out, r->path);
  fputs("::", out);
  sl_github_text(out, reason);
  for (size_t i = 0; i < r->causes->n && i < SL_DUMP_CAUSES; i++) {
    fputs("%0Aexplained by ", out);
    char text[SL_DUMP_CAUSE];
    sl_dump_cause_text(text, r->causes->found[i]);
    sl_github_text(out, text);
  }
  fputc('\n', out);
}

static void add_to_page(FILE *out, const sl_dump_report *r, const char *reason) {
  fputs("\n| op | file | verdict | why |\n|---|---|---|---|\n| ", out);
  fprintf(out, "%s | ", r->d->c.op->name);
  print_cell(out, r->path);
  fprintf(out, " | %s | ", sl_outcome_name(r->v->outcome));
  print_cell(out, reason);
  for (size_t i = 0; i < r->causes->n && i < SL_DUMP_CAUSES; i++) {
    fputs("<br>explained by ", out);
    char text[SL_DUMP_CAUSE];
    sl_dump_cause_text(text, r->causes->found[i]);
    print_cell(out, text);
  }
  fputs(" |\n", out);
}

void sl_dump_github(FILE *out, const sl_dump_report *r) {
  const char *on_github = getenv("GITHUB_ACTIONS");
  char reason[SL_DUMP_REASON];
  sl_dump_reason(reason, r);
  if (on_github && strcmp(on_github, "true") == 0) annotate(out, r, reason);
  FILE *page = sl_github_page_open();
  if (page) add_to_page(page, r, reason);
  sl_github_page_close(page);
}
