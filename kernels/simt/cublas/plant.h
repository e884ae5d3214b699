/* Failures of a caller of cuBLAS, planted in the stand-in: as if it had been called so. */
#ifndef SLUICE_SIMT_CUBLAS_PLANT_H
#define SLUICE_SIMT_CUBLAS_PLANT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  SL_CUBLAS_PLANT_NONE,
  SL_CUBLAS_PLANT_LEADING_DIMENSION, /* of A, one too small */
  SL_CUBLAS_PLANT_BETA_DROPPED,      /* 0 */
  SL_CUBLAS_PLANT_BETA_ALWAYS,       /* 1 */
  SL_CUBLAS_PLANT_NOT_TRANSPOSED,    /* A */
  SL_CUBLAS_PLANT_NO_STREAM,         /* the default one */
  SL_CUBLAS_PLANT_NOT_REPEATABLE,    /* every other call adds in ascending order */
  SL_CUBLAS_PLANTS
} sl_cublas_plant;
void sl_simulation_cublas_plant(sl_cublas_plant plant);

/* Calls of cublasSgemm since the program began. */
unsigned sl_simulation_cublas_calls(void);

#ifdef __cplusplus
}
#endif
#endif
