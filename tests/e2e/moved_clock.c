// A wall clock that a test sets: preloaded into a node, it adds the seconds that the file I2_MOVED_CLOCK holds
// (a 64-bit integer, in place). Clocks that cannot be set stay as they are.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* moved;

__attribute__((constructor)) static void open_file(void) {
  const char* const path = getenv("I2_MOVED_CLOCK");
  const int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  void* const page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *moved, PROT_READ, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) {
    abort();
  }
  moved = page;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec* out) {
  const long code = syscall(SYS_clock_gettime, clock, out);
  if (code == 0 && moved != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    out->tv_sec += *moved;
  }
  return (int)code;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) {
    *out = now.tv_sec;
  }
  return now.tv_sec;
}

int gettimeofday(struct timeval* out, void* zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}
