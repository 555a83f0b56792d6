#define _POSIX_C_SOURCE 200809L
#include "keyboard.h"

#include <errno.h>
#include <termios.h>
#include <unistd.h>

static wanted_input wanted = NOTHING;
static size_t most;
static bool hidden;
static struct termios before;

void keyboard_ask(wanted_input what, size_t bytes) {
  wanted = what;
  most = bytes < 1 ? 1 : bytes > 65536 ? 65536 : bytes;
  if (what != SECRET || tcgetattr(0, &before) != 0) return;
  struct termios silent = before;
  silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
  hidden = tcsetattr(0, TCSAFLUSH, &silent) == 0;
}

wanted_input keyboard_wanted(void) { return wanted; }

void keyboard_stop(void) {
  if (hidden) tcsetattr(0, TCSANOW, &before);
  hidden = false;
  wanted = NOTHING;
}

bool keyboard_read(text *typed, bool *ended) {
  static char bytes[65536];
  // A line is read byte by byte, so that what follows stays unread.
  ssize_t count = read(0, bytes, wanted == BYTES ? most : 1);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  bool over = count <= 0;
  *ended = over && typed->length == 0;
  if (over) return true;
  if (wanted == BYTES) {
    text_add(typed, bytes, (size_t)count);
    return true;
  }
  if (bytes[0] != '\n') {
    text_add(typed, bytes, 1);
    return false;
  }
  text_add(typed, "", 0);
  if (typed->length > 0 && typed->data[typed->length - 1] == '\r') typed->data[--typed->length] = '\0';
  return true;
}
