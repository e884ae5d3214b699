/* sluice simulate KERNEL|all: the CUDA sources under the SIMT simulator, compared with plain, seed
 * by seed; replays any seed exactly. */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/progress.h"

#include "kernels/core/nearest.h"

#include "simulated.h"
#include "kernels/simt/ptx/ptx.h"
#include "kernels/simt/simulation.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LARGE_SHRINK 4

typedef struct {
  const char *name, *plant, *from;
  uint64_t seeds, seed, problem; /* problem 0: each seed its own */
  size_t shrink;
  int smallest_tiles, list, forms, unreached;
  int ptx; /* 0, or the compute capability */
} options;

/* 1 for `first`, 0 for `second`. */
static int parse_choice(const char *arg, const char *name, const char *first, const char *second,
                        struct argp_state *state) {
  const char *const words[] = {first, second};
  return sl_argp_word(state, name, arg, words, 2) == 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case 'n':
      o->seeds = (uint64_t)sl_argp_integer(state, "seeds", arg, 1, UINT32_MAX);
      return 0;
    case 's':
      o->seed = (uint64_t)sl_argp_integer(state, "seed", arg, 1, UINT32_MAX);
      return 0;
    case 'c':
      o->problem = (uint64_t)sl_argp_integer(state, "case", arg, 1, UINT32_MAX);
      return 0;
    case 'z':
      o->shrink =
          parse_choice(arg, "shape", "small", "large", state) ? SL_SIMULATED_SHRINK : LARGE_SHRINK;
      return 0;
    case 't':
      o->smallest_tiles = parse_choice(arg, "tiles", "smallest", "production", state);
      return 0;
    case 'p':
      o->plant = arg;
      return 0;
    case 'l':
      o->list = 1;
      return 0;
    case 'x':
      o->ptx = !arg || parse_choice(arg, "ptx", "90", "80", state) ? 90 : 80;
      return 0;
    case 'f':
      o->from = arg;
      return 0;
    case 'u':
      o->unreached = 1;
      return 0;
    case 'F':
      o->forms = 1;
      return 0;
    case ARGP_KEY_ARG:
      if (o->ptx && (strcmp(arg, "80") == 0 || strcmp(arg, "90") == 0))
        argp_error(state, "'%s' is no kernel; the compute capability is --ptx=%s", arg, arg);
      if (o->name) argp_error(state, "expected one kernel or 'all'");
      o->name = arg;
      return 0;
    case ARGP_KEY_END:
      if (!o->name && !o->list && !o->forms) argp_usage(state);
      if (o->from && !o->ptx) o->ptx = 90;
      if (o->unreached && !o->ptx) argp_error(state, "--unreached is of --ptx");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option option_rows[] = {
    {"seeds", 'n', "N", 0, "how many schedules (default 200, or 1 with --case)", 0},
    {"seed", 's', "S", 0, "the first of them (default 1)", 0},
    {"case", 'c', "C", 0, "the problem: its shape and values; without it each seed has its own", 0},
    {"shape", 'z', "small|large", 0, "small (default) keeps a run below 200,000 accesses", 0},
    {"tiles", 't', "smallest|production", 0,
     "which instantiation of tiled kernels: the smallest (default), or production, those that a "
     "device runs",
     0},
    {"plant", 'p', "NAME", 0, "plant a failure that must be found", 0},
    {"ptx", 'x', "90|80", OPTION_ARG_OPTIONAL,
     "run what nvcc made of the kernels for that compute capability (default 90; 80 is there after "
     "cmake --build DIR --target sluice_ptx_80), not their source",
     0},
    {"ptx-from", 'f', "DIR", 0,
     "run the .ptx files of DIR, edited or not, in place of the build's of the same names", 0},
    {"unreached", 'u', 0, 0, "with --ptx: which lines of the PTX that ran no thread reached", 0},
    {"forms", 'F', 0, 0, "the forms of PTX that --ptx knows, each with its heading in the manual",
     0},
    {"list", 'l', 0, 0, "the kernels, and the failures that can be planted", 0},
    {0}};
static const struct argp parser = {
    option_rows,
    parse_option,
    "KERNEL|all",
    "Runs the CUDA sources on the CPU, their threads in an order that a seed draws, and compares "
    "their results with the plain kernel's, bit for bit. Reports data races, barrier divergence, "
    "wrong shuffle masks, accesses out of bounds, misaligned or uninitialised, and what the host "
    "does without waiting.\vA seed replays exactly. Memory is sequentially consistent: what only a "
    "weaker order shows is not found. Exit codes: 0 nothing found; 1 a finding, bits that differ, "
    "or a planted failure that was not found; 2 usage, or a build without PTX; 3 PTX that is "
    "missing "
    "or cannot be run, with file and line.",
    NULL,
    NULL,
    NULL};

static const sl_kernel_id kernels[] = {
#define SL_CUDA_KERNEL(name) SL_KERNEL_##name,
#include "kernels/cuda/cuda.def"
#undef SL_CUDA_KERNEL
};
#define KERNEL_COUNT (sizeof kernels / sizeof *kernels)

static int wider(int width, const char *text) {
  const int length = (int)strlen(text);
  return length > width ? length : width;
}

static int print_list(void) {
  const sl_simulation_plant *plants;
  const size_t n = sl_simulation_plants(&plants);
  int name = 0, kernel = 0, found = 0;
  for (size_t i = 0; i < n; i++) {
    name = wider(name, plants[i].name);
    kernel = wider(kernel, plants[i].kernel);
    found = wider(found, plants[i].found);
  }
  puts("kernels:");
  for (size_t i = 0; i < KERNEL_COUNT; i++) printf("  %s\n", sl_equiv_kernel_name(kernels[i]));
  puts("failures to plant, each in its kernel, and how it is found:");
  for (size_t i = 0; i < n; i++)
    printf("  %-*s  %-*s  %-*s  %s\n", name, plants[i].name, kernel, plants[i].kernel, found,
           plants[i].found, plants[i].what);
  return SL_EXIT_OK;
}

static int print_forms(void) {
  const sl_ptx_form *forms;
  const size_t n = sl_ptx_forms(&forms);
  int text = 0, clause = 0;
  for (size_t i = 0; i < n; i++)
    text = wider(text, forms[i].text), clause = wider(clause, forms[i].clause);
  puts(
      "form, heading in https://docs.nvidia.com/cuda/parallel-thread-execution (chapter 9.7), "
      "and what it leaves open:");
  for (size_t i = 0; i < n; i++)
    printf("  %-*s  %-*s%s%s\n", text, forms[i].text, *forms[i].open ? clause : 0, forms[i].clause,
           *forms[i].open ? "  " : "", forms[i].open);
  printf("%zu forms\n", n);
  return SL_EXIT_OK;
}

static double seconds_since(const struct timespec *start) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

typedef struct {
  uint64_t seeds, steps; /* steps: accesses, or instructions of PTX */
  double seconds;
} amount;

static void print_amount(const options *o, const char *verdict, const amount *a) {
  printf("%12" PRIu64 " %s  %6.1f s  %5.1f million/s  %s\n", a->steps,
         o->ptx ? "instructions" : "accesses", a->seconds, 1e-6 * (double)a->steps / a->seconds,
         verdict);
}

/* What of the PTX this kernel's runs have executed. */
static void print_coverage(const options *o) {
  char covered[200];
  sl_ptx_describe_coverage(covered, sizeof covered);
  printf("%-20s executed: %s\n", "", covered);
  if (o->unreached) {
    size_t entries, left;
    fputs(sl_ptx_unreached(&entries, &left), stdout);
    printf("%zu instructions of %zu entries not reached\n", left, entries);
  }
  sl_ptx_forget_coverage();
}

/* Prints why a run failed, and the line that replays it; returns its exit code. */
static int print_failure(const options *o, const sl_simulated_problem *problem,
                         const sl_simulated *run, const sl_error *err) {
  fprintf(stderr,
          "sluice simulate: %s, case %" PRIu64 ", seed %" PRIu64 ", %s: %s\nreplay: %s%s%s\n",
          sl_equiv_kernel_name(problem->kernel), problem->problem, problem->seed, run->shape,
          err->message, run->replay, o->from ? " --ptx-from " : "", o->from ? o->from : "");
  return sl_exit_code(err->status);
}

static int simulate(const options *o, sl_kernel_id kernel, amount *all) {
  const char *name = sl_equiv_kernel_name(kernel);
  struct timespec start;
  sl_progress line;
  amount a = {0};
  clock_gettime(CLOCK_MONOTONIC, &start);
  sl_progress_start(&line);
  for (uint64_t seed = o->seed; seed < o->seed + o->seeds; seed++) {
    const sl_simulated_problem problem = {
        kernel, o->problem ? o->problem : seed, seed, o->shrink, o->smallest_tiles, o->ptx};
    sl_simulated run;
    sl_error err;
    const sl_status status = sl_simulated_run(&run, &problem, &err);
    a.steps += o->ptx ? run.instructions : run.accesses, a.seeds++;
    if (status) {
      sl_progress_end(&line);
      return print_failure(o, &problem, &run, &err);
    }
    if (seconds_since(&start) > 2.0)
      sl_progress_line(&line, "%s: %" PRIu64 " of %" PRIu64 " seeds", name, seed - o->seed + 1,
                       o->seeds);
  }
  sl_progress_end(&line);
  a.seconds = seconds_since(&start);
  printf("%-20s seeds %" PRIu64 " to %" PRIu64 "  ", name, o->seed, o->seed + o->seeds - 1);
  print_amount(o, "clean", &a);
  if (o->ptx) print_coverage(o);
  fflush(stdout);
  all->seeds += a.seeds, all->steps += a.steps, all->seconds += a.seconds;
  return SL_EXIT_OK;
}

/* Plants what --plant names, if the run can meet it. */
static sl_status choose_plant(const options *o, sl_error *err) {
  const sl_simulation_plant *plants;
  const size_t n = sl_simulation_plants(&plants);
  size_t i = 0;
  if (!o->plant) return SL_OK;
  sl_nearest nearest = {.word = o->plant, .length = strlen(o->plant)};
  for (; i < n && strcmp(plants[i].name, o->plant) != 0; i++)
    sl_nearest_offer(&nearest, plants[i].name);
  if (i == n) {
    char meant[SL_MEANT];
    return sl_fail(err, SL_ERR_USAGE,
                   "there is no failure '%s' to plant ('sluice simulate --list' has them)%s",
                   o->plant, sl_nearest_meant(meant, &nearest));
  }
  if (strcmp(o->name, "all") != 0 && strcmp(o->name, plants[i].kernel) != 0)
    return sl_fail(err, SL_ERR_USAGE, "%s is planted in %s, not in %s", o->plant, plants[i].kernel,
                   o->name);
  if (o->ptx)
    return sl_fail(err, SL_ERR_USAGE, "--plant changes the CUDA source, which --ptx does not run");
  sl_simulation_set_plant((int)i);
  return SL_OK;
}

static sl_status check_name(const char *name, sl_error *err) {
  char meant[SL_MEANT];
  sl_nearest nearest = {.word = name, .length = strlen(name)};
  sl_nearest_offer(&nearest, "all");
  for (size_t i = 0; i < KERNEL_COUNT; i++) {
    if (strcmp(name, sl_equiv_kernel_name(kernels[i])) == 0) return SL_OK;
    sl_nearest_offer(&nearest, sl_equiv_kernel_name(kernels[i]));
  }
  return strcmp(name, "all") == 0
             ? SL_OK
             : sl_fail(err, SL_ERR_USAGE,
                       "the simulator has no kernel '%s' ('sluice simulate --list' has them)%s",
                       name, sl_nearest_meant(meant, &nearest));
}

/* Whether this build has what --ptx runs, before the first problem. */
static sl_status check_ptx(const options *o, sl_error *err) {
  if (!o->ptx) return SL_OK;
  sl_ptx_use(sl_ptx_files);
  sl_ptx_from(o->from);
  sl_ptx_architecture(o->ptx);
  int absent;
  const char *lacks = sl_ptx_lacks(&absent);
  return lacks ? sl_fail(err, absent ? SL_ERR_UNAVAILABLE : SL_ERR_INPUT, "%s", lacks) : SL_OK;
}

static int simulate_named(const options *o) {
  int code = SL_EXIT_OK;
  size_t clean = 0;
  amount all = {0};
  const int every = strcmp(o->name, "all") == 0;
  for (size_t i = 0; i < KERNEL_COUNT; i++) {
    if (!every && strcmp(o->name, sl_equiv_kernel_name(kernels[i])) != 0) continue;
    const int found = simulate(o, kernels[i], &all);
    if (found)
      code = found;
    else
      clean++;
  }
  if (every && clean) {
    char verdict[60];
    snprintf(verdict, sizeof verdict, "%zu of %zu kernels clean", clean, KERNEL_COUNT);
    printf("%-20s %" PRIu64 " seeds  ", "all", all.seeds);
    print_amount(o, verdict, &all);
  }
  if (o->plant && code == SL_EXIT_OK) {
    fprintf(stderr, "sluice simulate: %s: planted, NOT found\n", o->plant);
    return SL_EXIT_FAILED;
  }
  return code;
}

sl_command sl_cmd_simulate;
int sl_cmd_simulate(int argc, char **argv) {
  options o = {.seed = 1, .shrink = SL_SIMULATED_SHRINK, .smallest_tiles = 1};
  sl_argp_parse(&parser, argc, argv, &o);
  if (o.list) return print_list();
  if (o.forms) return print_forms();
  if (!o.seeds) o.seeds = o.problem ? 1 : 200;
  sl_error err;
  sl_status status = check_name(o.name, &err);
  if (!status) status = choose_plant(&o, &err);
  if (!status) status = check_ptx(&o, &err);
  if (status) return sl_cli_fail("sluice simulate", &err);
  return simulate_named(&o);
}
