/* What a certificate establishes, as the checker says it (spec G6.3). */
#ifndef SLUICE_CERTIFICATE_FACTS_H
#define SLUICE_CERTIFICATE_FACTS_H

#include "state_digest.h"

#include <sluice/gate.h>

enum { SL_FACT_PROPERTIES = 4, SL_FACT_REQUIREMENTS = 16 };

/* Values in [low, high], decimals; of binary64 numbers those from `least` to `most`. */
typedef struct {
  const char *name, *low, *high;
  double least, most;
} sl_fact_parameter;

typedef struct {
  sl_fact_parameter parameter[SL_GATE_PARAMETER_LIMIT];
  size_t n;
} sl_fact_values;

/* A verdict is "proved", "refuted" or "open"; a requirement's text is "LEFT <= RIGHT". */
typedef struct {
  const char *low, *high, *text, *verdict; /* low and high of r */
  sl_fact_values values;
} sl_fact_requirement;

typedef struct {
  int weight;             /* the expression is f' alone */
  const char *expression; /* NULL: the certificate has no such side */
  sl_fact_values values;
  const char *verdict[SL_FACT_PROPERTIES]; /* P1 to P4 */
  sl_fact_requirement requirement[SL_FACT_REQUIREMENTS];
  size_t requirements;
} sl_fact_side;

typedef struct {
  char *text; /* that the rest points into */
  char digest[SL_DIGEST_TEXT];
  int two;              /* of a gate of two arguments (spec G1.7) */
  sl_fact_side side[2]; /* by sign, as sl_gate.tau */
} sl_certificate_facts;

/* Has sluice-check, which lies beside this program, check the file. SL_ERR_INPUT with the line for
 * a certificate that it refuses; SL_ERR_UNAVAILABLE where the program is not there. */
sl_status sl_certificate_facts_read(sl_certificate_facts *out, const char *path, sl_error *err);
void sl_certificate_facts_free(sl_certificate_facts *facts);

#endif
