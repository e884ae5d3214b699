/* The processors that control groups leave: version 1 and 2, nested, absent, malformed. */
#include "kernels/core/processors.h"
#include "tests/trainer/scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(processors, .init = scratch_make, .fini = scratch_remove);

/* Writes a file of the made-up system, its folders first. */
static void put(const char *name, const char *text) {
  char folder[200];
  snprintf(folder, sizeof folder, "%s", name);
  for (char *slash = strchr(folder, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(scratch_path(folder), 0777);
    *slash = '/';
  }
  scratch_text(name, text);
}

static int among(int processors) { return sl_quota_processors(scratch_path("."), processors); }

Test(processors, version_2) {
  put("proc/self/cgroup", "0::/job/step\n");
  cr_expect_eq(among(64), 64); /* no limit anywhere */
  put("sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
  cr_expect_eq(among(64), 64);
  put("sys/fs/cgroup/job/cpu.max", "250000 100000\n");
  cr_expect_eq(among(64), 3); /* the outer group holds too; two and a half are three */
  cr_expect_eq(among(2), 2);
  put("sys/fs/cgroup/job/step/cpu.max", "5000 100000\n");
  cr_expect_eq(among(64), 1); /* at least one */
  put("sys/fs/cgroup/job/step/cpu.max", "what\n");
  cr_expect_eq(among(64), 3);
}

Test(processors, of_the_root_of_a_container) {
  put("proc/self/cgroup", "0::/\n");
  put("sys/fs/cgroup/cpu.max", "400000 100000\n");
  cr_expect_eq(among(64), 4);
}

Test(processors, version_1) {
  put("proc/self/cgroup", "5:cpuset:/\n4:cpu,cpuacct:/job\n1:name=systemd:/\n");
  put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  cr_expect_eq(among(64), 64);
  put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "200000\n");
  cr_expect_eq(among(64), 2);
}

Test(processors, without_control_groups) {
  cr_expect_eq(among(64), 64);
  cr_expect_geq(sl_processors(), 1);
}
