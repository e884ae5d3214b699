/* An op by the name that a user typed. */
#include "op_named.h"

#include "kernels/core/nearest.h"

#include <string.h>

sl_status sl_op_named(const sl_op **op, const char *name, sl_error *err) {
  *op = sl_op_find(name);
  if (*op) return SL_OK;
  char meant[SL_MEANT];
  sl_nearest nearest = {.word = name, .length = strlen(name)};
  for (size_t i = 0; i < sl_op_count(); i++) sl_nearest_offer(&nearest, sl_op_at(i)->name);
  const char *hint = sl_nearest_meant(meant, &nearest);
  return sl_fail(err, SL_ERR_USAGE, "no op '%s'%s", name,
                 *hint ? hint : "; 'sluice equiv --conventions' lists them");
}
