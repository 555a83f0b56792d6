/* Where the caller's daemon is: the same folders and names as protocol/session.ts and protocol/runtime-folder.ts. */
#ifndef PIPD_PLACE_H
#define PIPD_PLACE_H

#include <stdbool.h>

#include "text.h"

typedef struct {
  text root;                  /* the folder of the installation */
  text build_id;              /* of its build */
  text host, mount;           /* this machine, and this view of its file systems */
  text state, cache, config;  /* the user's folders */
  text socket, token;
} place;

/* Fills in `root` alone: where this program lies. False when the system does not say. */
bool find_root(place *to);
/* Fills in the rest. False when anything is not as it is with a daemon that serves: the TypeScript client then makes, mends, refuses or explains it. */
bool find_daemon(place *to);
/* Adds the content of a small file; false when there is none. */
bool read_file(const char *path, text *to);

#endif
