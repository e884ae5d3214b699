/* The lines of a certificate, for tests that change them. */
#ifndef SLUICE_TEST_LINES_H
#define SLUICE_TEST_LINES_H

#include <stddef.h>
#include <stdint.h>

enum { LINES = 40000 };
typedef struct {
  char *line[LINES]; /* owned */
  int n;
} lines_t;

/* Below n, of one sequence for all of a program. */
uint32_t lines_pick(uint32_t n);

void lines_split(lines_t *t, const char *text);
void lines_clear(lines_t *t);

/* Joins the lines but the last and seals them. */
char *lines_seal(const lines_t *t, size_t *size);

/* Line i becomes `fresh`, which is taken over. */
void lines_put(lines_t *t, int i, char *fresh);
void lines_drop(lines_t *t, int i, int count);

/* A line that starts with `prefix` and holds `part`, drawn among all; -1: none. */
int lines_find(const lines_t *t, const char *prefix, const char *part);

/* A fresh text, with the first `from` as `to`. */
char *lines_replaced(const char *line, const char *from, const char *to);
/* The same in a line that is drawn; 0: none has it. */
int lines_swap_word(lines_t *t, const char *prefix, const char *from, const char *to);

/* Field k of a line, of those between spaces. */
long lines_get_field(const lines_t *t, int i, int k);
void lines_set_field(lines_t *t, int i, int k, const char *v);
/* 0 where i is -1. */
int lines_add_field(lines_t *t, int i, int k, long by);

#endif
