/* What a command needs of its process: standard streams that are open, and a request to stop. */
#ifndef SLUICE_PROCESS_H
#define SLUICE_PROCESS_H

/* Opens /dev/null on each of the descriptors 0, 1 and 2 that is closed. Otherwise the next file
 * that the program opens would get the number, and lines meant for standard error would land in
 * it. SIGXFSZ is ignored, so that a file at the limit of its size (ulimit -f) is an error of the
 * write. To be called before anything is opened. 0, or -1 and errno. */
int sl_process_begin(void);

/* From begin to end, SIGINT, SIGTERM and SIGHUP ask for a stop that the caller carries out in its
 * own time. A second SIGINT or SIGTERM ends the process at once; a second SIGHUP does not, because
 * a closing terminal may send two. Signals that were ignored at begin (nohup, a script's background
 * jobs) stay ignored. SIGPIPE is ignored: a run goes on when nobody reads its progress any more.
 * `announce`: the first request prints a line on standard error. */
void sl_stop_begin(int announce);
int sl_stop_requested(void);
void sl_stop_end(void);

#endif
