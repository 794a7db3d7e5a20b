/* Plain libsecp256k1 over the same signatures: `verify <file>`, records of key 33, digest 32, signature 64 (r, s). Prints nanoseconds of CPU per verification. */
#include <secp256k1.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { KEY = 33, DIGEST = 32, SIGNATURE = 64, RECORD = KEY + DIGEST + SIGNATURE, MOST = 1 << 20 };

static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  static unsigned char record[RECORD];
  secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_VERIFY);
  secp256k1_pubkey *keys = malloc(MOST * sizeof *keys);
  secp256k1_ecdsa_signature *signatures = malloc(MOST * sizeof *signatures);
  unsigned char(*digests)[DIGEST] = malloc(MOST * sizeof *digests);
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  size_t count = 0;

  if (!context || !keys || !signatures || !digests || !file) return 2;
  for (; count < MOST && fread(record, RECORD, 1, file) == 1; count++) {
    if (!secp256k1_ec_pubkey_parse(context, &keys[count], record, KEY)) return 3;
    for (int i = 0; i < DIGEST; i++) digests[count][i] = record[KEY + i];
    if (!secp256k1_ecdsa_signature_parse_compact(context, &signatures[count], record + KEY + DIGEST)) return 4;
  }
  if (count == 0) return 5;

  double start = cpu_seconds();
  for (size_t i = 0; i < count; i++)
    if (!secp256k1_ecdsa_verify(context, &signatures[i], digests[i], &keys[i])) return 6;
  printf("%.1f\n", (cpu_seconds() - start) * 1e9 / (double)count);
  return 0;
}
