/* Pairs of answers made from known numbers: the generator writes one value in two ways, or two
 * values that differ. It shares no arithmetic with what is tested: numbers are small integers. */
#include "answer_pairs.h"

#include <sluice/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  uint64_t seed;
  uint32_t pair, at;
} draws;

static long draw(draws *d, long low, long high) {
  const uint64_t u = sl_random_u64(d->seed, d->at++, d->pair, 0, SL_RANDOM_TEST);
  return low + (long)sl_multiply_high(u, (uint64_t)(high - low + 1));
}

static long gcd(long a, long b) {
  while (b) {
    const long rest = a % b;
    a = b, b = rest;
  }
  return a < 0 ? -a : a;
}

static long power_of_ten(int n) {
  long p = 1;
  while (n-- > 0) p *= 10;
  return p;
}

/* q divides 10^*places. */
static int is_decimal(long q, int *places) {
  for (*places = 0; *places < 6; ++*places)
    if (power_of_ten(*places) % q == 0) return 1;
  return 0;
}

/* p/q, q > 0, in one of several ways. */
static void spell(char *out, draws *d, long p, long q) {
  if (q < 1) abort();
  const char *sign = p < 0 ? "-" : "";
  const long n = p < 0 ? -p : p, k = draw(d, 1, 5), g = gcd(n, q) ? gcd(n, q) : 1;
  int places;
  switch (draw(d, 0, 5)) {
    case 0:
      if (q / g == 1) {
        sprintf(out, "%s%ld", sign, n / q);
        return;
      }
      sprintf(out, "%s%ld/%ld", sign, n, q);
      return;
    case 1:
      sprintf(out, "%s\\frac{%ld}{%ld}", sign, n * k, q * k);
      return;
    case 2:
      sprintf(out, "%s\\dfrac{%ld}{%ld}", sign, n / g, q / g);
      return;
    case 3:
      if (is_decimal(q, &places)) {
        const long scaled = n * (power_of_ten(places) / q), unit = power_of_ten(places);
        sprintf(out, "%s%ld.%0*ld", sign, scaled / unit, places + 1, scaled % unit * 10);
        return;
      }
      sprintf(out, "%s\\tfrac{%ld}{%ld}", sign, n, q);
      return;
    case 4:
      sprintf(out, "%s\\left(\\frac{%ld}{%ld}\\right)", sign, n, q);
      return;
    default:
      sprintf(out, "%s %ld / %ld", sign, n * k, q * k);
  }
}

static void spell_integer(char *out, draws *d, long n) {
  const long k = draw(d, 0, 4), a = n < 0 ? -n : n;
  const char *sign = n < 0 ? "-" : "";
  if (k == 0)
    sprintf(out, "%s%ld", sign, a);
  else if (k == 1)
    sprintf(out, "%s%ld.00", sign, a);
  else if (k == 2 && a >= 1000000)
    sprintf(out, "%s%ld,%03ld,%03ld", sign, a / 1000000, a / 1000 % 1000, a % 1000);
  else if (k == 2 && a >= 1000)
    sprintf(out, "%s%ld,%03ld", sign, a / 1000, a % 1000);
  else if (k == 3 && a >= 1000)
    sprintf(out, "%s%ld%s%03ld", sign, a / 1000, draw(d, 0, 1) ? "{,}" : "\\,", a % 1000);
  else
    sprintf(out, "$%s%ld$", sign, a);
}

/* A number that is not 0. */
static long some(draws *d, long most) { return draw(d, 1, most) * (draw(d, 0, 1) ? 1 : -1); }

static void integers(answer_pair *out, draws *d) {
  const long n = some(d, 9999999), m = out->equal ? n : n + some(d, 3);
  spell_integer(out->left, d, n), spell_integer(out->right, d, m);
}

static void fractions(answer_pair *out, draws *d) {
  const long p = some(d, 400), q = draw(d, 1, 60);
  spell(out->left, d, p, q), spell(out->right, d, out->equal ? p : p + some(d, 2), q);
}

static void decimals(answer_pair *out, draws *d) {
  const long p = some(d, 99999), other = out->equal ? p : p + some(d, 9);
  spell(out->left, d, p, 1000);
  sprintf(out->right, "%s%ld.%03ld", other < 0 ? "-" : "", (other < 0 ? -other : other) / 1000,
          (other < 0 ? -other : other) % 1000);
}

static void percents(answer_pair *out, draws *d) {
  const long p = draw(d, 1, 999), other = out->equal ? p : p + 1 + draw(d, 0, 5);
  sprintf(out->left, draw(d, 0, 1) ? "%ld.%ld\\%%" : "%ld.%ld %%", p / 10, p % 10);
  spell(out->right, d, other, 1000);
}

