#define _DEFAULT_SOURCE

#include "os/ram.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "supply/superslabs.h"
#include "support.h"

/* A made-up system: files under a folder of its own. */
static char folder[] = "/tmp/hakmem-groups-XXXXXX";

static const char *path_of(const char *name) {
  static char path[512];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void put(const char *name, const char *text) {
  char path[512];
  (void)snprintf(path, sizeof path, "%s", path_of(name));
  for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
    *slash = '\0';
    (void)mkdir(path, 0700);
    *slash = '/';
  }
  FILE *file = fopen(path, "w");
  if (!EXPECT(file != NULL)) return;
  (void)fputs(text, file);
  (void)fclose(file);
}

static uint64_t limit(const char *list) {
  char root[512];
  (void)snprintf(root, sizeof root, "%s", path_of("root"));
  put("self", list);
  return hk_ram_of_groups(path_of("self"), root);
}

HK_TEST(the_least_limit_of_a_group_and_those_above_it_counts) {
  if (!EXPECT(mkdtemp(folder) != NULL)) return;
  put("root/a/b/memory.max", "max\n");
  EXPECT_EQ(limit("0::/a/b\n"), UINT64_MAX);
  put("root/a/memory.max", "300000000\n");
  EXPECT_EQ(limit("0::/a/b\n"), 300000000);
  EXPECT_EQ(limit("0::/a\n"), 300000000);
  EXPECT_EQ(limit("0::/\n"), UINT64_MAX);
  put("root/a/b/memory.max", "200000000\n");
  EXPECT_EQ(limit("0::/a/b\n"), 200000000);
  /* A container sees its group as the root, and is told the path outside. */
  put("root/memory.max", "100000000\n");
  EXPECT_EQ(limit("0::/docker/0123/nowhere\n"), 100000000);
  EXPECT_EQ(limit("0::/\n"), 100000000);
}

HK_TEST(version_1_names_the_controller_of_memory) {
  put("root/memory/x/memory.limit_in_bytes", "50000000\n");
  EXPECT_EQ(limit("5:cpu,cpuacct:/x\n4:memory:/x\n1:name=systemd:/x\n"), 50000000);
  EXPECT_EQ(limit("4:hugetlb,memory:/x/y\n0::/none\n"), 50000000);
  EXPECT_EQ(limit("4:memory2,cpu:/x\n3:mem:/x\n"), UINT64_MAX);
  put("root/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(limit("4:memory:/\n"), 9223372036854771712u);
}

HK_TEST(a_list_that_makes_no_sense_sets_no_limit) {
  static const char *const lists[] = {
      "", "\n\n", "0", "0:", "0:x:", "0:memory", "garbage\n", "4:memory"};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    EXPECT_EQ(limit(lists[i]), UINT64_MAX);
  char longest[9000];
  memset(longest, 'x', sizeof longest - 1);
  memcpy(longest, "0::/", 4);
  longest[sizeof longest - 1] = '\0';
  EXPECT_EQ(limit(longest), 100000000); /* the root is above every group */
  errno = 77;
  EXPECT_EQ(hk_ram_of_groups("/nowhere/self", "/nowhere"), UINT64_MAX);
  EXPECT_EQ(errno, 77);
  char command[512];
  (void)snprintf(command, sizeof command, "rm -r %s", folder);
  EXPECT_EQ(system(command), 0);
}

HK_TEST(this_process_has_some_memory) {
  uint64_t bytes = hk_ram_bytes();
  EXPECT(bytes >= 64 * HK_MIB);
  EXPECT(bytes <= (uint64_t)1 << 50);
}

/* In a child: the share is asked for once. */
static void expect_share(void) {
  hk_test_options()->max_memory_mb = HK_MAX_MEMORY_AUTO;
  EXPECT_EQ(hk_superslabs_limit(), hk_ram_bytes() / 4 * 3);
}

HK_TEST(auto_is_three_quarters_of_it) { EXPECT_EQ(hk_test_in_child(expect_share), 0); }

HK_TEST(the_limit_is_in_the_statistics) {
  hk_process_stats_t stats;
  hk_test_options()->max_memory_mb = 16;
  hk_process_stats(&stats);
  EXPECT_EQ(stats.bytes_max, 16 * HK_MIB);
  hk_test_options()->max_memory_mb = 0;
  hk_process_stats(&stats);
  EXPECT_EQ(stats.bytes_max, 0);
}

HK_TEST_MAIN(the_least_limit_of_a_group_and_those_above_it_counts,
             version_1_names_the_controller_of_memory, a_list_that_makes_no_sense_sets_no_limit,
             this_process_has_some_memory, auto_is_three_quarters_of_it,
             the_limit_is_in_the_statistics)
