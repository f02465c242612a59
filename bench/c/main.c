/* One case, once, in this process: prints its result as a line of JSON.
 *
 *   bench CASE NUMBER...
 */
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "harness.h"
#include "programs/programs.h"

#define ARGUMENTS_MAX 8

typedef struct case_t {
  const char *name;
  void (*run)(const uint64_t *arguments);
  int arguments;
} case_t;

static const case_t cases[] = {
    {"random_mixed", case_random_mixed, 5}, /* iterations slots seed min max */
    {"mid_large", case_mid_large, 4},       /* threads cycles slots seed */
    {"trace", case_trace, 4},               /* steps rounds min max, both 0: the service mix */
    {"larson", case_larson, 7},             /* milliseconds min max chunks rounds seed threads */
    {"handover", case_handover, 3},         /* blocks min max */
    {"phases", case_phases, 1},             /* bytes */
    {"burst", case_burst, 1},               /* bytes */
    {"cycles", case_cycles, 1},             /* cycles */
    {"realloc_ladder", case_realloc_ladder, 3}, /* rounds bytes step */
    {"large_churn", case_large_churn, 2},       /* rounds bytes */
    {"malloc_large", case_malloc_large, 3},     /* steps, min and max in MB */
    {"curve", case_curve, 3},                   /* rounds, least and most bytes */
    {"day", case_day, 2},                       /* ms of a tick, ticks of a sample */

    {"alloc_test", program_alloc_test, 4},       /* threads steps slots_log2 doublings */
    {"xmalloc", program_xmalloc, 2},             /* threads blocks */
    {"mstress", program_mstress, 3},             /* threads share rounds */
    {"cfrac", program_cfrac, 1},                 /* steps */
    {"espresso", program_espresso, 2},           /* complements cubes */
    {"cache_thrash", program_cache_thrash, 4},   /* threads rounds bytes writes */
    {"cache_scratch", program_cache_scratch, 4}, /* threads rounds bytes writes */
    {"thread_births", program_thread_births, 3}, /* threads at_once bytes */
    {"left_behind", program_left_behind, 2},     /* threads bytes */
    {"fork_storm", program_fork_storm, 3},       /* children busy_threads bytes */
    {"address_limit", program_address_limit, 1}, /* bytes */
};

int main(int argc, char **argv) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (argc < 2 || strcmp(argv[1], cases[i].name) != 0) continue;
    if (argc - 2 != cases[i].arguments) bench_fail("wrong number of arguments");
    uint64_t arguments[ARGUMENTS_MAX];
    for (int a = 0; a < cases[i].arguments; a++) arguments[a] = strtoull(argv[a + 2], NULL, 10);
    cases[i].run(arguments);
    return 0;
  }
  bench_fail("no such case");
}
