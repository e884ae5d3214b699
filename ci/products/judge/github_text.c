/* What a workflow command may not hold as it is. */
#include "github_text.h"

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
