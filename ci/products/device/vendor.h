/* The vendor's products, as the ceiling for Sluice's: cuBLAS in binary32 with TF32 off. */
#ifndef SLUICE_DEVICE_VENDOR_H
#define SLUICE_DEVICE_VENDOR_H

#include <sluice/status.h>

#include <stddef.h>

/* y (t, n) = x (t, k) w (n, k)'; dx (t, k) = dy (t, n) w (n, k); dw (n, k) = dy (t, n)' x (t, k).
 */
typedef enum { SL_PRODUCT_FORWARD, SL_PRODUCT_INPUT_GRAD, SL_PRODUCT_WEIGHT_GRAD } sl_product_kind;

typedef struct sl_vendor sl_vendor;

/* SL_ERR_UNAVAILABLE where it is not there. */
sl_status sl_vendor_open(sl_vendor **out, sl_error *err);
void sl_vendor_close(sl_vendor *vendor);

/* The result, then the operands in the order of the product above. Enqueues; sl_vendor_wait waits.
 */
sl_status sl_vendor_product(sl_vendor *vendor, sl_product_kind kind, float *out, const float *left,
                            const float *right, size_t t, size_t n, size_t k);
sl_status sl_vendor_wait(sl_vendor *vendor);

#endif
