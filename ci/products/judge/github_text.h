/* What GitHub shows of a report: text inside its workflow commands, `::error
 * title=PROPERTY::TEXT`, and the page of the run. */
#ifndef SLUICE_JUDGE_GITHUB_TEXT_H
#define SLUICE_JUDGE_GITHUB_TEXT_H

#include <stdio.h>

/* Of the text GitHub decodes %25, %0D and %0A alone; of a property %3A and %2C too. Other control
 * characters become '?'. */
void sl_github_text(FILE *out, const char *text);
void sl_github_property(FILE *out, const char *text);

/* The page of a run, GITHUB_STEP_SUMMARY, to be added to: NULL where there is none. A page that
 * cannot be opened or written is named on standard error; the verdict stands without it. */
FILE *sl_github_page_open(void);
void sl_github_page_close(FILE *page); /* page may be NULL */

#endif
