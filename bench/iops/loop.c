/*
 * The least that a program can do with Linux AIO: io_submit hands over again whatever has been
 * reaped from the mapped ring. What kaio takes beyond this is the price of JavaScript.
 *
 *     loop FILE BLOCKS BLOCK DEPTH SECONDS PERCENT_OF_WRITES DIRECT IN_ORDER SYNCED
 *
 * Prints the figures as JSON. Its passes are those of measure.ts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, LOOK = 64, SAMPLING = 10, MOST_SAMPLES = 1 << 20 };

struct ring {
  unsigned id, nr;
  _Atomic unsigned head, tail;
  unsigned magic, compat, incompat, header_length;
  struct io_event events[];
};

static aio_context_t context;
static struct iocb *iocbs, **queue;
static struct io_event *events;
static double *starts, samples[MOST_SAMPLES];
static uint64_t blocks, block, writes, next, state = 1;
static long depth, queued, in_flight, ended, sampled, skipped;
static double end;
static int in_order, timed, running;

static void fail(const char *what) {
  fprintf(stderr, "Cannot run %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void request(long slot) {
  state = state * 6364136223846793005 + 1442695040888963407;
  iocbs[slot].aio_offset = (in_order ? next++ : state >> 33) % blocks * block;
  iocbs[slot].aio_lio_opcode = (state >> 20) % 100 < writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
  if (timed && ++skipped == SAMPLING) {
    skipped = 0;
    starts[slot] = now();
  }
  queue[queued++] = &iocbs[slot];
}

static void complete(const struct io_event *event) {
  long slot = event->data;
  if (event->res != (int64_t) block) {
    fprintf(stderr, "A request failed: result is %lld\n", (long long) event->res);
    exit(1);
  }
  if (starts[slot] != 0) {
    if (sampled < MOST_SAMPLES) samples[sampled++] = now() - starts[slot];
    starts[slot] = 0;
  }
  if (++ended % LOOK == 0) running = now() < end;
  if (running) request(slot);
}

static void pass(double seconds, int with_clocks) {
  struct ring *ring = (struct ring *) context;
  timed = with_clocks;
  running = 1;
  ended = 0;
  end = now() + seconds;
  for (long slot = 0; slot < depth; slot++) request(slot);
  while (queued > 0 || in_flight > 0) {
    for (long sent = 0; sent < queued;) {
      long accepted = syscall(SYS_io_submit, context, queued - sent, queue + sent);
      if (accepted < 0) fail("io_submit");
      sent += accepted;
    }
    in_flight += queued;
    queued = 0;
    unsigned head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    unsigned tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (head == tail) {
      long count = syscall(SYS_io_getevents, context, 1, depth, events, NULL);
      if (count < 0) fail("io_getevents");
      in_flight -= count;
      for (long index = 0; index < count; index++) complete(&events[index]);
      continue;
    }
    while (head != tail) {
      in_flight--;
      complete(&ring->events[head]);
      if (++head == ring->nr) head = 0;
    }
    atomic_store_explicit(&ring->head, head, memory_order_release);
  }
}

static double microseconds(struct timeval from, struct timeval to) {
  return (to.tv_sec - from.tv_sec) * 1e6 + (to.tv_usec - from.tv_usec);
}

static int ascending(const void *one, const void *other) {
  double a = *(const double *) one, b = *(const double *) other;
  return (a > b) - (a < b);
}

int main(int count, char **words) {
  if (count != 10) return 2;
  blocks = strtoull(words[2], NULL, 10);
  block = strtoull(words[3], NULL, 10);
  depth = atol(words[4]);
  double seconds = atof(words[5]);
  writes = atol(words[6]);
  in_order = atoi(words[8]);
  int flags = (atoi(words[7]) ? O_DIRECT : 0) | (atoi(words[9]) ? O_DSYNC : 0);
  int fd = open(words[1], (writes > 0 ? O_RDWR : O_RDONLY) | flags);
  if (fd < 0) fail("open");
  if (syscall(SYS_io_setup, depth, &context) < 0) fail("io_setup");
  char *memory = aligned_alloc(PAGE, depth * block);
  memset(memory, 0xa5, depth * block);
  iocbs = calloc(depth, sizeof *iocbs);
  queue = calloc(depth, sizeof *queue);
  events = calloc(depth, sizeof *events);
  starts = calloc(depth, sizeof *starts);
  for (long slot = 0; slot < depth; slot++) {
    iocbs[slot].aio_data = slot;
    iocbs[slot].aio_fildes = fd;
    iocbs[slot].aio_buf = (uintptr_t) (memory + slot * block);
    iocbs[slot].aio_nbytes = block;
  }

  struct rusage before, after;
  pass(seconds / 4, 1);
  long requests = ended;
  getrusage(RUSAGE_SELF, &before);
  double began = now();
  pass(seconds, 0);
  double rate = ended / (now() - began);
  getrusage(RUSAGE_SELF, &after);
  double user = microseconds(before.ru_utime, after.ru_utime) / ended;
  double system = microseconds(before.ru_stime, after.ru_stime) / ended;
  requests += ended;
  sampled = 0;
  pass(seconds / 4, 1);
  requests += ended;
  qsort(samples, sampled, sizeof *samples, ascending);
  printf("{\"rate\":%f,\"cpu\":%f,\"system\":%f,", rate, user + system, system);
  printf("\"p50\":%f,\"p99\":%f,", samples[sampled / 2] * 1e6, samples[sampled * 99 / 100] * 1e6);
  printf("\"p999\":%f,\"requests\":%ld}\n", samples[sampled * 999 / 1000] * 1e6, requests);
}
