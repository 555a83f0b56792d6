#define _GNU_SOURCE
#include "place.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caller.h"

enum {
  SOCKET_PATH = 107,  /* bytes that fit in sun_path (R6) */
  SMALL_FILE = 1 << 20,
};

bool read_file(const char *path, text *to) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  char piece[4096];
  ssize_t count;
  while ((count = read(descriptor, piece, sizeof piece)) > 0 && to->length < SMALL_FILE) text_add(to, piece, (size_t)count);
  close(descriptor);
  text_add(to, "", 0);
  return count == 0;
}

static void trim(text *of) {
  while (of->length > 0 && isspace((unsigned char)of->data[of->length - 1])) of->data[--of->length] = '\0';
}

bool find_root(place *to) {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length > 0)
    path[length] = '\0';
  else if (realpath((const char *)getauxval(AT_EXECFN), path) == NULL)
    return false;
  for (int up = 0; up < 2; up++) {
    char *slash = strrchr(path, '/');
    if (slash == NULL) return false;
    *slash = '\0';
  }
  text_say(&to->root, path);
  return true;
}

/* Adds the absolute path that a variable names, without slashes at its end; false when it names none. */
static bool add_folder(text *to, const char *name) {
  const char *value = variable(name);
  if (*value != '/') return false;
  size_t length = strlen(value);
  while (length > 1 && value[length - 1] == '/') length--;
  text_add(to, value, length);
  return true;
}

/* A folder of the user, by the XDG base directory specification. */
static void user_folder(text *to, const char *name, const char *home, const char *below) {
  if (!add_folder(to, name)) {
    text_say(to, home);
    text_say(to, below);
  }
  text_say(to, "/pipd");
}

/* The hash of 53 bits that names a daemon's folder (cyrb53, public domain), over the units of UTF-16 of a text. */
typedef struct {
  uint32_t high, low;
} hash53;

static void hash_unit(hash53 *hash, uint32_t unit) {
  hash->high = (hash->high ^ unit) * 2654435761u;
  hash->low = (hash->low ^ unit) * 1597334677u;
}

static void hash_words(hash53 *hash, const char *words) {
  for (; *words != '\0'; words++) hash_unit(hash, (unsigned char)*words);
}

