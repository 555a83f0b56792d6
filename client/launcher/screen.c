#define _POSIX_C_SOURCE 200809L
#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

/* A pipe with room takes this much without blocking. */
enum { ROOM = 4096 };

typedef struct job {
  struct job *next;
  int descriptor;
  size_t length, done;
  long long seq;
  char bytes[];
} job;

static job *first, *last;
static size_t waiting;
static int terminal = -1;
/* The transient text on the terminal, with a NUL behind it; NULL for none. */
static char *shown;

void screen_start(void) { terminal = isatty(1) ? 1 : isatty(2) ? 2 : -1; }

static void push(int descriptor, const char *bytes, size_t length, long long seq) {
  job *new = allocate(NULL, sizeof *new + length);
  *new = (job){.descriptor = descriptor, .length = length, .seq = seq};
  if (length > 0) memcpy(new->bytes, bytes, length);
  if (last == NULL) first = new;
  else last->next = new;
  last = new;
  waiting += length;
}

/* What takes the transient text away: up to its first line, and everything from there. */
static void push_erasure(void) {
  if (shown == NULL) return;
  push(terminal, "\r", 1, 0);
  for (const char *at = shown; (at = strchr(at, '\n')) != NULL; at++) push(terminal, "\x1b[A", 3, 0);
  push(terminal, "\x1b[J", 3, 0);
}

static void forget(void) {
  free(shown);
  shown = NULL;
}

void screen_write(int descriptor, const char *bytes, size_t length, long long seq) {
  push_erasure();
  push(descriptor, bytes, length, seq);
  if (shown == NULL) return;
  // The cursor must be at the start of a line before the transient text comes back.
  if (length > 0 && bytes[length - 1] == '\n') push(terminal, shown, strlen(shown), 0);
  else forget();
}

void screen_say(int descriptor, const char *words) { screen_write(descriptor, words, strlen(words), 0); }

void screen_status(const char *words) {
  if (terminal < 0 || (*words == '\0' && shown == NULL)) return;
  push_erasure();
  forget();
  if (*words == '\0') return;
  push(terminal, words, strlen(words), 0);
  shown = strdup(words);
}

void screen_redraw(void) {
  if (terminal < 0 || shown == NULL) return;
  push_erasure();
  push(terminal, shown, strlen(shown), 0);
}

int screen_waiting(void) { return first == NULL ? -1 : first->descriptor; }

size_t screen_size(void) { return waiting; }

static size_t room(const job *of) {
  struct stat facts;
  size_t left = of->length - of->done;
  bool takes_all = fstat(of->descriptor, &facts) == 0 && S_ISREG(facts.st_mode);
  return takes_all || left < ROOM ? left : ROOM;
}

bool screen_pump(size_t *written, long long *seq) {
  job *now = first;
  if (now == NULL) return true;
  ssize_t count = now->length > now->done ? write(now->descriptor, now->bytes + now->done, room(now)) : 0;
  if (count < 0) {
    if (errno == EINTR || errno == EAGAIN) return true;
    if ((errno == EPIPE || errno == EIO) && now->descriptor == 1) return false;
    // Nothing can be said about it: the rest goes the same way.
    count = (ssize_t)(now->length - now->done);
  }
  now->done += (size_t)count;
  waiting -= (size_t)count;
  if (now->done < now->length) return true;
  if (now->seq > 0) {
    *written += now->length;
    *seq = now->seq;
  }
  first = now->next;
  if (first == NULL) last = NULL;
  free(now);
  return true;
}

void screen_drain(void) {
  size_t written;
  long long seq;
  while (first != NULL) {
    struct pollfd output = {.fd = first->descriptor, .events = POLLOUT};
    poll(&output, 1, -1);
    screen_pump(&written, &seq);
  }
}
