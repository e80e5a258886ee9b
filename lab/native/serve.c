/* Echo servers that can also speak unasked, and senders at a steady rate. */
#include "labtool.h"
#include <netinet/tcp.h>

struct conn {
  int fd;
  uint64_t pushed;
};

struct peer {
  int fd;
  union addr at;
  struct in6_pktinfo own;
  uint64_t pushed;
};

enum { MAX = 4096, PEERS = 256 };
static struct pollfd fds[MAX];
static struct conn conns[MAX]; /* same index as fds; only TCP connections use it */
static char kind[MAX];         /* 'l' listener, 'u' datagrams, 'c' connection */
static int count;
static struct peer peers[PEERS];
static int peer_count;

static void add(int fd, char what) {
  if (count == MAX) {
    close(fd);
    return;
  }
  fds[count] = (struct pollfd){fd, POLLIN, 0};
  conns[count] = (struct conn){fd, 0};
  kind[count++] = what;
}

static void listen_on(int type, int port) {
  int on = 1, off = 0;
  union addr a = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
  int s = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (s < 0) die("socket: %s", strerror(errno));
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(s, SOL_IPV6, IPV6_V6ONLY, &off, sizeof off);
  setsockopt(s, SOL_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  if (bind(s, &a.any, sizeof a.v6) < 0) die("port %d: %s", port, strerror(errno));
  if (type == SOCK_STREAM && listen(s, 512) < 0) die("listen: %s", strerror(errno));
  add(s, type == SOCK_STREAM ? 'l' : 'u');
}

static ssize_t send_from(int fd, const union addr *to, const struct in6_pktinfo *own, const void *data, size_t n) {
  union {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof *own)];
  } control = {0};
  struct iovec iov = {(void *)data, n};
  struct msghdr m = {.msg_name = (void *)to, .msg_namelen = sizeof to->v6, .msg_iov = &iov, .msg_iovlen = 1,
                     .msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_IPV6;
  c->cmsg_type = IPV6_PKTINFO;
  c->cmsg_len = CMSG_LEN(sizeof *own);
  memcpy(CMSG_DATA(c), own, sizeof *own);
  ((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex = 0;
  return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static void datagrams(int fd, int log) {
  for (;;) {
    char data[2048], out[2200], from[64], token[TOKEN_LENGTH + 1] = "", control[256];
    union addr at;
    struct iovec iov = {data, sizeof data};
    struct msghdr m = {.msg_name = &at, .msg_namelen = sizeof at.v6, .msg_iov = &iov, .msg_iovlen = 1,
                       .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
    if (n < 0) return;
    /* an answer, to somebody who asked in our name: two servers would go on for ever */
    if (n >= 5 && !memcmp(data, "peer ", 5)) continue;
    struct in6_pktinfo own = {0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
      if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO) memcpy(&own, CMSG_DATA(c), sizeof own);
    int k = snprintf(out, 100, "peer %s %d ", addr_text(&at, from), addr_port(&at));
    memcpy(out + k, data, n);
    send_from(fd, &at, &own, out, k + n);
    if (log) {
      find_token((uint8_t *)data, n, token);
      say("{\"t\":%lld,\"proto\":17,\"src\":\"%s\",\"sport\":%d,\"token\":\"%s\"}", (long long)now_us(), from, addr_port(&at), token);
    }
    int known = 0;
    for (int i = 0; i < peer_count && !known; i++) known = peers[i].fd == fd && !memcmp(&peers[i].at, &at, sizeof at.v6);
    if (!known && peer_count < PEERS) peers[peer_count++] = (struct peer){fd, at, own, 0};
  }
}

/* labtool serve [tcp PORT...] [udp PORT...] [--push PER_SECOND] [--log] */
int cmd_serve(int argc, char **argv) {
  int type = SOCK_STREAM, push = 0, log = 0;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "tcp")) type = SOCK_STREAM;
    else if (!strcmp(argv[i], "udp")) type = SOCK_DGRAM;
    else if (!strcmp(argv[i], "--log")) log = 1;
    else if (!strcmp(argv[i], "--push") && i + 1 < argc) push = atoi(argv[++i]);
    else if (atoi(argv[i]) > 0) listen_on(type, atoi(argv[i]));
    else die("serve: %s", argv[i]);
  }
  signal(SIGTERM, SIG_DFL);
  if (getpid() == 1) { /* as a container's first process the default action would be ignored */
    void quit(int);
    signal(SIGTERM, quit);
  }
  if (log) say("{\"ready\":true}");
  int64_t next = now_us();
  for (;;) {
    int wait = push ? (next - now_us()) / 1000 : 1000;
    if (wait < 0) wait = 0;
    poll(fds, count, wait);
    int many = count;
    for (int i = 0; i < many; i++) {
      if (!fds[i].revents) continue;
      if (kind[i] == 'u') datagrams(fds[i].fd, log);
      else if (kind[i] == 'l') {
        union addr at;
        socklen_t len = sizeof at.v6;
        int fd, on = 1;
        while ((fd = accept4(fds[i].fd, &at.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
          char from[64], line[128];
          setsockopt(fd, SOL_TCP, TCP_NODELAY, &on, sizeof on);
          int n = snprintf(line, sizeof line, "peer %s %d\n", addr_text(&at, from), addr_port(&at));
          if (write(fd, line, n) < 0) {}
          if (log)
            say("{\"t\":%lld,\"proto\":6,\"src\":\"%s\",\"sport\":%d,\"token\":\"\"}", (long long)now_us(), from, addr_port(&at));
          add(fd, 'c');
          len = sizeof at.v6;
        }
      } else {
        char data[8192], token[TOKEN_LENGTH + 1];
        ssize_t n = recv(fds[i].fd, data, sizeof data, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (n <= 0) {
          close(fds[i].fd);
          fds[i].fd = -1;
          continue;
        }
        if (log && find_token((uint8_t *)data, n, token)) say("{\"t\":%lld,\"proto\":6,\"token\":\"%s\"}", (long long)now_us(), token);
        if (send(fds[i].fd, data, n, MSG_NOSIGNAL) < 0) {}
      }
    }
    for (int i = 0; i < count; i++)
      if (fds[i].fd < 0) {
        fds[i] = fds[--count];
        conns[i] = conns[count];
        kind[i] = kind[count];
        i--;
      }
    if (push && now_us() >= next) {
      next += 1000000 / push;
      if (next < now_us()) next = now_us();
      char line[64];
      for (int i = 0; i < count; i++)
        if (kind[i] == 'c') {
          int n = snprintf(line, sizeof line, "push %llu\n", (unsigned long long)conns[i].pushed++);
          if (send(fds[i].fd, line, n, MSG_NOSIGNAL) < 0) {}
        }
      for (int i = 0; i < peer_count; i++) {
        int n = snprintf(line, sizeof line, "push %llu", (unsigned long long)peers[i].pushed++);
        send_from(peers[i].fd, &peers[i].at, &peers[i].own, line, n);
      }
    }
  }
}

void quit(int sig) {
  (void)sig;
  _exit(0);
}

static volatile sig_atomic_t stop;
static void stopping(int sig) {
  (void)sig;
  stop = 1;
}

/*
 * labtool stream tcp|udp TO PORT --rate N --seconds S [--token T] [--sport N] [--fresh] [--stdin]
 * Sends N numbered payloads a second; at the end, and on SIGTERM, prints {"sent","answered","pushed","connects",
 * "errors","lastAnswer"} (lastAnswer: microseconds since the epoch). Answers to the last payloads are waited for 200 ms,
 * or, while others were answered and these are not, three seconds. TCP connects again when its connection breaks;
 * --fresh makes every payload a new conversation (a new source port). --stdin: also ends when standard input does, for
 * senders behind `docker exec`, which passes no signals.
 */
int cmd_stream(int argc, char **argv) {
  if (argc < 4) die("usage: labtool stream tcp|udp TO PORT --rate N --seconds S [--token T] [--sport N] [--fresh]");
  int tcp = !strcmp(argv[1], "tcp"), rate = 100, fresh = 0, sport = 0, watch = 0;
  double seconds = 1;
  const char *token = "lab-000000000000";
  union addr to;
  if (!parse_addr(argv[2], atoi(argv[3]), &to)) die("%s: no address", argv[2]);
  for (int i = 4; i < argc; i++) {
    if (!strcmp(argv[i], "--fresh")) fresh = 1;
    else if (!strcmp(argv[i], "--stdin")) watch = 1;
    else if (i + 1 >= argc) die("stream: %s", argv[i]);
    else if (!strcmp(argv[i], "--rate")) rate = atoi(argv[++i]);
    else if (!strcmp(argv[i], "--seconds")) seconds = atof(argv[++i]);
    else if (!strcmp(argv[i], "--token")) token = argv[++i];
    else if (!strcmp(argv[i], "--sport")) sport = atoi(argv[++i]);
    else die("stream: %s", argv[i]);
  }
  if (rate < 1) die("stream: --rate");
  struct sigaction sa = {.sa_handler = stopping};
  sigaction(SIGTERM, &sa, NULL);
  sigaction(SIGINT, &sa, NULL);
  long sent = 0, answered = 0, pushed = 0, connects = 0, errors = 0;
  int64_t start = now_us(), end = start + seconds * 1e6, next = start, last = 0, opened = 0;
  int s = -1, up = 0;
  char carry[64] = "";
  for (;;) {
    int64_t now = now_us(), late = !fresh && answered && answered < sent ? 3000000 : 200000;
    int over = now >= end + late || (now >= end + 200000 && answered >= sent);
    if (stop && now < end) end = now;
    if (now >= next && now < end) {
      next += 1000000 / rate;
      if (s >= 0 && (fresh || (tcp && !up && now - opened > 250000))) {
        close(s);
        s = -1;
      }
      if (s < 0) {
        int on = 1;
        up = !tcp;
        s = socket(to.any.sa_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (s < 0) die("socket: %s", strerror(errno));
        setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (tcp) setsockopt(s, SOL_TCP, TCP_NODELAY, &on, sizeof on);
        if (sport) {
          union addr own;
          parse_addr(to.any.sa_family == AF_INET ? "0.0.0.0" : "::", sport, &own);
          if (bind(s, &own.any, addr_len(&own)) < 0) die("--sport %d: %s", sport, strerror(errno));
        }
        opened = now;
        connects++;
        *carry = 0;
        if (connect(s, &to.any, addr_len(&to)) < 0 && errno != EINPROGRESS) {
          errors++;
          close(s);
          s = -1;
        }
      }
      if (s >= 0 && up) {
        char line[128];
        int n = snprintf(line, sizeof line, "%s %ld\n", token, sent);
        ssize_t done = send(s, line, n, MSG_NOSIGNAL);
        if (done < 0 && errno != EAGAIN && !tcp) { /* may be an earlier ICMP error: the socket goes on */
          errors++;
          done = send(s, line, n, MSG_NOSIGNAL);
        }
        if (done == n) sent++;
        else {
          errors++;
          if (tcp && errno != EAGAIN) {
            close(s);
            s = -1;
          }
        }
      }
    }
    int wait = (next - now_us()) / 1000;
    if (now >= end || wait > 50) wait = 50;
    if (over) wait = 0; /* what is here already was waited for, however late we were ourselves */
    /* poll passes over negative descriptors */
    struct pollfd p[2] = {{s, POLLIN | (tcp && !up ? POLLOUT : 0), 0}, {watch ? 0 : -1, POLLIN, 0}};
    if (poll(p, 2, wait > 0 ? wait : s < 0) <= 0) {
      if (over) break;
      continue;
    }
    if (p[1].revents) {
      char ignored[64];
      if (read(0, ignored, sizeof ignored) <= 0) {
        stop = 1;
        watch = 0;
      }
    }
    if (!p[0].revents) continue;
    if (tcp && !up) {
      int error = 0;
      socklen_t len = sizeof error;
      getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len);
      if (error) {
        errors++;
        close(s);
        s = -1;
        if (!fresh) pause_ms(1);
      } else up = 1;
      if (s >= 0 && fresh) { /* the handshake was all; count it as the payload */
        char line[128];
        int n = snprintf(line, sizeof line, "%s %ld\n", token, sent);
        if (send(s, line, n, MSG_NOSIGNAL) == n) sent++;
      }
      continue;
    }
    char data[8192 + 64];
    ssize_t n = recv(s, data, 8192, 0);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0 && tcp) {
      errors++;
      close(s);
      s = -1;
      continue;
    }
    if (n <= 0) {
      errors++;
      continue;
    }
    last = now_us();
    if (!tcp) {
      if (!strncmp(data, "push", 4)) pushed++;
      else answered++;
      continue;
    }
    for (ssize_t i = 0; i < n; i++) { /* count whole lines by their first letter */
      size_t k = strlen(carry);
      if (data[i] == '\n') {
        if (!strncmp(carry, "push", 4)) pushed++;
        else if (!strncmp(carry, "lab-", 4)) answered++;
        *carry = 0;
      } else if (k + 1 < sizeof carry) carry[k] = data[i], carry[k + 1] = 0;
    }
  }
  say("{\"sent\":%ld,\"answered\":%ld,\"pushed\":%ld,\"connects\":%ld,\"errors\":%ld,\"lastAnswer\":%lld}", sent, answered, pushed, connects,
      errors, (long long)last);
  return 0;
}
