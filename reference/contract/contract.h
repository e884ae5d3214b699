/* Arithmetic contracts (spec E1.2): which arithmetic a kernel may use. */
#ifndef SLUICE_CONTRACT_H
#define SLUICE_CONTRACT_H

#include "format.h"

#include <sluice/status.h>

typedef enum {
  SL_ORDER_OURS,
  SL_ORDER_CHAIN,
  SL_ORDER_PAIRWISE,
  SL_ORDER_ANY,
  SL_ORDER_BLOCKS
} sl_order;

/* How a wrong formula reduces its inputs to `in`, exactly (spec E8.1). */
typedef enum { SL_INPUTS_GIVEN, SL_INPUTS_ROUNDED, SL_INPUTS_CUT } sl_inputs;

/* Functions whose error a contract names; SL_ULPS_DIV is the quotient. */
typedef enum { SL_ULPS_EXP, SL_ULPS_LOG, SL_ULPS_RSQRT, SL_ULPS_DIV, SL_ULPS_COUNT } sl_ulps_of;

enum { SL_STORED_MAX = 4 }; /* intermediates of one op */

typedef struct {
  int reduced;      /* 1: inputs may be reduced to `in` */
  sl_inputs inputs; /* of a cause alone: no text gives it */
  sl_format in, acc, out;
  int has_result;   /* 1: this output is of the type `result`, what is stored is of `out` */
  sl_format result; /* no text gives it either */
  sl_order order;
  size_t block; /* of SL_ORDER_BLOCKS */
  double ulps[SL_ULPS_COUNT];
  int scaled;      /* the argument of exp: 1 `scaled`, 0 `plain` */
  size_t online;   /* keys before a softmax rescales; 0: two passes */
  int flushed;     /* subnormals */
  unsigned stored; /* bit i: the op's intermediate i is rounded to `out` */
} sl_contract;

/* The defaults of the table in spec E1.2. */
sl_contract sl_contract_default(void);

/* Changes *c by `key=value,...`; `stored` are the op's intermediates, NULL after the last one.
 * SL_ERR_USAGE with the key and what it may be; then *c is as it was. */
sl_status sl_contract_parse(sl_contract *c, const char *text, const char *const *stored,
                            sl_error *err);

/* The contract as a text that sl_contract_parse reads back, every key given. */
enum { SL_CONTRACT_TEXT = 256 };
void sl_contract_print(char out[SL_CONTRACT_TEXT], const sl_contract *c, const char *const *stored);

/* Depth D of a sum of n terms (spec E1.3, E1.4), in units of u; `products`: the terms are products
 * that may be rounded themselves. */
double sl_contract_depth(const sl_contract *c, size_t n, int products);

/* Rescalings of a softmax over n keys at most (spec E2.3). */
size_t sl_contract_rescalings(const sl_contract *c, size_t n);

#endif
