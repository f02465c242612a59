/* Status codes of the core, in one list.
 *
 * Core functions return a status; none prints, none throws. The library maps statuses to coded
 * errors by name, in one place. /
 */
#ifndef HK_BASE_STATUS_H
#define HK_BASE_STATUS_H

/* X(name, value, text). Values are permanent. */
#define HK_STATUS_LIST(X)                                                    \
  X(OK, 0, "no error")                                                       \
  X(OUT_OF_MEMORY_OS, 1, "the operating system has no more memory to give")  \
  X(OUT_OF_MEMORY_LIMIT, 2, "the arena's limit (maxBytes) is reached")       \
  X(OUT_OF_MEMORY_TABLE, 3, "the arena's address table is full (16 GB)")     \
  X(INVALID_ARGUMENT, 4, "an argument is out of range")                      \
  X(NOT_OWNED, 5, "the block or slab does not belong to this arena")         \
  X(DOUBLE_FREE, 6, "the block is already free")                             \
  X(SLAB_BUSY, 7, "a slab has blocks out, or is still exposed")            \
  X(ARENA_DESTROYED, 8, "the arena is destroyed")                            \
  X(OUT_OF_MEMORY_PROCESS, 9, "the limit of the process (HAKMEM_MAX_MEMORY_MB) is reached") \
  X(BAD_TICKET, 10, "the ticket is none, or was adopted, recalled or revoked")

typedef enum hk_status_t {
#define HK_STATUS_ENUM(name, value, text) HK_##name = value,
  HK_STATUS_LIST(HK_STATUS_ENUM)
#undef HK_STATUS_ENUM
} hk_status_t;

/* Name ("DOUBLE_FREE") and text of a status, as static strings; "UNKNOWN" for any other value. */
const char *hk_status_name(hk_status_t status);
const char *hk_status_text(hk_status_t status);

#endif
