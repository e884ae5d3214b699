/* How many processors this process may use. Internal. */
#ifndef SLUICE_PROCESSORS_H
#define SLUICE_PROCESSORS_H

#include <stddef.h>

/* By its affinity and by the quotas of its control groups; at least 1. */
int sl_processors(void);

/* Bytes of a core's second-level cache; 1 MiB where the system does not say. */
size_t sl_l2_bytes(void);

/* The smaller of `least` and what the control groups allow, rounded up to whole processors. root is
 * a prefix of /proc and /sys, for tests; "" is the real system. */
int sl_quota_processors(const char *root, int least);

#endif
