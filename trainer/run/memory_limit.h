/* How much memory this process may take: the machine's, its control group's, its limits. */
#ifndef SLUICE_MEMORY_LIMIT_H
#define SLUICE_MEMORY_LIMIT_H

#include <stddef.h>

/* bytes is the least of what the machine has, of the control groups' limits, and of the address
 * space that a limit leaves; by says which one that is. free is what is available now, within
 * bytes. SIZE_MAX where nothing is known. */
typedef struct {
  size_t bytes, free;
  const char *by;
} sl_memory_limit;

sl_memory_limit sl_memory_limit_read(void);

#endif
