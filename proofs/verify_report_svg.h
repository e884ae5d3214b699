/* Parts of the picture of a report (verify_report.h) that have files of their own. */
#ifndef SLUICE_VERIFY_REPORT_SVG_H
#define SLUICE_VERIFY_REPORT_SVG_H

#include "verify_report.h"

/* Of a gate of two arguments; title and the line below it as every picture has them. */
void sl_report_svg_two(FILE *out, const char *title, const char *below, const sl_verified *v);

#endif
