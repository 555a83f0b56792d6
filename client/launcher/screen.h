/* What is printed: the two outputs and the transient line, strictly in order, as client/output.ts does it. */
#ifndef PIPD_SCREEN_H
#define PIPD_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

/* Finds out which descriptor is a terminal. */
void screen_start(void);
/* Text for a descriptor. When the system has all of it, `seq` (unless 0) is what the daemon is to be told. */
void screen_write(int descriptor, const char *bytes, size_t length, long long seq);
void screen_say(int descriptor, const char *words);
/* Shows this below the output in place of the last such text; "" takes it away. Does nothing without a terminal. */
void screen_status(const char *words);
/* Draws the transient text again. */
void screen_redraw(void);

/* The descriptor that the next bytes are for, or -1 when everything is written. */
int screen_waiting(void);
/* Bytes that are waiting. */
size_t screen_size(void);
/* Writes once, to a descriptor that has room. Adds to `written` and sets `seq` when a text with a number has been written completely. False when nobody reads standard output any more. */
bool screen_pump(size_t *written, long long *seq);
/* Writes everything, waiting as long as it takes. */
void screen_drain(void);

#endif
