/* What a checkpoint knows of a log (spec F4.5): its size and the digest of its bytes, so that a log
 * of another branch of the run, or a damaged one, is not cut in a wrong place. */
#ifndef SLUICE_LOG_RECORD_H
#define SLUICE_LOG_RECORD_H

#include "state_digest.h"

typedef struct {
  uint64_t size;
  char digest[SL_DIGEST_TEXT]; /* "" in a checkpoint before version 5 */
} sl_log_record;

/* The record of a log's first `size` bytes; it must have as many. SL_ERR_IO, SL_ERR_MEMORY. */
sl_status sl_log_record_take(sl_log_record *out, const char *path, uint64_t size, sl_error *err);

/* How a log begins: as recorded; with too few bytes; with other bytes. Without a digest the record
 * only tells that a line ends where it ends. A log that is absent has no bytes. */
typedef enum { SL_LOG_AS_RECORDED, SL_LOG_TOO_SHORT, SL_LOG_DIFFERS } sl_log_finding;
sl_status sl_log_record_compare(sl_log_finding *out, uint64_t *size, const char *path,
                                const sl_log_record *record, sl_error *err);

#endif
