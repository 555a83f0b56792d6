#define _GNU_SOURCE
#include "caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

void add_member(text *to, const char *name, const char *value) {
  text_say(to, ",\"");
  text_say(to, name);
  text_say(to, "\":");
  text_quote(to, value, strlen(value));
}

const char *variable(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? "" : value;
}

/* A positive number in a variable, or 0. */
static int positive(const char *name) {
  const char *value = variable(name);
  char *end;
  long number = strtol(value, &end, 10);
  return *value != '\0' && *end == '\0' && number > 0 && number <= 65535 ? (int)number : 0;
}

void terminal_size(int *columns, int *rows) {
  struct winsize size = {0};
  if (isatty(1)) ioctl(1, TIOCGWINSZ, &size);
  else if (isatty(2)) ioctl(2, TIOCGWINSZ, &size);
  *columns = positive("COLUMNS");
  *rows = positive("LINES");
  if (*columns == 0) *columns = size.ws_col > 0 ? size.ws_col : 80;
  if (*rows == 0) *rows = size.ws_row > 0 ? size.ws_row : 24;
}

static int color_depth(bool terminal) {
  const char *force = getenv("FORCE_COLOR");
  if (force != NULL) {
    if (strcmp(force, "0") == 0 || strcmp(force, "false") == 0) return 1;
    return strcmp(force, "3") == 0 ? 24 : strcmp(force, "2") == 0 ? 8 : 4;
  }
  if (*variable("NO_COLOR") != '\0' || !terminal || strcmp(variable("TERM"), "dumb") == 0) return 1;
  if (strcasecmp(variable("COLORTERM"), "truecolor") == 0 || strcasecmp(variable("COLORTERM"), "24bit") == 0) return 24;
  return strstr(variable("TERM"), "256") != NULL ? 8 : 4;
}

static void add_terminal(text *to) {
  int columns, rows;
  terminal_size(&columns, &rows);
  bool in = isatty(0), out = isatty(1), err = isatty(2);
  char facts[160];
  snprintf(facts, sizeof facts, ",\"tty\":{\"in\":%s,\"out\":%s,\"err\":%s,\"cols\":%d,\"rows\":%d,\"colors\":%d},\"interactive\":%s",
           in ? "true" : "false", out ? "true" : "false", err ? "true" : "false", columns, rows, color_depth(out), in ? "true" : "false");
  text_say(to, facts);
}

/* Adds `"key":"base64",` for bytes that are not UTF-8. */
static void add_raw(text *raw, const char *key, size_t key_length, const char *value) {
  if (raw->length > 0) text_say(raw, ",");
  text_quote(raw, key, key_length);
  text_say(raw, ":\"");
  text_base64(raw, value, strlen(value));
  text_say(raw, "\"");
}

static void add_arguments(text *to, text *raw, char **words) {
  bool own = true;
  int count = 0;
  text_say(to, ",\"argv\":[");
  for (char **word = words + 1; *word != NULL; word++) {
    if (own && strcmp(*word, "--time") == 0) continue;
    if (strcmp(*word, "--") == 0) own = false;
    if (count > 0) text_say(to, ",");
    char index[16];
    size_t length = (size_t)snprintf(index, sizeof index, "%d", count++);
    if (!text_quote(to, *word, strlen(*word))) add_raw(raw, index, length, *word);
  }
  text_say(to, "]");
}

/* Backwards: of a name that is there twice the first value counts, and of two members of an object the last. */
static void add_environment(text *to, text *raw) {
  char **end = environ;
  while (*end != NULL) end++;
  bool first = true;
  text_say(to, ",\"env\":{");
  while (end-- > environ) {
    const char *equals = strchr(*end, '=');
    if (equals == NULL) continue;
    if (!first) text_say(to, ",");
    first = false;
    size_t name = (size_t)(equals - *end);
    bool named = text_quote(to, *end, name);
    text_say(to, ":");
    if (!text_quote(to, equals + 1, strlen(equals + 1)) && named) add_raw(raw, *end, name, equals + 1);
  }
  text_say(to, "}");
}

static void add_object(text *to, const char *name, text *members) {
  if (members->length > 0) {
    text_say(to, ",\"");
    text_say(to, name);
    text_say(to, "\":{");
    text_add(to, members->data, members->length);
    text_say(to, "}");
  }
  free(members->data);
}

bool add_caller(text *body, char **words) {
  char *folder = getcwd(NULL, 0);
  if (folder == NULL || *folder != '/') {
    free(folder);
    return false;
  }
  mode_t mask = umask(0);
  umask(mask);
  const char *locale = *variable("LC_ALL") ? variable("LC_ALL") : *variable("LC_CTYPE") ? variable("LC_CTYPE") : *variable("LANG") ? variable("LANG") : "C";
  text raw_arguments = {0}, raw_environment = {0};
  add_arguments(body, &raw_arguments, words);
  text_say(body, ",\"cwd\":");
  if (!text_quote(body, folder, strlen(folder))) {
    text_say(body, ",\"cwdBytes\":\"");
    text_base64(body, folder, strlen(folder));
    text_say(body, "\"");
  }
  add_environment(body, &raw_environment);
  text_say(body, ",\"umask\":");
  text_number(body, mask);
  text_say(body, ",\"pid\":");
  text_number(body, getpid());
  add_member(body, "locale", locale);
  add_terminal(body);
  add_object(body, "argvBytes", &raw_arguments);
  add_object(body, "envBytes", &raw_environment);
  free(folder);
  return true;
}
