/* The lock of a run's folder, and the removal of leftovers, which it makes safe (spec F4.7). It is
 * a record lock of fcntl: the kernel drops it when its holder ends and knows the holder's id, so no
 * stale lock can remain. */
#include "run_lock.h"

#include "trainer/files/file.h"
#include "run_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1: locked. 0: *holder has it (0: not known, or it just let go). -1: errno. */
static int try_lock(int fd, long *holder) {
  struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  int failed;
  do failed = fcntl(fd, F_SETLK, &wanted);
  while (failed && errno == EINTR);
  if (!failed) return 1;
  if (errno != EAGAIN && errno != EACCES) return -1;
  *holder = fcntl(fd, F_GETLK, &wanted) == 0 && wanted.l_type != F_UNLCK ? (long)wanted.l_pid : 0;
  return 0;
}

/* What fcntl says where there are no locks: Lustre without flock, NFS without a lock daemon. */
static int has_no_locks(int error) {
  return error == ENOSYS || error == ENOLCK || error == EOPNOTSUPP || error == EINVAL;
}

/* The folder's path may name another folder by now, or the lock was removed and made anew: then a
 * second process may be at work there, and holds the lock that counts. */
sl_status sl_run_check_held(const sl_run_files *files, sl_error *err) {
  char *path = sl_path_join(files->path, SL_RUN_LOCK);
  struct stat held, found;
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const int same = fstat(files->lock, &held) == 0 && lstat(path, &found) == 0 &&
                   held.st_dev == found.st_dev && held.st_ino == found.st_ino;
  free(path);
  if (same) return SL_OK;
  return sl_fail(err, SL_ERR_IO,
                 "%s: the run's folder was moved or its lock replaced while it ran: nothing more "
                 "is written there. 'sluice resume' of the folder, where it is now, goes on from "
                 "its newest checkpoint",
                 files->path);
}

sl_status sl_run_lock(int *out, int *unlocked, const char *run, sl_error *err) {
  char *path = sl_path_join(run, SL_RUN_LOCK);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const int fd = sl_open(path, O_RDWR | O_CREAT | O_NOFOLLOW);
  long holder = 0;
  const int locked = fd < 0 ? -1 : try_lock(fd, &holder);
  sl_status status = SL_OK;
  *unlocked = fd >= 0 && locked < 0 && has_no_locks(errno) ? errno : 0;
  if (fd < 0 && errno == ELOOP)
    status =
        sl_fail(err, SL_ERR_INPUT, "%s: a link: expected an empty file of the run's own", path);
  else if (locked < 0 && !*unlocked)
    status = sl_fail(err, SL_ERR_IO, "%s: cannot lock the run: %s", path, strerror(errno));
  if (locked == 0)
    status =
        sl_fail(err, SL_ERR_USAGE,
                "%s: process %ld is at work on this run; only one at a time can be", run, holder);
  if (!status)
    *out = fd;
  else if (fd >= 0)
    close(fd);
  free(path);
  return status;
}

static sl_status clean(const char *run, const char *folder, const char *name, sl_error *err) {
  char *path = sl_path_join(run, folder);
  const sl_status status = path ? sl_leftovers_remove(path, name, err)
                                : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  free(path);
  return status;
}

sl_status sl_run_clean(const char *run, sl_error *err) {
  sl_status status = clean(run, SL_RUN_CHECKPOINTS, NULL, err);
  if (!status) status = clean(run, ".", SL_RUN_MODEL, err);
  if (!status) status = clean(run, ".", SL_RUN_REFERENCE, err);
  if (!status) status = clean(run, ".", SL_RUN_COMPANIONS, err);
  if (!status) status = clean(run, ".", SL_RUN_BEST, err);
  static const char *const files[] = {SL_RUN_CONFIG, SL_RUN_METRICS, SL_RUN_LEDGER, SL_RUN_SAMPLES,
                                      SL_RUN_REWARDS};
  for (size_t i = 0; !status && i < sizeof files / sizeof *files; i++)
    status = clean(run, ".", files[i], err);
  return status;
}