static void mixed(answer_pair *out, draws *d) {
  const long units = draw(d, 1, 30), q = draw(d, 2, 12), p = draw(d, 1, q - 1);
  sprintf(out->left, draw(d, 0, 1) ? "%ld\\frac{%ld}{%ld}" : "%ld %ld/%ld", units, p, q);
  spell(out->right, d, units * q + p + !out->equal, q);
}

static void powers(answer_pair *out, draws *d) {
  const long base = draw(d, 2, 9) * (draw(d, 0, 1) ? 1 : -1), n = draw(d, 2, 6);
  long value = 1;
  for (long i = 0; i < n; i++) value *= base;
  sprintf(out->left, base < 0 ? "(%ld)^{%ld}" : draw(d, 0, 1) ? "%ld^%ld" : "%ld^{%ld}", base, n);
  spell_integer(out->right, d, out->equal ? value : value + some(d, 2));
}

static const long square_free[] = {2, 3, 5, 6, 7, 10, 11, 13, 15, 21};

static void roots(answer_pair *out, draws *d) {
  const long n = square_free[draw(d, 0, 9)], a = draw(d, 2, 20), m = out->equal ? n : n + 1;
  sprintf(out->left, draw(d, 0, 1) ? "%ld\\sqrt{%ld}" : "%ld \\cdot \\sqrt{%ld}", a, n);
  sprintf(out->right, draw(d, 0, 1) ? "\\sqrt{%ld}" : "\\sqrt {%ld}", a * a * m);
}

static void denominators(answer_pair *out, draws *d) {
  const long n = square_free[draw(d, 0, 9)], a = draw(d, 1, 20);
  sprintf(out->left, draw(d, 0, 1) ? "\\frac{%ld}{\\sqrt{%ld}}" : "%ld/\\sqrt{%ld}", a, n);
  sprintf(out->right, "\\frac{%ld\\sqrt{%ld}}{%ld}", out->equal ? a : a + 1, n, n);
}

/* c / (a + sqrt n) = c (a - sqrt n) / (a a - n) */
static void conjugates(answer_pair *out, draws *d) {
  const long n = square_free[draw(d, 0, 9)], a = draw(d, 5, 9), c = draw(d, 1, 9);
  sprintf(out->left, "\\frac{%ld}{%ld+\\sqrt{%ld}}", c, a, n);
  sprintf(out->right, "\\frac{%ld-%ld\\sqrt{%ld}}{%ld}", c * a, c, n,
          a * a - n + (out->equal ? 0 : 1));
}

static void sums(answer_pair *out, draws *d) {
  const long n = square_free[draw(d, 0, 9)], a = some(d, 20), b = draw(d, 2, 9);
  sprintf(out->left, "%ld+%ld\\sqrt{%ld}", a, b, n);
  const int root_first = (int)draw(d, 0, 1);
  sprintf(out->right, root_first ? "\\sqrt{%ld}*%ld%+ld" : "%ld\\sqrt{%ld}%+ld", root_first ? n : b,
          root_first ? b : n, out->equal ? a : -a);
}

static void pis(answer_pair *out, draws *d) {
  const long p = draw(d, 2, 50), q = draw(d, 2, 9), other = out->equal ? p : p + 1;
  sprintf(out->left, draw(d, 0, 1) ? "\\frac{%ld\\pi}{%ld}" : "\\frac{%ld \\pi}{%ld}", p, q);
  sprintf(out->right, draw(d, 0, 1) ? "\\frac{%ld}{%ld}\\pi" : "%ld/%ld \\cdot \\pi", other, q);
}

static void tuples(answer_pair *out, draws *d) {
  long p[3];
  char x[3][80], y[3][80];
  for (int i = 0; i < 3; i++) {
    p[i] = some(d, 40) + 100 * i; /* all different */
    spell(x[i], d, p[i], 4);
    spell(y[i], d, p[i], 4);
  }
  const int first = out->equal ? 0 : 1;
  sprintf(out->left, "(%s, %s, %s)", x[0], x[1], x[2]);
  sprintf(out->right, draw(d, 0, 1) ? "\\left(%s,%s,%s\\right)" : "( %s , %s , %s )", y[first],
          y[1 - first], y[2]);
}

static void intervals(answer_pair *out, draws *d) {
  static const char *const left[] = {"(", "["}, *const right[] = {")", "]"};
  const long p = some(d, 40), q = p + draw(d, 1, 50), open = draw(d, 0, 1), close = draw(d, 0, 1);
  char x[2][80], y[2][80];
  spell(x[0], d, p, 2), spell(x[1], d, q, 2), spell(y[0], d, p, 2), spell(y[1], d, q, 2);
  sprintf(out->left, "%s%s,%s%s", left[open], x[0], x[1], right[close]);
  sprintf(out->right, "\\left%s%s, %s\\right%s", left[out->equal ? open : 1 - open], y[0], y[1],
          right[close]);
}

