/* Problems made from a seed (spec E9.1) as dumps, and answers to them. */
#ifndef SLUICE_TEST_MADE_H
#define SLUICE_TEST_MADE_H

#include "ci/products/dumps/dump_judge.h"

enum { MADE_TYPES = 3 };
extern const char *const made_types[MADE_TYPES];

/* A problem as a dump whose outputs have room; their type is that of the inputs. shape: NULL is the
 * op's own; settings: up to two, NULL or "" after the last one. */
void made_with(sl_dump_case *d, const char *op, const char *shape, const char *const *settings,
               const char *kind, const char *type, uint64_t seed);
void made_shape(sl_dump_case *d, const char *op, const char *shape, const char *kind,
                const char *type, uint64_t seed);

/* The op's own shape, and outputs that are not optional. */
void made(sl_dump_case *d, const char *op, const char *kind, const char *type, uint64_t seed);

/* What a right kernel gives, or one whose settings and formula are those of c. */
void made_answer(sl_dump_case *d, const sl_op_case *c);

sl_outcome made_outcome(const sl_dump_case *d);

#endif
