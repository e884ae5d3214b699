/* The floating-point environment that every thread must have (spec N1.2). Internal. */
#ifndef SLUICE_ENVIRONMENT_H
#define SLUICE_ENVIRONMENT_H

/* 1 if this thread rounds to nearest and keeps subnormals. */
int sl_environment_ok(void);

#endif
