#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *allocate(void *old, size_t size) {
  void *new = realloc(old, size);
  if (new != NULL) return new;
  static const char words[] = "pipd: out of memory\n";
  (void)!write(2, words, sizeof words - 1);
  _exit(70);
}

void text_add(text *to, const void *bytes, size_t length) {
  if (to->length + length >= to->capacity) {
    to->capacity = (to->length + length) * 2 + 64;
    to->data = allocate(to->data, to->capacity);
  }
  if (length > 0) memcpy(to->data + to->length, bytes, length);
  to->length += length;
  to->data[to->length] = '\0';
}

void text_say(text *to, const char *words) { text_add(to, words, strlen(words)); }

void text_path(text *to, const text *folder, const char *below) {
  text_add(to, folder->data, folder->length);
  text_say(to, below);
}

void text_number(text *to, long long number) {
  char digits[24];
  text_add(to, digits, (size_t)snprintf(digits, sizeof digits, "%lld", number));
}

void text_drop(text *from, size_t length) {
  if (length == 0) return;
  from->length -= length;
  memmove(from->data, from->data + length, from->length + 1);
}

void text_base64(text *to, const void *bytes, size_t length) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *from = bytes;
  for (size_t at = 0; at < length; at += 3) {
    size_t left = length - at;
    unsigned three = (unsigned)from[at] << 16;
    if (left > 1) three |= (unsigned)from[at + 1] << 8;
    if (left > 2) three |= from[at + 2];
    char four[4] = {digits[three >> 18], digits[three >> 12 & 63], left > 1 ? digits[three >> 6 & 63] : '=',
                    left > 2 ? digits[three & 63] : '='};
    text_add(to, four, 4);
  }
}

