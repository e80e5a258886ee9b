/* How much gets through: floods of datagrams and of connections, and a sink that counts. */
#include "labtool.h"
#include <netinet/tcp.h>

enum { BATCH = 64 };

static const char *option(int argc, char **argv, const char *name, const char *otherwise) {
  for (int i = 1; i + 1 < argc; i++)
    if (!strcmp(argv[i], name)) return argv[i + 1];
  return otherwise;
}

/* labtool flood TO PORT [--seconds S] [--size N] [--flows N]: UDP as fast as it goes; prints {"sent","errors","us"}. */
int cmd_flood(int argc, char **argv) {
  union addr to;
  if (argc < 3 || !parse_addr(argv[1], atoi(argv[2]), &to)) die("usage: labtool flood TO PORT [--seconds S] [--size N] [--flows N]");
  double seconds = atof(option(argc, argv, "--seconds", "1"));
  size_t size = atoi(option(argc, argv, "--size", "64"));
  int flows = atoi(option(argc, argv, "--flows", "1"));
  static char data[65536];
  static int sockets[1024];
  if (flows < 1 || flows > 1024 || size > sizeof data) die("flood: out of range");
  for (int i = 0; i < flows; i++) {
    sockets[i] = socket(to.any.sa_family, SOCK_DGRAM, 0);
    if (connect(sockets[i], &to.any, addr_len(&to)) < 0) die("connect: %s", strerror(errno));
  }
  struct iovec iov = {data, size};
  struct mmsghdr batch[BATCH];
  memset(batch, 0, sizeof batch);
  for (int i = 0; i < BATCH; i++) batch[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
  long sent = 0, errors = 0;
  int64_t start = now_us(), end = start + seconds * 1e6, now;
  for (int f = 0; (now = now_us()) < end; f = (f + 1) % flows) {
    int n = sendmmsg(sockets[f], batch, BATCH, 0);
    if (n > 0) sent += n;
    else errors++;
  }
  say("{\"sent\":%ld,\"errors\":%ld,\"us\":%lld}", sent, errors, (long long)(now - start));
  return 0;
}

/*
 * labtool sink PORT [--seconds S]: counts UDP datagrams until S seconds are over or standard input ends; prints
 * {"ready":true}, then {"received","us"}, the time being from the first to the last.
 */
int cmd_sink(int argc, char **argv) {
  if (argc < 2) die("usage: labtool sink PORT [--seconds S]");
  double seconds = atof(option(argc, argv, "--seconds", "600"));
  int s = socket(AF_INET6, SOCK_DGRAM, 0), off = 0, big = 64 << 20;
  union addr a = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(argv[1]))}};
  setsockopt(s, SOL_IPV6, IPV6_V6ONLY, &off, sizeof off);
  setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
  if (bind(s, &a.any, sizeof a.v6) < 0) die("port %s: %s", argv[1], strerror(errno));
  static char data[BATCH][2048];
  static struct iovec iov[BATCH];
  static struct mmsghdr batch[BATCH];
  for (int i = 0; i < BATCH; i++) {
    iov[i] = (struct iovec){data[i], sizeof data[i]};
    batch[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
  }
  say("{\"ready\":true}");
  long received = 0;
  int64_t first = 0, last = 0, end = now_us() + seconds * 1e6;
  while (now_us() < end) {
    struct pollfd p[2] = {{s, POLLIN, 0}, {0, POLLIN, 0}};
    if (poll(p, 2, 100) <= 0) continue;
    if (p[0].revents) {
      int n = recvmmsg(s, batch, BATCH, MSG_DONTWAIT, NULL);
      if (n > 0) {
        last = now_us();
        if (!first) first = last;
        received += n;
      }
    } else if (p[1].revents && read(0, data[0], 64) <= 0) break;
  }
  say("{\"received\":%ld,\"us\":%lld}", received, (long long)(last - first));
  return 0;
}

struct worker {
  union addr to;
  int64_t end;
  long done, errors;
};

static void *connecting(void *arg) {
  struct worker *w = arg;
  struct linger gone = {1, 0};
  while (now_us() < w->end) {
    int s = socket(w->to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
    socklen_t len = sizeof error;
    struct pollfd p = {s, POLLOUT, 0};
    int ok = connect(s, &w->to.any, addr_len(&w->to)) == 0;
    if (!ok && errno == EINPROGRESS && poll(&p, 1, 1000) > 0)
      ok = !getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len) && !error;
    if (ok) w->done++;
    else w->errors++;
    /* Reset: ports in TIME_WAIT would be the first thing to run out. */
    setsockopt(s, SOL_SOCKET, SO_LINGER, &gone, sizeof gone);
    close(s);
  }
  return NULL;
}

/* labtool connects TO PORT [--seconds S] [--parallel N]: TCP handshakes, each reset; prints {"connections","errors","us"}. */
int cmd_connects(int argc, char **argv) {
  union addr to;
  if (argc < 3 || !parse_addr(argv[1], atoi(argv[2]), &to)) die("usage: labtool connects TO PORT [--seconds S] [--parallel N]");
  double seconds = atof(option(argc, argv, "--seconds", "1"));
  int parallel = atoi(option(argc, argv, "--parallel", "4"));
  static struct worker workers[256];
  static pthread_t threads[256];
  if (parallel < 1 || parallel > 256) die("connects: out of range");
  int64_t start = now_us();
  long done = 0, errors = 0;
  for (int i = 0; i < parallel; i++) {
    workers[i] = (struct worker){.to = to, .end = start + seconds * 1e6};
    if (pthread_create(&threads[i], NULL, connecting, &workers[i])) die("no thread");
  }
  for (int i = 0; i < parallel; i++) {
    pthread_join(threads[i], NULL);
    done += workers[i].done;
    errors += workers[i].errors;
  }
  say("{\"connections\":%ld,\"errors\":%ld,\"us\":%lld}", done, errors, (long long)(now_us() - start));
  return 0;
}
