/* HMAC-SHA256 (RFC 2104, FIPS 180-4), by which client and daemon prove to each other that they know the daemon's secret. */
#ifndef PIPD_PROOF_H
#define PIPD_PROOF_H

#include <stdbool.h>
#include <stddef.h>

/* 64 hexadecimal digits and a NUL. `secret` has 64 hexadecimal digits; `words` is the text to prove. False when the secret has another form. */
bool prove(const char *secret, const char *words, size_t length, char proof[65]);
/* Takes the same time wherever two proofs differ. */
bool same_proof(const char *one, const char *other);

#endif