/* As JSON.stringify writes the text; false when it is not UTF-8. */
static bool hash_quoted(hash53 *hash, const text *words) {
  const unsigned char *bytes = (const unsigned char *)words->data;
  hash_unit(hash, '"');
  for (size_t at = 0; at < words->length;) {
    unsigned code;
    size_t size = character(bytes + at, words->length - at, &code);
    if (size == 0) return false;
    at += size;
    const char *named = code < 0x20 && code > 0 ? strchr("\bb\ff\nn\rr\tt", (int)code) : NULL;
    if (code < 0x20) {
      char escape[8];
      snprintf(escape, sizeof escape, named != NULL ? "\\%c" : "\\u%04x", named != NULL ? (unsigned)named[1] : code);
      hash_words(hash, escape);
    } else if (code >= 0x10000) {
      hash_unit(hash, 0xd800 + ((code - 0x10000) >> 10));
      hash_unit(hash, 0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
      if (code == '"' || code == '\\') hash_unit(hash, '\\');
      hash_unit(hash, code);
    }
  }
  hash_unit(hash, '"');
  return true;
}

/* 14 hexadecimal digits that depend on everything that makes it another daemon; false when a path is not UTF-8. */
static bool daemon_name(const place *at, char name[16]) {
  hash53 hash = {0xdeadbeef, 0x41c6ce57};
  hash_words(&hash, "[1");
  const text *parts[] = {&at->state, &at->cache, &at->config, &at->host, &at->mount};
  for (size_t index = 0; index < sizeof parts / sizeof *parts; index++) {
    hash_unit(&hash, ',');
    if (!hash_quoted(&hash, parts[index])) return false;
  }
  hash_unit(&hash, ']');
  uint32_t high = hash.high, low = hash.low;
  high = ((high ^ high >> 16) * 2246822507u) ^ ((low ^ low >> 13) * 3266489909u);
  low = ((low ^ low >> 16) * 2246822507u) ^ ((high ^ high >> 13) * 3266489909u);
  snprintf(name, 16, "%014llx", (unsigned long long)(low & 2097151) << 32 | high);
  return true;
}

static bool is_private_folder(const char *path) {
  struct stat facts;
  return lstat(path, &facts) == 0 && S_ISDIR(facts.st_mode) && facts.st_uid == geteuid() && (facts.st_mode & 077) == 0;
}

/* Whether the folder above `path` is there and belongs to the user. */
static bool is_below_own(const char *path) {
  char *parent = strdup(path);
  struct stat facts;
  if (parent == NULL) return false;
  *strrchr(parent, '/') = '\0';
  bool own = lstat(*parent == '\0' ? "/" : parent, &facts) == 0 && facts.st_uid == geteuid();
  free(parent);
  return own;
}

static bool has_file(const text *folder, const char *below) {
  text path = {0};
  text_path(&path, folder, below);
  bool there = access(path.data, F_OK) == 0;
  free(path.data);
  return there;
}

/* Whether a daemon in this folder did not answer a short while ago: the TypeScript client knows whether that still counts. */
static bool is_marked_hung(const text *folder) { return has_file(folder, "/hung"); }

typedef enum { NOT_HERE, HERE, UNKNOWN } finding;

/* Looks for the daemon in one runtime folder (R1). */
static finding look_in(place *at, text *runtime, bool own_parent, const char *name) {
  text folder = {0};
  text_path(&folder, runtime, "/");
  text_say(&folder, name);
  finding found = UNKNOWN;
  if ((own_parent && !is_below_own(runtime->data)) || folder.length + strlen("/.s.4194304") > SOCKET_PATH)
    found = NOT_HERE;
  else if (is_private_folder(runtime->data) && is_private_folder(folder.data) && !is_marked_hung(&folder)) {
    found = HERE;
    text_path(&at->socket, &folder, "/sock");
    text_path(&at->token, &folder, "/token");
  }
  free(folder.data);
  return found;
}

static bool find_socket(place *at, const char *home, const char *name) {
  char number[32];
  snprintf(number, sizeof number, "%lu", (unsigned long)geteuid());
  for (int candidate = 0; candidate < 5; candidate++) {
    text runtime = {0};
    bool own_parent = candidate == 1 || candidate == 2, named = true;
    switch (candidate) {
      case 0:
        named = add_folder(&runtime, "PIPD_RUNTIME_DIR");
        break;
      case 1:
        named = add_folder(&runtime, "XDG_RUNTIME_DIR");
        text_say(&runtime, "/pipd");
        break;
      case 2:
        text_say(&runtime, "/run/user/");
        text_say(&runtime, number);
        text_say(&runtime, "/pipd");
        break;
      case 3:
        if (!add_folder(&runtime, "TMPDIR")) text_say(&runtime, "/tmp");
        text_say(&runtime, "/pipd-");
        text_say(&runtime, number);
        break;
      default:
        text_say(&runtime, home);
        text_say(&runtime, "/.cache/pipd/run");
    }
    finding found = named ? look_in(at, &runtime, own_parent, name) : NOT_HERE;
    free(runtime.data);
    if (found != NOT_HERE) return found == HERE;
  }
  return false;
}

/* Whether a person or a configuration has switched the daemon off (R29). */
static bool is_switched_off(const place *at) {
  static const char *const no[] = {"0", "no", "off", "false"};
  const char *choice = variable("PIPD_DAEMON"), *ci = variable("CI");
  if (*choice != '\0') {
    for (size_t index = 0; index < sizeof no / sizeof *no; index++)
      if (strcasecmp(choice, no[index]) == 0) return true;
    return false;
  }
  if (*ci != '\0' && strcasecmp(ci, "0") != 0 && strcasecmp(ci, "false") != 0) return true;
  text path = {0}, settings = {0};
  text_path(&path, &at->config, "/config.toml");
  bool off = false;
  // Whatever looks like it is read with more care by the client.
  if (read_file(path.data, &settings))
    for (const char *found = settings.data; !off && (found = strstr(found, "daemon")) != NULL; found++) {
      const char *value = found + strlen("daemon");
      value += strspn(value, " \t");
      off = *value == '=' && strncmp(value + 1 + strspn(value + 1, " \t"), "false", 5) == 0;
    }
  free(path.data);
  free(settings.data);
  return off;
}

/* Whether clients leave the daemon alone for a while, because it has crashed again and again (R61). */
static bool is_crash_pause(const place *at) { return has_file(&at->state, "/crashes/pause"); }

bool find_daemon(place *to) {
  const char *home = variable("HOME");
  if (*home == '\0' || *variable("SUDO_UID") != '\0') return false;
  user_folder(&to->state, "XDG_STATE_HOME", home, "/.local/state");
  user_folder(&to->cache, "XDG_CACHE_HOME", home, "/.cache");
  user_folder(&to->config, "XDG_CONFIG_HOME", home, "/.config");
  if (is_switched_off(to) || is_crash_pause(to)) return false;
  text build = {0};
  text_path(&build, &to->root, "/.build/build-id");
  bool built = read_file(build.data, &to->build_id);
  free(build.data);
  char mount[64];
  ssize_t length = readlink("/proc/self/ns/mnt", mount, sizeof mount);
  if (!built || length <= 0 || !read_file("/proc/sys/kernel/hostname", &to->host)) return false;
  trim(&to->build_id);
  trim(&to->host);
  text_add(&to->mount, mount, (size_t)length);
  char name[16];
  if (!daemon_name(to, name) || !find_socket(to, home, name)) return false;
  struct stat facts;
  return lstat(to->socket.data, &facts) == 0 && S_ISSOCK(facts.st_mode) && facts.st_uid == geteuid();
}
