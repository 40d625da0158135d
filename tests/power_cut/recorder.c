/* Records what a process does to the files of one directory, in the order in which it does it, for tests/power_cut.
 *
 * Loaded with LD_PRELOAD. POWER_CUT_DIRECTORY is the directory, POWER_CUT_LOG the record. Nothing is flushed to the real disk: the record
 * is the disk, and what a power cut leaves of it is worked out from the flushes that were asked for (disk.rs).
 * One lock goes around each call and its entry, so the order of the record is the order of the calls.
 *
 * The index of SQLite's write-ahead log (-shm) is left out: it is shared memory, and is made anew after a crash.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 65536
#define DIRECTORY UINT64_MAX

/* What is behind a descriptor: the number of a recorded file, DIRECTORY, or 0. */
static uint64_t behind[FILES];
static char directory[PATH_MAX];
static int record = -1;
/* The recorded files by the number of their inode. Inodes are used again, so a file that is made gets a number of its own. */
static struct { uint64_t inode, file; } known[4096];
static uint64_t files;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  const char *where = getenv("POWER_CUT_DIRECTORY"), *log = getenv("POWER_CUT_LOG");
  if (!where || !log) return;
  snprintf(directory, sizeof directory, "%s/", where);
  record = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* An entry: kind, file, offset, length of what follows, what follows. */
static void entry(char kind, uint64_t file, uint64_t offset, const void *data, uint64_t length) {
  char head[25];
  head[0] = kind;
  memcpy(head + 1, &file, 8);
  memcpy(head + 9, &offset, 8);
  memcpy(head + 17, &length, 8);
  struct iovec parts[2] = {{head, sizeof head}, {(void *)data, length}};
  if (syscall(SYS_writev, record, parts, 2) != (long)(sizeof head + length)) abort();
}

/* The name within the directory; NULL for what is not recorded. "" is the directory itself. */
static const char *recorded(const char *path) {
  size_t length = strlen(directory);
  if (record < 0) return NULL;
  if (strncmp(path, directory, length - 1) == 0 && path[length - 1] == 0) return "";
  if (strncmp(path, directory, length) != 0) return NULL;
  const char *name = path + length;
  size_t named = strlen(name);
  return strchr(name, '/') || (named > 4 && strcmp(name + named - 4, "-shm") == 0) ? NULL : name;
}

static uint64_t number_of(uint64_t inode, int made) {
  uint64_t i = files;
  while (!made && i > 0 && known[i - 1].inode != inode) i--;
  if (made) {
    if (files == sizeof known / sizeof *known) abort();
    known[files].inode = inode;
    known[files].file = files + 1;
    i = ++files;
  }
  /* One that was there before the record began. */
  if (i == 0) abort();
  return known[i - 1].file;
}

static int opened(const char *path, int flags, mode_t mode) {
  const char *name = recorded(path);
  if (!name) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  pthread_mutex_lock(&lock);
  int was_there = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), failed = errno;
  if (fd >= FILES) abort();
  if (fd >= 0 && !*name) {
    behind[fd] = DIRECTORY;
  } else if (fd >= 0) {
    struct stat status;
    if (fstat(fd, &status)) abort();
    behind[fd] = number_of(status.st_ino, !was_there);
    if (!was_there) entry('C', behind[fd], 0, name, strlen(name));
    else if (flags & O_TRUNC) entry('T', behind[fd], 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = failed;
  return fd;
}

#define OPEN(symbol)                                            \
  int symbol(const char *path, int flags, ...) {                \
    va_list more;                                               \
    va_start(more, flags);                                      \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0; \
    va_end(more);                                               \
    return opened(path, flags, mode);                           \
  }
OPEN(open)
OPEN(open64)

int close(int fd) {
  if (fd >= 0 && fd < FILES) behind[fd] = 0;
  return (int)syscall(SYS_close, fd);
}

static uint64_t file_of(int fd) { return record >= 0 && fd >= 0 && fd < FILES ? behind[fd] : 0; }

static ssize_t written(int fd, const void *data, size_t length, off_t offset) {
  uint64_t file = file_of(fd);
  if (!file) return offset < 0 ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, offset);
  pthread_mutex_lock(&lock);
  off_t at = offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset;
  ssize_t done = offset < 0 ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, offset);
  int failed = errno;
  if (done > 0) entry('W', file, (uint64_t)at, data, (uint64_t)done);
  pthread_mutex_unlock(&lock);
  errno = failed;
  return done;
}
ssize_t write(int fd, const void *data, size_t length) { return written(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return written(fd, data, length, offset); }
ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset) { return written(fd, data, length, offset); }

static int truncated(int fd, off_t size) {
  uint64_t file = file_of(fd);
  if (!file) return (int)syscall(SYS_ftruncate, fd, size);
  pthread_mutex_lock(&lock);
  int result = (int)syscall(SYS_ftruncate, fd, size);
  if (result == 0) entry('T', file, (uint64_t)size, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}
int ftruncate(int fd, off_t size) { return truncated(fd, size); }
int ftruncate64(int fd, off_t size) { return truncated(fd, size); }

/* A flush: recorded with the name of the thread that asks for it. */
static int flushed(int fd, long call) {
  uint64_t file = file_of(fd);
  if (!file) return (int)syscall(call, fd);
  char thread[16] = "";
  prctl(PR_GET_NAME, thread);
  pthread_mutex_lock(&lock);
  if (file == DIRECTORY) entry('D', 0, 0, NULL, 0);
  else entry('S', file, 0, thread, strlen(thread));
  pthread_mutex_unlock(&lock);
  return 0;
}
int fsync(int fd) { return flushed(fd, SYS_fsync); }
int fdatasync(int fd) { return flushed(fd, SYS_fdatasync); }

int unlink(const char *path) {
  const char *name = recorded(path);
  if (!name) return (int)syscall(SYS_unlink, path);
  pthread_mutex_lock(&lock);
  int result = (int)syscall(SYS_unlink, path), failed = errno;
  if (result == 0) entry('U', 0, 0, name, strlen(name));
  pthread_mutex_unlock(&lock);
  errno = failed;
  return result;
}

/* A second name of a file. */
int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
  const char *old = recorded(from), *name = recorded(to);
  if (!old != !name) abort();
  if (!name) return (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
  pthread_mutex_lock(&lock);
  int result = (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags), failed = errno;
  struct stat status;
  if (result == 0) {
    if (stat(to, &status)) abort();
    entry('L', number_of(status.st_ino, 0), 0, name, strlen(name));
  }
  pthread_mutex_unlock(&lock);
  errno = failed;
  return result;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

/* Not known to the record: whoever begins to use one of these there must teach it. */
int rename(const char *from, const char *to) {
  if (recorded(from) || recorded(to)) abort();
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int truncate64(const char *path, off_t size) {
  if (recorded(path)) abort();
  return (int)syscall(SYS_truncate, path, size);
}