static void unions(answer_pair *out, draws *d) {
  const long a = some(d, 20), b = a + draw(d, 1, 9);
  sprintf(out->left, "(-\\infty, %ld) \\cup (%ld, \\infty)", a, b);
  sprintf(out->right, "\\left(-\\infty,%ld\\right)\\cup\\left(%ld,%s\\infty\\right)", a,
          out->equal ? b : b + 1, draw(d, 0, 1) ? "+" : "");
}

static void lists(answer_pair *out, draws *d) {
  const long a = some(d, 90), b = a + draw(d, 1, 9), c = b + draw(d, 1, 9);
  sprintf(out->left, "%ld, %ld, %ld", a, b, c);
  sprintf(out->right, draw(d, 0, 1) ? "\\{%ld, %ld, %ld\\}" : "%ld, %ld, %ld", c, a,
          out->equal ? b : b + 100);
}

static void units(answer_pair *out, draws *d) {
  static const char *const unit[] = {"%ld\\text{ cm}",     "%ld \\mathrm{m}^2", "%ld^\\circ",
                                     "%ld^{\\circ}",       "%ld dollars",       "\\$%ld",
                                     "%ld\\text{ feet}^3", "%ld cm^2"};
  const long n = draw(d, 1, 900);
  snprintf(out->left, sizeof out->left, unit[draw(d, 0, 7)], n);
  spell_integer(out->right, d, out->equal ? n : n + 1);
}

static void words(answer_pair *out, draws *d) {
  static const char *const word[] = {"Friday", "no solution", "even", "hyperbola", "neither"};
  const long i = draw(d, 0, 4), j = out->equal ? i : (i + 1) % 5;
  sprintf(out->left, "\\text{%s}", word[i]);
  sprintf(out->right, draw(d, 0, 1) ? "%s" : "\\textbf{%s}", word[j]);
}

static void names(answer_pair *out, draws *d) {
  const long p = some(d, 200);
  char x[80], y[80];
  spell(x, d, p, 8), spell(y, d, out->equal ? p : p + some(d, 3), 8);
  sprintf(out->left, draw(d, 0, 1) ? "x = %s" : "k=%s", x);
  sprintf(out->right, "%s", y);
}

static void periods(answer_pair *out, draws *d) {
  const long units = draw(d, 0, 9), p = draw(d, 1, 98);
  sprintf(out->left, "%ld.\\overline{%02ld}", units, p);
  spell(out->right, d, units * 99 + p + (out->equal ? 0 : 1), 99);
}

static void scientific(answer_pair *out, draws *d) {
  const long m = draw(d, 11, 99), e = draw(d, 1, 5);
  sprintf(out->left, draw(d, 0, 1) ? "%ld.%ld \\times 10^{%ld}" : "%ld.%ld \\cdot 10^%ld", m / 10,
          m % 10, e);
  spell_integer(out->right, d, (out->equal ? m : m + 1) * power_of_ten((int)e - 1));
}

static void boxes(answer_pair *out, draws *d) {
  const long p = some(d, 200), q = draw(d, 2, 12);
  char x[80];
  spell(x, d, p, q);
  sprintf(out->left, "We get \\boxed{1} at first, so the answer is $\\boxed{%s}$.", x);
  spell(out->right, d, out->equal ? p : p + some(d, 3), q);
}

static const struct {
  const char *name;
  void (*make)(answer_pair *, draws *);
} kinds[PAIR_KINDS] = {{"integer", integers},
                       {"fraction", fractions},
                       {"decimal", decimals},
                       {"percent", percents},
                       {"mixed", mixed},
                       {"power", powers},
                       {"root", roots},
                       {"denominator", denominators},
                       {"conjugate", conjugates},
                       {"sum", sums},
                       {"pi", pis},
                       {"tuple", tuples},
                       {"interval", intervals},
                       {"union", unions},
                       {"list", lists},
                       {"unit", units},
                       {"word", words},
                       {"name", names},
                       {"period", periods},
                       {"scientific", scientific},
                       {"box", boxes}};

void answer_pair_make(answer_pair *out, uint64_t seed, uint32_t i) {
  draws d = {seed, i, 0};
  out->kind = kinds[i % PAIR_KINDS].name;
  out->equal = (int)draw(&d, 0, 1);
  kinds[i % PAIR_KINDS].make(out, &d);
}
