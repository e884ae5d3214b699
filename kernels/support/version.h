/* Which Sluice this is. */
#ifndef SLUICE_VERSION_H
#define SLUICE_VERSION_H

/* "0.1.0" */
const char *sl_version(void);

#endif
