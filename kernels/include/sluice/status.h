/* Status codes and the error message that every fallible call of libsluice fills in.
 * On error outputs are untouched; the message names the place (file:line:column, tensor[index],
 * byte offset). */
#ifndef SLUICE_STATUS_H
#define SLUICE_STATUS_H

#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libsluice.so exports */
#endif
#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  SL_OK = 0,
  SL_ERR_USAGE,       /* the call or the command line makes no sense */
  SL_ERR_INPUT,       /* malformed or out-of-range input data */
  SL_ERR_IO,          /* the operating system refused */
  SL_ERR_MEMORY,      /* an allocation failed or a size overflows */
  SL_ERR_ENVIRONMENT, /* rounding mode, FTZ/DAZ, instruction set (spec N1.2) */
  SL_ERR_UNAVAILABLE, /* a backend or ISA that this build or machine lacks (spec N1.6) */
  SL_ERR_NONFINITE,   /* NaN or infinity at a boundary (spec N1.5) */
  SL_ERR_MISMATCH     /* a digest, hash or shape differs from what was recorded */
} sl_status;

typedef struct {
  sl_status status;
  char message[1000];
} sl_error;

/* Fills err (if not NULL) and returns status, so that callers write `return sl_fail(err, ...)`. */
sl_status sl_fail(sl_error *err, sl_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

#ifdef __clang_analyzer__ /* which does not see into it */
#define sl_fail(err, status, ...) (sl_fail(err, status, __VA_ARGS__), (status))
#endif

/* Returns the first error of a chain of calls. */
#define SL_TRY(call)               \
  do {                             \
    const sl_status try_ = (call); \
    if (try_) return try_;         \
  } while (0)

const char *sl_status_name(sl_status status);

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
