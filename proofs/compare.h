/* Gates side by side: half-width of f', sup r f', effective update ratio, and the parameter at
 * which one of these is that of the first gate. All values are enclosures. */
#ifndef SLUICE_COMPARE_H
#define SLUICE_COMPARE_H

#include "verify_run.h"

enum { SL_SPREADS = 4, SL_COMPARED = 8 };

typedef enum { SL_MATCH_NONE, SL_MATCH_EUR, SL_MATCH_HALF_WIDTH, SL_MATCH_SUP } sl_match;

typedef enum {
  SL_MATCHED_NOT_ASKED,
  SL_MATCHED_REFERENCE, /* the first gate */
  SL_MATCHED,
  SL_MATCHED_NO_PARAMETER,
  SL_MATCHED_OUT_OF_RANGE, /* the file's range does not reach the value */
  SL_MATCHED_UNKNOWN       /* a measure could not be enclosed */
} sl_match_result;

typedef struct {
  int positive; /* the sign of A: 1 A > 0 */
  sl_match match;
  const char *vary;              /* the parameter that is matched */
  sl_decimal spread[SL_SPREADS]; /* standard deviations of log r; EUR is matched at the first */
  int spreads;
  double seconds;
} sl_compare_request;

typedef struct {
  sl_verified v; /* its definition with the parameters of this comparison */
  char name[256];
  sl_verdict property[SL_P4W];
  arb_t half_below, half_above;     /* r where f' = 1/2 */
  int no_half_below, no_half_above; /* there is none: f' is above 1/2 on that side */
  int unbounded;                    /* r f' -> inf */
  arb_t supremum;
  arb_t eur[SL_SPREADS];
  sl_match_result result;
  int parameter;        /* the matched one */
  sl_decimal low, high; /* MATCHED: between them lies a value at which the measures are equal */
} sl_compared;

void sl_compared_init(sl_compared *c);
void sl_compared_clear(sl_compared *c);

/* Loads "NAME" or "NAME,PARAM=V,PARAM=V". */
sl_status sl_compare_load(sl_compared *c, const char *text, sl_error *err);
/* Matches the parameter of gates 1 to n - 1 to gate 0, and fills the measures of all. */
void sl_compare(sl_compared *c, size_t n, const sl_compare_request *request);
/* E f' at one spread, for a picture: the middle of its enclosure, NAN where there is none. */
double sl_compare_eur(const sl_compared *c, int positive, sl_decimal spread);

const char *sl_match_name(sl_match match);

void sl_compare_text(FILE *out, const sl_compared *c, size_t n, const sl_compare_request *request);
int sl_compare_json(FILE *out, const sl_compared *c, size_t n, const sl_compare_request *request);
void sl_compare_svg(FILE *out, const sl_compared *c, size_t n, const sl_compare_request *request);

#endif
