/* Runs as child processes. */
#define _GNU_SOURCE
#include "study_children.h"

#include "kernels/support/cli.h"
#include "trainer/files/file.h"
#include "kernels/support/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between fork and exec. A group of its own keeps a terminal's Ctrl-C away: the study passes one
 * signal on, as a second one would lose a step. If the study is killed, the run gets SIGTERM. */
static void become_run(char *const *argv, int in, int out, pid_t parent) {
  static const int standard[] = {SIGINT, SIGTERM, SIGPIPE, SIGXFSZ};
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(SL_EXIT_SYSTEM);
  for (size_t i = 0; i < sizeof standard / sizeof *standard; i++) signal(standard[i], SIG_DFL);
  if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
    _exit(SL_EXIT_SYSTEM);
  execv("/proc/self/exe", argv);
  _exit(SL_EXIT_SYSTEM);
}

pid_t sl_study_spawn(char *const *argv, const char *log) {
  const int in = sl_open("/dev/null", O_RDONLY),
            out =
                log ? sl_open(log, O_WRONLY | O_CREAT | O_APPEND) : sl_open("/dev/null", O_WRONLY);
  const pid_t parent = getpid(), pid = in >= 0 && out >= 0 ? fork() : -1;
  if (pid == 0) become_run(argv, in, out, parent);
  const int error = errno;
  if (in >= 0) close(in);
  if (out >= 0) close(out);
  errno = error;
  return pid;
}

static sl_status spawn_train(const sl_study_table *t, sl_study_run *run, sl_error *err) {
  char *argv[2 * SL_STUDY_ARGUMENTS_MAX + 6];
  char sluice[] = "sluice", train[] = "train", quiet[] = "--quiet", set[] = "--set";
  size_t n = 0;
  sl_study_arguments a;
  const sl_status status = sl_study_arguments_make(&a, t, run, 1, err);
  if (status) return status;
  argv[n++] = sluice, argv[n++] = train, argv[n++] = t->study->base, argv[n++] = quiet;
  for (size_t i = 0; i < a.n; i++) argv[n++] = set, argv[n++] = a.item[i];
  argv[n] = NULL;
  run->pid = sl_study_spawn(argv, run->log);
  const int error = errno;
  sl_study_arguments_free(&a);
  errno = error;
  return SL_OK;
}

static void spawn_resume(sl_study_run *run) {
  char sluice[] = "sluice", resume[] = "resume", quiet[] = "--quiet";
  char *argv[] = {sluice, resume, run->path, quiet, NULL};
  run->pid = sl_study_spawn(argv, run->log);
}

/* The folder of a run that was killed before its first checkpoint is kept under another name. */
static sl_status keep_remnant(const sl_study_run *run, sl_error *err) {
  if (run->state != SL_STUDY_FRESH || !sl_path_holds(run->path, SL_RUN_CONFIG)) return SL_OK;
  return sl_path_keep(run->path, err);
}

sl_status sl_study_start(const sl_study_table *t, sl_study_run *run, sl_error *err) {
  sl_status status = sl_folders_make(run->path, (size_t)(strrchr(run->path, '/') - run->path), err);
  if (!status) status = keep_remnant(run, err);
  if (status) return status;
  struct stat log;
  run->log_begin = stat(run->log, &log) == 0 ? (uint64_t)log.st_size : 0;
  if (run->state == SL_STUDY_FRESH)
    status = spawn_train(t, run, err);
  else
    spawn_resume(run);
  if (status) return status;
  if (run->pid < 0) return sl_fail(err, SL_ERR_IO, "%s: %s", run->log, strerror(errno));
  run->state = SL_STUDY_RUNNING;
  return SL_OK;
}

/* What a log ends with: its last line with an error, behind which advice may stand, or else its
 * last line. Cuts the text. */
static const char *last_error(char *text) {
  static const char mark[] = ": error: "; /* as sl_cli_fail writes it */
  const char *found = NULL, *last = text;
  for (char *line = text; line;) {
    char *end = strchr(line, '\n');
    if (end) *end++ = 0;
    if (strncmp(line, "sluice ", 7) == 0 && strstr(line, mark)) found = line;
    if (*line) last = line;
    line = end;
  }
  return found ? found : last;
}

void sl_study_read_problem(char *out, size_t size, const char *log, uint64_t begin) {
  char text[8192];
  const int fd = sl_open(log, O_RDONLY);
  const off_t length = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
  const off_t most = (off_t)sizeof text - 1,
              from = length - most > (off_t)begin ? length - most : (off_t)begin;
  const ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof text - 1, from);
  if (fd >= 0) close(fd);
  text[n > 0 ? n : 0] = 0;
  const char *line = last_error(text);
  snprintf(out, size, "%s", *line ? line : "it wrote no log");
}

static void read_problem(sl_study_run *run, int status) {
  if (WIFSIGNALED(status))
    snprintf(run->problem, sizeof run->problem, "ended by signal %d (%s)", WTERMSIG(status),
             strsignal(WTERMSIG(status)));
  else
    sl_study_read_problem(run->problem, sizeof run->problem, run->log, run->log_begin);
}

int sl_study_has_ended(sl_study_run *run) {
  int status;
  const pid_t ended = waitpid(run->pid, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return 0;
  if (ended < 0) status = SL_EXIT_SYSTEM << 8;
  run->pid = 0;
  if (WIFEXITED(status) && WEXITSTATUS(status) == SL_EXIT_OK) {
    run->state = SL_STUDY_FINISHED;
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == SL_EXIT_INTERRUPTED) {
    run->state = SL_STUDY_STOPPED;
  } else {
    run->state = SL_STUDY_FAILED;
    read_problem(run, status);
  }
  return 1;
}
