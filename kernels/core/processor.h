/* What this CPU can do (spec N1.2). Internal. Compiled for any x86-64, so that an older CPU gets an
 * error message and not an illegal instruction. */
#ifndef SLUICE_PROCESSOR_H
#define SLUICE_PROCESSOR_H

#define SL_PROCESSOR_TEXT 80

/* 1 if this CPU lacks an instruction set of x86-64-v3: text then names those that it lacks, as
 * "AVX2, FMA". */
int sl_processor_lacks(char text[SL_PROCESSOR_TEXT]);

/* 1 if this CPU has the AVX-512 that the backend cpu/avx512 needs. */
int sl_processor_has_avx512(void);

#endif
