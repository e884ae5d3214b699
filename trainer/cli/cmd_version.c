/* sluice version: what this binary is, what it can use here (spec N1.6), and its kernels as a
 * table. */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/version.h"
#include "trainer/files/json_text.h"

#include <sluice/kernels.h>

#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  int json, kernels;
} options;

static error_t parse_option(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  (void)arg;
  switch (key) {
    case 'j':
      o->json = 1;
      return 0;
    case 'k':
      o->kernels = 1;
      return 0;
    case ARGP_KEY_ARG:
      argp_error(state, "no argument expected, found '%s'", arg);
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option option_rows[] = {
    {"json", 'j', 0, 0, "one JSON object instead of text", 0},
    {"kernels", 'k', 0, 0, "the kernels as a Markdown table: spec/kernels.md", 0},
    {0}};
static const struct argp parser = {
    option_rows, parse_option,
    NULL,        "What this binary is, what it can use on this machine, and its kernels.",
    NULL,        NULL,
    NULL};

static const struct {
  const char *label, *backend;
  sl_isa isa;
  const char *note; /* of one that is available */
} backends[] = {
    {"plain", "plain", SL_ISA_BEST, ""},
    {"cpu/avx2", "cpu", SL_ISA_AVX2, ""},
    {"cpu/avx512", "cpu", SL_ISA_AVX512, ""},
    {"simt", "simt", SL_ISA_BEST, ""},
    {"ptx", "ptx", SL_ISA_BEST, ", made for compute_90"},
    {"cuda", "cuda", SL_ISA_BEST, ""},
    {"openblas", "openblas", SL_ISA_BEST, ", with other bits: linear layers by OpenBLAS"},
    {"cublas", "cublas", SL_ISA_BEST, ", with other bits: linear layers by cuBLAS"},
};
#define BACKEND_COUNT (sizeof backends / sizeof *backends)

/* Parts that a build may lack (ci/cmake/SluiceFlags.cmake). */
static const struct {
  const char *label, *option;
  int on;
} parts[] = {
#if SLUICE_HAS_REFERENCE
    {"reference", "SLUICE_REFERENCE", 1},
#else
    {"reference", "SLUICE_REFERENCE", 0},
#endif
#if SLUICE_HAS_PROOFS
    {"proofs", "SLUICE_PROOFS", 1},
#else
    {"proofs", "SLUICE_PROOFS", 0},
#endif
};
#define PART_COUNT (sizeof parts / sizeof *parts)

/* 1 if the backend can be had on this machine; else err says why not. */
static int backend_available(size_t i, sl_error *err) {
  sl_context *ctx = NULL;
  const sl_context_options o = {
      .backend = backends[i].backend, .isa = backends[i].isa, .threads = 1};
  if (sl_context_create(&ctx, &o, err) != SL_OK) return 0;
  sl_context_destroy(ctx);
  return 1;
}

static void print_text(void) {
  sl_error err;
  printf("sluice %s, numerics version %d\ncompiler %s\nbackends:\n", sl_version(),
         SL_NUMERICS_VERSION, SLUICE_COMPILER);
  for (size_t i = 0; i < BACKEND_COUNT; i++) {
    if (backend_available(i, &err))
      printf("  %-12s available%s\n", backends[i].label, backends[i].note);
    else
      printf("  %-12s absent: %s\n", backends[i].label, err.message);
  }
  puts("parts:");
  for (size_t i = 0; i < PART_COUNT; i++) {
    if (parts[i].on)
      printf("  %-12s in this build\n", parts[i].label);
    else
      printf("  %-12s absent: configured with -D%s=OFF\n", parts[i].label, parts[i].option);
  }
}

static int print_json(void) {
  sl_error err;
  json_t *available = json_object(), *built = json_object();
  for (size_t i = 0; i < BACKEND_COUNT; i++)
    json_object_set_new(available, backends[i].label, json_boolean(backend_available(i, &err)));
  for (size_t i = 0; i < PART_COUNT; i++)
    json_object_set_new(built, parts[i].label, json_boolean(parts[i].on));
  json_t *root = json_pack("{s:s, s:i, s:s, s:o, s:o}", "version", sl_version(), "numerics",
                           SL_NUMERICS_VERSION, "compiler", SLUICE_COMPILER, "backends", available,
                           "parts", built);
  char *text = root ? sl_json_dump(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  if (!text) return sl_cli_fail_memory("sluice version");
  puts(text);
  free(text);
  return SL_EXIT_OK;
}

static const char *const cpu_kernels[] = {
#define SL_CPU_KERNEL(name) #name,
#include "kernels/cpu/cpu.def"
#undef SL_CPU_KERNEL
    NULL};

static const char *const cuda_kernels[] = {
#define SL_CUDA_KERNEL(name) #name,
#include "kernels/cuda/cuda.def"
#undef SL_CUDA_KERNEL
    NULL};

static const char *cell(const char *const *list, const char *kernel, const char *otherwise) {
  for (const char *const *name = list; *name; name++)
    if (strcmp(*name, kernel) == 0) return "yes";
  return otherwise;
}

/* The clause column of the registry, T1_1, as the specification writes it: T1.1. */
static void print_row(const char *kernel, const char *storage, const char *clause,
                      const char *bound) {
  printf("| `sl_%s` | %s | ", kernel, storage);
  for (const char *c = clause; *c; c++) putchar(*c == '_' ? '.' : *c);
  printf(" | %s | yes | %s | %s |\n", bound, cell(cpu_kernels, kernel, "as plain"),
         cell(cuda_kernels, kernel, "no"));
}

static void print_kernels(void) {
  puts(
      "<!-- Written by `sluice version --kernels` from kernels.def; a test compares. -->\n"
      "# Kernels\n\n"
      "Clause: where the order of operations is written. Bound: the derivation in "
      "reference/bounds.c of the\n"
      "most that the plain kernel's error against the oracle may be; `exact` is bit equality. "
      "Every other\n"
      "backend equals plain bit for bit.\n\n"
      "| kernel | storage | clause | bound | plain | cpu | cuda and simt "
      "|\n|---|---|---|---|---|---|---|");
#define SL_KERNEL(name, params, args, storage, clause, bound) \
  print_row(#name, #storage, #clause, #bound);
#include <sluice/kernels.def>
#undef SL_KERNEL
}

sl_command sl_cmd_version;
int sl_cmd_version(int argc, char **argv) {
  options o = {0};
  sl_argp_parse(&parser, argc, argv, &o);
  if (o.kernels)
    print_kernels();
  else if (o.json)
    return print_json();
  else
    print_text();
  return SL_EXIT_OK;
}
