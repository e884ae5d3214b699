/* The plain backend's table: every row, nothing overridden. */
#include "plain.h"

static size_t no_pack(size_t n, size_t k, sl_pack_kind kind) {
  (void)n, (void)k, (void)kind;
  return 0;
}

void sl_plain_table(sl_kernel_table *table) {
#define SL_KERNEL(name, params, args, storage, clause, bound) table->name = sl_plain_##name;
#include <sluice/kernels.def>
#undef SL_KERNEL
  table->linear_pack_bytes = no_pack;
}
