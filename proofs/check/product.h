/* P4: r f' -> 0. */
#ifndef SLUICE_CHECK_PRODUCT_H
#define SLUICE_CHECK_PRODUCT_H

#include "context.h"

/* "" where the claim holds, else why not. */
const char *slc_check_product(const context_t *c);
/* The same of a refutation, at the parameters that it names. */
const char *slc_check_product_refuted(const context_t *c);

#endif
