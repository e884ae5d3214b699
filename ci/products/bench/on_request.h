/* Timings on request, so that another program can take turns with this one: ci/peers does. */
#ifndef SLUICE_ON_REQUEST_H
#define SLUICE_ON_REQUEST_H

#include <sluice/status.h>

#include <stddef.h>

/* Measures once and writes the answer, a JSON object of one line. */
typedef sl_status sl_request(void *user, char *answer, size_t room, sl_error *err);

/* Measures for each line on standard input, whatever it says, and prints the answer; until input
 * ends. Whoever calls has printed a line that says that it is ready. */
sl_status sl_on_request(sl_request *measure, void *user, sl_error *err);

#endif
