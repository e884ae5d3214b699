/* How many processors this process may use. Internal. */
#ifndef SLUICE_PROCESSORS_H
#define SLUICE_PROCESSORS_H

/* By its affinity and by the quotas of its control groups; at least 1. */
int sl_processors(void);

/* The smaller of `least` and what the control groups allow, rounded up to whole processors. root is
 * a prefix of /proc and /sys, for tests; "" is the real system. */
int sl_quota_processors(const char *root, int least);

#endif
