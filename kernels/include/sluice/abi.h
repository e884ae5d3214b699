/* What a program that loads libsluice.so at run time, as a binding for another language does, asks
 * before all else. The three functions run on any x86-64 processor, whatever its floating-point
 * environment. */
#ifndef SLUICE_ABI_H
#define SLUICE_ABI_H

#include <sluice/status.h>

#include <stdint.h>

#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libsluice.so exports */
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* Raised by each change of a public structure, enum or function that a caller compiled before it
 * would notice. */
#define SL_ABI_VERSION 5

/* SL_ABI_VERSION of the library: a caller that knows another one must not go on. */
uint32_t sl_abi_version(void);

/* SL_NUMERICS_VERSION of the library: which specification its bits follow (spec N1.8). */
uint32_t sl_abi_numerics(void);

/* SL_ERR_UNAVAILABLE, naming what is missing, on a processor older than x86-64-v3: there no other
 * function may be called (spec N1.2). err may be NULL. */
sl_status sl_abi_check_processor(sl_error *err);

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
