/* Growing text, JSON in both directions, and base64. */
#ifndef PIPD_TEXT_H
#define PIPD_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that grow at their end. Starts as all zeros; there is always a NUL behind `length`. */
typedef struct {
  char *data;
  size_t length, capacity;
} text;

/* Memory for `size` bytes; ends the program when there is none. */
void *allocate(void *old, size_t size);
void text_add(text *to, const void *bytes, size_t length);
void text_say(text *to, const char *words);
/* Adds a path: a folder and what stands below it, which begins with a slash. */
void text_path(text *to, const text *folder, const char *below);
void text_number(text *to, long long number);
/* Takes the first `length` bytes away. */
void text_drop(text *from, size_t length);
void text_base64(text *to, const void *bytes, size_t length);
/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, as a browser decodes them. Says whether all were UTF-8. */
bool text_quote(text *to, const char *bytes, size_t length);

/* How many bytes the character of UTF-8 at `bytes` has and which it is, or 0 when there is none within `length`. */
size_t character(const unsigned char *bytes, size_t length, unsigned *code);

/* One value of a parsed message. Values lie in the order of the text: the children of an object (key, value, key, value ...) or array follow it. */
typedef struct {
  char kind; /* '{' '[' '"' '0' (number) 't' 'f' 'n' */
  size_t start, length; /* of its text; for a string without the quotes */
  size_t next; /* the index of the first value that is not part of this one */
} json_value;

typedef struct {
  const char *source;
  size_t length;
  json_value *values;
  size_t count, capacity;
} json;

/* Parses a whole text; false when it is not JSON (RFC 8259), is nested too deep or has too many values for a message. `to` may be used again. */
bool json_parse(json *to, const char *source, size_t length);
/* The member of an object, or NULL; `object` may be NULL. Of two with one name the last, as in JavaScript. */
const json_value *json_member(const json *in, const json_value *object, const char *name);
/* Adds what a string says, with a NUL behind it; false when there is no string. Lone surrogates become U+FFFD. */
bool json_string(const json *in, const json_value *value, text *to);
bool json_is(const json *in, const json_value *value, const char *words);
/* A number, or `otherwise`. */
double json_number(const json *in, const json_value *value, double otherwise);

#endif
