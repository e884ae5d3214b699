/* What a binding asks first (sluice/abi.h); compiled for any x86-64 processor. */
#include "processor.h"

#include <sluice/abi.h>
#include <sluice/kernels.h>

uint32_t sl_abi_version(void) { return SL_ABI_VERSION; }

uint32_t sl_abi_numerics(void) { return SL_NUMERICS_VERSION; }

sl_status sl_abi_check_processor(sl_error *err) {
  char lacking[SL_PROCESSOR_TEXT];
  if (!sl_processor_lacks(lacking)) return SL_OK;
  return sl_fail(err, SL_ERR_UNAVAILABLE, "this CPU lacks %s: Sluice needs x86-64-v3 (spec N1.2)",
                 lacking);
}
