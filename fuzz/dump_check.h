/* What holds of every dump that is accepted (spec F6): see dump_check.c. */
#ifndef SLUICE_FUZZ_DUMP_CHECK_H
#define SLUICE_FUZZ_DUMP_CHECK_H

/* Opens the file; aborts where something that must hold of a dump does not. */
void dump_check(const char *path);

#endif
