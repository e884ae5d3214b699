/* Names of the functions of spec/functions.def. */
#ifndef SLUICE_FUNCTION_NAME_H
#define SLUICE_FUNCTION_NAME_H

#include <sluice/types.h>

const char *sl_function_name(sl_function_id f);

#endif
