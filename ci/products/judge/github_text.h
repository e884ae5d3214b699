/* Text inside GitHub's workflow commands, `::error title=PROPERTY::TEXT`. */
#ifndef SLUICE_JUDGE_GITHUB_TEXT_H
#define SLUICE_JUDGE_GITHUB_TEXT_H

#include <stdio.h>

/* Of the text GitHub decodes %25, %0D and %0A alone; of a property %3A and %2C too. Other control
 * characters become '?'. */
void sl_github_text(FILE *out, const char *text);
void sl_github_property(FILE *out, const char *text);

#endif
