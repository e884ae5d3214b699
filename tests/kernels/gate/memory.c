/* A gate that finds no memory at any of its allocations is refused, and nothing is left behind. The
 * linker puts these allocators in place of the library's calls (--wrap). */
#include <sluice/gate.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void __real_free(void *memory);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void __wrap_free(void *memory);

/* Allocations until the one that fails, and those that nobody has freed. */
static long left, held;
/* What `left` was before the gate was evaluated. */
static long left_loaded;

static void *counted(void *memory, const void *old) {
  held += memory && !old;
  return memory;
}
static int fails(void) { return left-- == 0; }

void *__wrap_malloc(size_t bytes) { return fails() ? NULL : counted(__real_malloc(bytes), NULL); }
void *__wrap_calloc(size_t n, size_t bytes) {
  return fails() ? NULL : counted(__real_calloc(n, bytes), NULL);
}
void *__wrap_realloc(void *old, size_t bytes) {
  return fails() ? NULL : counted(__real_realloc(old, bytes), old);
}
void __wrap_free(void *memory) {
  held -= memory != NULL;
  __real_free(memory);
}

/* Enough operations that code and registers grow, and a tree of more than one block. */
static const char text[] =
    "gate wide\n"
    "param tau in [1, 2] default 1.5\n"
    "f = tanh(tau*(r - 1)) + atan(r)*erf(r/3) + sin(r)^7*cos(r)^(5/2) + log1p(r^3)/(1 + exp(-r))"
    " + min(sqrt(r), max(r, softsign(r)))*sinh(r/9)*cosh(r/8)\n";

static sl_status load(float *weight, sl_error *err) {
  sl_gate gate;
  sl_gate_definition *def = NULL;
  const sl_status status = sl_gate_parse(&gate, &def, text, strlen(text), "t", NULL, 0, err);
  left_loaded = left;
  if (status)
    cr_assert(!def && err->status == status && err->message[0]);
  else
    sl_gate_evaluate(def, 1, &(float){1.25f}, NULL, weight, 1);
  sl_gate_definition_free(def);
  return status;
}

Test(gate_memory, every_allocation_may_fail) {
  float want, weight = 0.0f;
  sl_error err;
  left = -1;
  cr_assert_eq(load(&want, &err), SL_OK);
  const long needed = -1 - left_loaded;
  cr_assert(needed > 20 && held == 0);
  for (long n = 0; n < needed; n++) {
    left = n;
    cr_assert_eq(load(&weight, &err), SL_ERR_MEMORY, "%s: allocation %ld of %ld failed",
                 err.message, n, needed);
    cr_assert_eq(held, 0, "allocation %ld of %ld failed: %ld are not freed", n, needed, held);
  }
  left = needed; /* the lanes of a large program: NaN, which a kernel refuses (spec N1.5) */
  cr_assert(load(&weight, &err) == SL_OK && isnan(weight) && held == 0);
  left = needed + 1;
  cr_assert(load(&weight, &err) == SL_OK && weight == want && held == 0);
}
