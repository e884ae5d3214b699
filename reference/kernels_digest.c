/* The digest of a tensor's bits, over the integers (spec F5.1, F5.3). */
#include "kernels.h"

#include <gmp.h>
#include <string.h>

/* z becomes (z xor floor(z / 2^shift)) * factor modulo 2^64. */
static void mix_step(mpz_t z, mpz_t scratch, mp_bitcnt_t shift, const char *factor) {
  mpz_fdiv_q_2exp(scratch, z, shift);
  mpz_xor(z, z, scratch);
  mpz_set_str(scratch, factor, 16);
  mpz_mul(z, z, scratch);
  mpz_fdiv_r_2exp(z, z, 64);
}

void sl_ref_tensor_digest(uint64_t *digest, const float *x, size_t n) {
  mpz_t sum, z, scratch;
  mpz_inits(sum, z, scratch, (mpz_ptr)0);
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    mpz_set_ui(z, (unsigned long)i);
    mpz_mul_2exp(z, z, 32);
    mpz_add_ui(z, z, bits);
    mpz_set_str(scratch, "9e3779b97f4a7c15", 16);
    mpz_add(z, z, scratch);
    mpz_fdiv_r_2exp(z, z, 64);
    mix_step(z, scratch, 30, "bf58476d1ce4e5b9");
    mix_step(z, scratch, 27, "94d049bb133111eb");
    mix_step(z, scratch, 31, "1");
    mpz_add(sum, sum, z);
  }
  mpz_fdiv_r_2exp(sum, sum, 128);
  for (int half = 0; half < 2; half++) {
    mpz_fdiv_r_2exp(z, sum, 64);
    digest[half] = 0;
    mpz_export(&digest[half], NULL, -1, sizeof digest[half], 0, 0, z);
    mpz_fdiv_q_2exp(sum, sum, 64);
  }
  mpz_clears(sum, z, scratch, (mpz_ptr)0);
}
