#define _GNU_SOURCE
#include "aftermath.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether an environment has a transaction folder with this file in it. */
static bool has_transaction(const char *root, const char *file) {
  DIR *folder = opendir(root);
  bool found = false;
  for (struct dirent *entry; folder != NULL && !found && (entry = readdir(folder)) != NULL;) {
    if (strncmp(entry->d_name, ".pipd-transaction-", 18) != 0) continue;
    text path = {0};
    text_say(&path, root);
    text_say(&path, "/");
    text_say(&path, entry->d_name);
    text_say(&path, file);
    found = access(path.data, F_OK) == 0;
    free(path.data);
  }
  if (folder != NULL) closedir(folder);
  return found;
}

void add_aftermath(text *to, const char *root) {
  if (root == NULL) {
    text_say(to, "It had not begun to change anything: run it again.");
    return;
  }
  text_say(to, root);
  if (has_transaction(root, "/journal"))
    text_say(to, " is left half changed: the next pipd command there puts the state before back, then run this one again.");
  else if (has_transaction(root, "/committed"))
    text_say(to, " has been changed completely.");
  else
    text_say(to, " is whole, with the change or without it: `pipd list` tells which.");
}
