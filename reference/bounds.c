/* The table of bounds: names, derivations, and which kernel has which (spec/kernels.def). */
#include "bounds.h"

static const char *const names[] = {
#define SL_BOUND(name, derivation) #name,
#include "bounds.def"
#undef SL_BOUND
};

static const char *const derivations[] = {
#define SL_BOUND(name, derivation) derivation,
#include "bounds.def"
#undef SL_BOUND
};

static const sl_bound_id of_kernel[] = {
#define SL_KERNEL(name, params, args, storage, clause, bound) SL_BOUND_##bound,
#include <sluice/kernels.def>
#undef SL_KERNEL
};

const char *sl_bound_name(sl_bound_id id) { return names[id]; }
const char *sl_bound_derivation(sl_bound_id id) { return derivations[id]; }
sl_bound_id sl_bound_of_kernel(size_t kernel) { return of_kernel[kernel]; }
