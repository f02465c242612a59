#include "os/ram.h"

#include "os/os_prims.h"

#ifndef __linux__

uint64_t hk_ram_of_groups(const char *self, const char *root) {
  (void)self, (void)root;
  return UINT64_MAX;
}

#else

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a path, and of the list of groups; what is longer is left out. */
#define TEXT_BYTES 4096

/* What a file begins with, as text. false: there is none. Without stdio, which allocates: malloc may be
 * who is asking. */
static bool read_text(const char *path, char *text, size_t room) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t length = read(file, text, room - 1);
  (void)close(file);
  if (length < 0) return false;
  text[length] = '\0';
  return true;
}

/* The number in a file; UINT64_MAX: there is none, or it says `max`. */
static uint64_t read_number(const char *path) {
  char text[32], *end;
  if (!read_text(path, text, sizeof text)) return UINT64_MAX;
  unsigned long long number = strtoull(text, &end, 10);
  return end == text ? UINT64_MAX : number;
}

/* The least limit of a group and all above it. A group that is not to be seen from in here, as in a
 * container, sets none, and those above it lead to the one that is mounted. */
static uint64_t least_above(const char *root, const char *group, const char *file) {
  char path[TEXT_BYTES];
  uint64_t least = UINT64_MAX;
  for (size_t length = strlen(group);; length--) {
    if (length > 0 && group[length] != '/' && group[length] != '\0') continue;
    int written = snprintf(path, sizeof path, "%s%.*s/%s", root, (int)length, group, file);
    if (written > 0 && (size_t)written < sizeof path) {
      uint64_t limit = read_number(path);
      if (limit < least) least = limit;
    }
    if (length == 0) return least;
  }
}

/* Whether a list of controllers, separated by commas, has that of memory. */
static bool has_memory(const char *list, size_t length) {
  static const char name[] = "memory";
  size_t name_length = sizeof name - 1;
  for (const char *word = list, *end = list + length; word < end; word++) {
    const char *comma = memchr(word, ',', (size_t)(end - word));
    size_t word_length = (size_t)((comma != NULL ? comma : end) - word);
    if (word_length == name_length && memcmp(word, name, name_length) == 0) return true;
    word += word_length;
  }
  return false;
}

/* A line of the list of groups: a number, controllers and a path, separated by colons. That of
 * version 2 names no controller. */
static uint64_t limit_of_line(const char *line, const char *root) {
  const char *controllers = strchr(line, ':');
  const char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
  if (group == NULL) return UINT64_MAX;
  size_t length = (size_t)(group - controllers - 1);
  if (length == 0) return least_above(root, group + 1, "memory.max");
  if (!has_memory(controllers + 1, length)) return UINT64_MAX;
  char mount[TEXT_BYTES];
  (void)snprintf(mount, sizeof mount, "%s/memory", root);
  return least_above(mount, group + 1, "memory.limit_in_bytes");
}

uint64_t hk_ram_of_groups(const char *self, const char *root) {
  char text[TEXT_BYTES], *rest = text, *line;
  uint64_t least = UINT64_MAX;
  int before = errno;
  if (read_text(self, text, sizeof text)) {
    while ((line = strsep(&rest, "\n")) != NULL) {
      uint64_t limit = limit_of_line(line, root);
      if (limit < least) least = limit;
    }
  }
  errno = before;
  return least;
}

#endif

uint64_t hk_ram_bytes(void) {
  uint64_t machine = hk_os_prim_ram_bytes();
  uint64_t groups = hk_ram_of_groups("/proc/self/cgroup", "/sys/fs/cgroup");
  if (groups == UINT64_MAX) return machine;
  return machine == 0 || groups < machine ? groups : machine;
}
