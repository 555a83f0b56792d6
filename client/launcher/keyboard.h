/* What a person types, read only when it was asked for: the rest stays for the shell (R50). */
#ifndef PIPD_KEYBOARD_H
#define PIPD_KEYBOARD_H

#include <stdbool.h>

#include "text.h"

typedef enum { NOTHING, LINE, SECRET, BYTES } wanted_input;

/* Begins to read. `most` counts for BYTES. */
void keyboard_ask(wanted_input what, size_t most);
/* What is being read. */
wanted_input keyboard_wanted(void);
/* Reads once from a descriptor that has something. True when it is complete: `ended` when input has ended before anything came, else what was typed is in `typed`. */
bool keyboard_read(text *typed, bool *ended);
/* Leaves the terminal as it was. */
void keyboard_stop(void);

#endif
