/* NumPy's files (spec F6.4, F6.5): .npz, an archive of arrays, and .npy, one array. */
#ifndef SLUICE_NUMPY_H
#define SLUICE_NUMPY_H

#include "mapped_file.h"
#include "metadata.h"
#include "tensor.h"

#include <sluice/status.h>

#include <stddef.h>

typedef struct sl_numpy sl_numpy;

/* 1 if data begins as one of the two does. */
int sl_numpy_is(const unsigned char *data, size_t size);

/* Reads the headers of all arrays, and their metadata. Takes the map over, on error too.
 * SL_ERR_INPUT names the array and its byte, SL_ERR_MEMORY. */
sl_status sl_numpy_open(sl_numpy **out, sl_mapped_file *map, sl_error *err);
void sl_numpy_close(sl_numpy *file);

size_t sl_numpy_count(const sl_numpy *file);
const sl_metadata *sl_numpy_metadata(const sl_numpy *file);
/* Tensor index in the order of the file. Its data is NULL until it is loaded. Valid until close. */
const sl_tensor_view *sl_numpy_at(const sl_numpy *file, size_t index);

/* Reads a tensor's data into memory, where it stays until release or close. SL_ERR_INPUT where the
 * archive is damaged; nothing is then loaded. SL_ERR_MEMORY. */
sl_status sl_numpy_load(sl_numpy *file, size_t index, sl_error *err);
void sl_numpy_release(sl_numpy *file, size_t index);

#endif
