/* The cpu backend's table for one instruction set: overrides the rows of cpu.def (spec N1.6). */
#include "cpu.h"

void SL_ISA_NAME(table)(sl_kernel_table *table) {
#define SL_CPU_KERNEL(name) table->name = SL_ISA_NAME(name);
#include "cpu.def"
#undef SL_CPU_KERNEL
  table->linear_pack_bytes = SL_ISA_NAME(linear_pack_bytes);
}