size_t character(const unsigned char *bytes, size_t length, unsigned *code) {
  unsigned first = bytes[0];
  *code = first;
  if (first < 0x80) return 1;
  size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (size == 0 || size > length) return 0;
  unsigned value = first & (0x7fu >> size);
  for (size_t at = 1; at < size; at++) {
    if ((bytes[at] & 0xc0) != 0x80) return 0;
    value = value << 6 | (bytes[at] & 0x3f);
  }
  bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  if (overlong || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
  *code = value;
  return size;
}

bool text_quote(text *to, const char *bytes, size_t length) {
  bool whole = true;
  text_add(to, "\"", 1);
  for (size_t at = 0; at < length;) {
    unsigned code;
    size_t size = character((const unsigned char *)bytes + at, length - at, &code);
    if (size == 0) {
      whole = false;
      text_say(to, "\xef\xbf\xbd");
      at++;
      continue;
    }
    char escape[8];
    if (code < 0x20)
      text_add(to, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", code));
    else {
      if (code == '"' || code == '\\') text_add(to, "\\", 1);
      text_add(to, bytes + at, size);
    }
    at += size;
  }
  text_add(to, "\"", 1);
  return whole;
}

/* A message of the daemon has a few dozen values and is nested four deep. */
enum { MOST_VALUES = 4096, DEEPEST = 32 };

static void skip_space(const json *in, size_t *at) {
  while (*at < in->length && strchr(" \t\r\n", in->source[*at]) != NULL && in->source[*at] != '\0') ++*at;
}

static bool take(const json *in, size_t *at, char wanted) {
  if (*at >= in->length || in->source[*at] != wanted) return false;
  ++*at;
  return true;
}

static int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  char lower = (char)(digit | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits of a \u escape, or -1. */
static int escaped_unit(const char *digits) {
  int unit = 0;
  for (int index = 0; index < 4; index++) {
    int digit = hex_digit(digits[index]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

/* From behind the first quote to behind the last. */
static bool skip_string(const json *in, size_t *at) {
  while (*at < in->length) {
    unsigned char byte = (unsigned char)in->source[(*at)++];
    if (byte == '"') return true;
    if (byte < 0x20) return false;
    if (byte != '\\') continue;
    if (*at >= in->length) return false;
    char escape = in->source[(*at)++];
    if (escape == 'u') {
      if (in->length - *at < 4 || escaped_unit(in->source + *at) < 0) return false;
      *at += 4;
    } else if (escape == '\0' || strchr("\"\\/bfnrt", escape) == NULL)
      return false;
  }
  return false;
}

static bool skip_digits(const json *in, size_t *at) {
  size_t start = *at;
  while (*at < in->length && in->source[*at] >= '0' && in->source[*at] <= '9') ++*at;
  return *at > start;
}

static bool skip_number(const json *in, size_t *at) {
  take(in, at, '-');
  if (!take(in, at, '0') && !skip_digits(in, at)) return false;
  if (take(in, at, '.') && !skip_digits(in, at)) return false;
  if (take(in, at, 'e') || take(in, at, 'E')) {
    if (!take(in, at, '+')) take(in, at, '-');
    if (!skip_digits(in, at)) return false;
  }
  return true;
}

static bool skip_word(const json *in, size_t *at, const char *word) {
  size_t length = strlen(word);
  if (in->length - *at < length || memcmp(in->source + *at, word, length) != 0) return false;
  *at += length;
  return true;
}

static bool parse_value(json *to, size_t *at, int depth);

static bool parse_members(json *to, size_t *at, bool is_object, int depth) {
  char end = is_object ? '}' : ']';
  skip_space(to, at);
  if (take(to, at, end)) return true;
  do {
    skip_space(to, at);
    if (is_object) {
      if (*at >= to->length || to->source[*at] != '"' || !parse_value(to, at, depth)) return false;
      skip_space(to, at);
      if (!take(to, at, ':')) return false;
    }
    if (!parse_value(to, at, depth)) return false;
    skip_space(to, at);
  } while (take(to, at, ','));
  return take(to, at, end);
}

static bool parse_value(json *to, size_t *at, int depth) {
  skip_space(to, at);
  if (*at >= to->length || to->count >= MOST_VALUES || depth > DEEPEST) return false;
  if (to->count == to->capacity) {
    to->capacity = to->capacity * 2 + 64;
    to->values = allocate(to->values, to->capacity * sizeof *to->values);
  }
  size_t index = to->count++;
  char first = to->source[*at];
  size_t start = *at;
  bool good;
  switch (first) {
    case '{':
    case '[':
      ++*at;
      good = parse_members(to, at, first == '{', depth + 1);
      break;
    case '"':
      start = ++*at;
      good = skip_string(to, at);
      break;
    case 't':
      good = skip_word(to, at, "true");
      break;
    case 'f':
      good = skip_word(to, at, "false");
      break;
    case 'n':
      good = skip_word(to, at, "null");
      break;
    default:
      first = '0';
      good = skip_number(to, at);
  }
  size_t length = *at - start - (first == '"' ? 1 : 0);
  to->values[index] = (json_value){.kind = first, .start = start, .length = length, .next = to->count};
  return good;
}

bool json_parse(json *to, const char *source, size_t length) {
  to->source = source;
  to->length = length;
  to->count = 0;
  size_t at = 0;
  if (!parse_value(to, &at, 0)) return false;
  skip_space(to, &at);
  return at == length;
}

const json_value *json_member(const json *in, const json_value *object, const char *name) {
  if (object == NULL || object->kind != '{') return NULL;
  const json_value *found = NULL;
  for (size_t at = (size_t)(object - in->values) + 1; at < object->next;) {
    const json_value *value = &in->values[at + 1];
    if (json_is(in, &in->values[at], name)) found = value;
    at = value->next;
  }
  return found;
}

static void add_code(text *to, unsigned code) {
  char bytes[4];
  size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t at = size - 1; at > 0; at--, code >>= 6) bytes[at] = (char)(0x80 | (code & 0x3f));
  static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
  bytes[0] = (char)(marks[size] | code);
  text_add(to, bytes, size);
}

/* Adds the character of the \u escape whose digits are at `at`, with its other half if it is one; gives the place behind it. */
static size_t add_escaped(text *to, const char *source, size_t at, size_t end) {
  unsigned unit = (unsigned)escaped_unit(source + at);
  at += 4;
  if (unit < 0xd800 || unit > 0xdfff) {
    add_code(to, unit);
    return at;
  }
  bool has_other = unit < 0xdc00 && end - at >= 6 && source[at] == '\\' && source[at + 1] == 'u';
  unsigned other = has_other ? (unsigned)escaped_unit(source + at + 2) : 0;
  if (other < 0xdc00 || other > 0xdfff) {
    add_code(to, 0xfffd);
    return at;
  }
  add_code(to, 0x10000 + ((unit - 0xd800) << 10) + (other - 0xdc00));
  return at + 6;
}

bool json_string(const json *in, const json_value *value, text *to) {
  if (value == NULL || value->kind != '"') return false;
  size_t end = value->start + value->length;
  for (size_t at = value->start; at < end;) {
    const char *escape = memchr(in->source + at, '\\', end - at);
    size_t plain = escape == NULL ? end - at : (size_t)(escape - (in->source + at));
    text_add(to, in->source + at, plain);
    at += plain;
    if (at == end) break;
    char kind = in->source[at + 1];
    at += 2;
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (kind == 'u')
      at = add_escaped(to, in->source, at, end);
    else
      text_add(to, &meant[strchr(names, kind) - names], 1);
  }
  text_add(to, "", 0);
  return true;
}

bool json_is(const json *in, const json_value *value, const char *words) {
  return value != NULL && value->kind == '"' && value->length == strlen(words) &&
         memcmp(in->source + value->start, words, value->length) == 0;
}

double json_number(const json *in, const json_value *value, double otherwise) {
  if (value == NULL || value->kind != '0' || value->length > 40) return otherwise;
  char digits[48];
  memcpy(digits, in->source + value->start, value->length);
  digits[value->length] = '\0';
  return strtod(digits, NULL);
}
