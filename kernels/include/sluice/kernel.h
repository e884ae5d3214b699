/* The C interface of a kernel of anybody's, as `sluice equiv --so FILE` loads it (spec E10). This
 * header stands alone: a kernel links nothing of Sluice. FILE is a shared library that defines the
 * two functions at the end:
 *
 *   cc -shared -fPIC -I PREFIX/include my_kernel.c -o my_kernel.so
 *   sluice equiv --so ./my_kernel.so --op linear
 *
 * The loader calls from one thread, in a process of its own, once. */
#ifndef SLUICE_KERNEL_H
#define SLUICE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#pragma GCC visibility push(default) /* the loader finds both functions by name */
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a structure or a meaning below does. */
#define SL_CALL_ABI 1

/* Element types. bfloat16 and float16 are 16-bit words, a flag is one byte. */
enum {
  SL_CALL_F64 = 1,
  SL_CALL_F32 = 2,
  SL_CALL_BF16 = 3,
  SL_CALL_F16 = 4,
  SL_CALL_I64 = 5,
  SL_CALL_BOOL = 6
};

/* A tensor in row-major order, named and shaped as `sluice equiv --op OP --conventions` prints. The
 * data begins at a multiple of 64 bytes. Inputs must not be written; nothing outside a tensor may
 * be read or written. */
typedef struct {
  const char *name;
  int32_t type;
  uint32_t rank;
  const uint64_t *shape; /* rank of them */
  uint64_t count;        /* elements */
  void *data;
} sl_call_tensor;

/* A size by the letter that shapes are written with. */
typedef struct {
  char letter;
  uint64_t size;
} sl_call_size;

/* A setting of the op: a number, or a choice with its name and its number in the list. */
typedef struct {
  const char *name;
  double value;
  const char *choice; /* NULL for a number */
} sl_call_setting;

/* One call of an op. */
typedef struct {
  uint32_t abi; /* SL_CALL_ABI of the loader */
  const char *op;
  size_t inputs, outputs, sizes, settings;
  const sl_call_tensor *input; /* all inputs of the op */
  const sl_call_tensor
      *output; /* to be written in full; an optional one as a whole or not at all */
  const sl_call_size *size;
  const sl_call_setting *setting;
} sl_call;

/* The kernel's: returns SL_CALL_ABI, of the header that it was compiled with. */
uint32_t sluice_kernel_abi(void);

/* The kernel's: computes the outputs. 0: done, and no thread or device writes them any more;
 * anything else, with which nothing is judged, is reported as a failure: an op or a type that the
 * kernel does not have, or no memory. */
int32_t sluice_kernel(const sl_call *call);

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
