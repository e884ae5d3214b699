/* A kernel that crashes or does not return is different (spec E5.1): the process ends with exit
 * code 1 and the line that repeats the problem. */
#ifndef SLUICE_RELATIONS_CRASH_H
#define SLUICE_RELATIONS_CRASH_H

/* From here on signals of a crash, and `seconds` on one problem (0: no limit), end the process. */
void sl_crash_catch(unsigned seconds);
/* What is run next; the time starts anew. Does nothing before sl_crash_catch. */
void sl_crash_expect(const char *kernel, const char *backend, const char *replay);
/* No problem is running. */
void sl_crash_end(void);

#endif
