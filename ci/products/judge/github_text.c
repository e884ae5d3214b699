/* What a workflow command may not hold as it is, and the page of the run. */
#include "github_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void print(FILE *out, const char *text, const char *escaped) {
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    if (strchr(escaped, c))
      fprintf(out, "%%%02X", (unsigned)c);
    else
      fputc(c < ' ' || c == 0x7f ? '?' : c, out);
  }
}

void sl_github_text(FILE *out, const char *text) { print(out, text, "%\r\n"); }

void sl_github_property(FILE *out, const char *text) { print(out, text, "%\r\n:,"); }

static const char *page_path(void) { return getenv("GITHUB_STEP_SUMMARY"); }

static void say_lost(void) {
  fprintf(stderr, "sluice equiv: warning: GITHUB_STEP_SUMMARY lacks the report: %s: %s\n",
          page_path(), strerror(errno));
}

FILE *sl_github_page_open(void) {
  const char *path = page_path();
  if (!path || !*path) return NULL;
  FILE *page = fopen(path, "a");
  if (!page) say_lost();
  return page;
}

void sl_github_page_close(FILE *page) {
  if (!page) return;
  const int failed = ferror(page);
  if (fclose(page) != 0 || failed) say_lost();
}
