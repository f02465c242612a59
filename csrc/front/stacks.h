/* Stacks: the memory of magazines.
 *
 * Owns:      where the stack of a magazine lies, how many blocks it holds and may hold; the slab-to-magazine cache when
 *            the front goes.
 * Called by: alloc (first allocation), refill, arena (creation, reset, end), strides (classes that come).
 * Calls:     shelf (drop), cache and spare (metadata), tiers, failures.
 * Threads:   owner only.
 */
#ifndef HK_FRONT_STACKS_H
#define HK_FRONT_STACKS_H

#include "supply/record.h"

/* About a share of the level-2 cache: beyond it a recycled block is no warmer than a fresh one. */
#define HK_MAGAZINE_BUDGET_BYTES (128 * HK_KIB)

/* Makes every magazine empty and full at once, without memory: the first allocation or free of a
 * bin then takes the slow path. */
void hk_front_init(hk_arena_t *arena);

/* Takes memory for the stacks of an arena that has none. false: the OS refused, and the refusal was
 * counted. */
bool hk_front_create(hk_arena_t *arena);

/* Gives that memory back, blocks and all: to be called once all blocks are the core's again. What
 * was allocated stays counted. */
void hk_front_drop(hk_arena_t *arena);

/* The same of an arena that ends: its magazines are as they were, and nobody may use or count them. */
void hk_front_end(hk_arena_t *arena);

/* Makes the magazine of a bin, which is empty, that of the bin's new class. */
void hk_front_add_class(hk_arena_t *arena, uint32_t bin);

/* Gives a magazine that has no stack its first one. false: it had one. */
bool hk_stack_begin(hk_arena_t *arena, hk_magazine_t *m);

/* Doubles the stack of an empty magazine, unless it was never filled. What another front filled before is about to be
 * used as much again. */
void hk_stack_grow(hk_arena_t *arena, uint32_t bin);

#endif
