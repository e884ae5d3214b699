/* Timings on request (on_request.h). */
#include "on_request.h"

#include <stdio.h>

sl_status sl_on_request(sl_request *measure, void *user, sl_error *err) {
  char answer[256];
  sl_status status = SL_OK;
  int c;
  fflush(stdout);
  while (!status && (c = getchar()) != EOF) {
    if (c != '\n') continue;
    status = measure(user, answer, sizeof answer, err);
    if (!status && (printf("%s\n", answer) < 0 || fflush(stdout)))
      status = sl_fail(err, SL_ERR_IO, "cannot write the answer to a request");
  }
  return status;
}
