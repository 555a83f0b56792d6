/* What a daemon that ended in the middle of a command has made of an environment; client/aftermath.ts tells the same. */
#ifndef PIPD_AFTERMATH_H
#define PIPD_AFTERMATH_H

#include "text.h"

/* Adds sentences for the person (R31). `root` is the environment that was about to change, NULL when it had not come to that. */
void add_aftermath(text *to, const char *root);

#endif
