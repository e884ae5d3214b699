/* How many processors this process may use. Internal. */
#ifndef SLUICE_PROCESSORS_H
#define SLUICE_PROCESSORS_H

/* By its affinity and by the quotas of its control groups; at least 1. */
int sl_processors(void);

/* The least of `least` and of what the control groups allow, rounded up to whole processors. root
 * is put before /proc and /sys, for tests; "" is the system's own. */
int sl_quota_processors(const char *root, int least);

#endif
