/* Fills an error without libsluice, which the oracle does not use. Internal. */
#ifndef SLUICE_CONTRACT_FAIL_H
#define SLUICE_CONTRACT_FAIL_H

#include <sluice/status.h>

/* err may be NULL; returns status. */
sl_status sl_contract_fail(sl_error *err, sl_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
