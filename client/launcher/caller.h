/* The words and the world of this process, as the daemon must know them to act in its place (R38, R40, R46, R47); client/caller.ts describes the same. */
#ifndef PIPD_CALLER_H
#define PIPD_CALLER_H

#include <stdbool.h>

#include "text.h"

/* Adds `,"name":"value"`. */
void add_member(text *to, const char *name, const char *value);
/* Adds the members of `run/start` but for the run's id. `words` are the arguments, the program's name first. False when the current folder is gone. */
bool add_caller(text *to, char **words);
/* Width and height of the terminal; COLUMNS and LINES come first, 80 and 24 where nothing is known. */
void terminal_size(int *columns, int *rows);
/* The value of a variable, "" when it is not set. */
const char *variable(const char *name);

#endif
