/* Which Sluice this is: the project's version, as CMake knows it. */
#include "version.h"

#include <sluice/project_version.h> /* made by CMake */

const char *sl_version(void) { return SLUICE_VERSION; }
