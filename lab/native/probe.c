/* Probes: one conversation attempt each, and what the sender itself learnt of it. */
#include "labtool.h"
#include <linux/errqueue.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

struct probe {
  char id[64], proto[16], to[64], from[64], token[64];
  int port, timeout, sport;
};

struct result {
  const char *outcome;
  int64_t rtt;
  int type, code, sport;
  char error[64], reply[512], by[INET6_ADDRSTRLEN];
};

/* An ICMP error in the socket's queue: 1 and the result filled. Errors of our own kernel do not count as answers. */
static int icmp_error(int s, struct result *r) {
  char control[512], data[256];
  for (;;) {
    struct iovec iov = {data, sizeof data};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(s, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
      int v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
      int v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
      if (!v4 && !v6) continue;
      struct sock_extended_err *e = (struct sock_extended_err *)CMSG_DATA(c);
      if (e->ee_origin != SO_EE_ORIGIN_ICMP && e->ee_origin != SO_EE_ORIGIN_ICMP6) continue;
      r->outcome = "unreachable";
      r->type = e->ee_type;
      r->code = e->ee_code;
      union addr *by = (union addr *)SO_EE_OFFENDER(e);
      if (by->any.sa_family == AF_INET || by->any.sa_family == AF_INET6) addr_text(by, r->by);
      return 1;
    }
  }
}

static void failed(int s, struct result *r, int error) {
  if (s >= 0 && icmp_error(s, r)) return;
  r->outcome = error == ECONNREFUSED || error == ECONNRESET ? "refused" : "error";
  snprintf(r->error, sizeof r->error, "%s", strerrorname_np(error) ? strerrorname_np(error) : "?");
}

/* A DNS question for TOKEN.probe.lab, type A. Returns its size. */
static size_t dns_query(const char *token, uint8_t *out) {
  size_t n = 0;
  const uint8_t head[] = {0x4c, 0x42, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  memcpy(out, head, sizeof head);
  n += sizeof head;
  const char *labels[] = {token, "probe", "lab"};
  for (int i = 0; i < 3; i++) {
    size_t len = strlen(labels[i]);
    out[n++] = len;
    memcpy(out + n, labels[i], len);
    n += len;
  }
  const uint8_t tail[] = {0, 0, 1, 0, 1};
  memcpy(out + n, tail, sizeof tail);
  return n + sizeof tail;
}

static uint32_t crc32c(const uint8_t *p, size_t n) {
  uint32_t crc = ~0u;
  while (n--) {
    crc ^= *p++;
    for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
  }
  return ~crc;
}

static uint16_t sum16(const uint8_t *p, size_t n) {
  uint32_t sum = 0;
  for (size_t i = 0; i < n; i++) sum += i & 1 ? p[i] : p[i] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons(~sum);
}

/* What a raw protocol carries: well formed where conntrack would otherwise call the packet invalid. */
static size_t raw_payload(const struct probe *p, int number, uint8_t *out) {
  size_t n = strlen(p->token);
  if (number == IPPROTO_SCTP) { /* INIT, with the token in a parameter that receivers skip */
    memset(out, 0, 64);
    uint16_t sport = htons(p->sport), dport = htons(p->port), size = htons(20 + 4 + n), psize = htons(4 + n);
    memcpy(out, &sport, 2);
    memcpy(out + 2, &dport, 2);
    out[12] = 1;
    memcpy(out + 14, &size, 2);
    const uint8_t init[] = {1, 2, 3, 4, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1, 0xc0, 0x77};
    memcpy(out + 16, init, sizeof init);
    memcpy(out + 34, &psize, 2);
    memcpy(out + 36, p->token, n);
    uint32_t crc = crc32c(out, 36 + n);
    memcpy(out + 8, &crc, 4);
    return 36 + n;
  }
  if (number == IPPROTO_GRE) { /* version 0, Ethernet */
    memcpy(out, "\0\0\x65\x58", 4);
    memcpy(out + 4, p->token, n);
    return 4 + n;
  }
  memcpy(out, p->token, n);
  return n;
}

static void copy_reply(struct result *r, const char *data, ssize_t n) {
  size_t k = 0;
  for (ssize_t i = 0; i < n && k + 7 < sizeof r->reply; i++) {
    unsigned char c = data[i];
    if ((c == '\n' || c == '\r') && k) break;
    if (c == '"' || c == '\\') r->reply[k++] = '\\';
    if (c >= 32 && c < 127) r->reply[k++] = c;
    else k += sprintf(r->reply + k, "\\u%04x", c);
  }
  r->reply[k] = 0;
}

static int wait_for(int s, short what, int ms) {
  struct pollfd p = {s, what, 0};
  int n;
  int64_t end = now_us() + ms * 1000LL;
  while ((n = poll(&p, 1, ms)) < 0 && errno == EINTR)
    if ((ms = (end - now_us()) / 1000) < 0) return 0;
  return n > 0 ? p.revents : 0;
}

static int out_of_port(const union addr *to, int type, int proto) {
  int s = socket(to->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto), on = 1;
  if (s < 0) return -1;
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (to->any.sa_family == AF_INET) setsockopt(s, SOL_IP, IP_RECVERR, &on, sizeof on);
  else setsockopt(s, SOL_IPV6, IPV6_RECVERR, &on, sizeof on);
  setsockopt(s, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  return s;
}

static void probe(const struct probe *p, struct result *r) {
  union addr to, from;
  r->outcome = "error";
  r->sport = p->sport;
  if (!parse_addr(p->to, p->port, &to)) {
    snprintf(r->error, sizeof r->error, "EADDRNOTAVAIL");
    return;
  }
  int v6 = to.any.sa_family == AF_INET6;
  int tcp = !strcmp(p->proto, "tcp"), udp = !strcmp(p->proto, "udp"), icmp = !strcmp(p->proto, "icmp");
  int number = icmp ? (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) : tcp || udp ? 0 : atoi(p->proto);
  if (!tcp && !udp && number <= 0) {
    snprintf(r->error, sizeof r->error, "EPROTONOSUPPORT");
    return;
  }
  int s = out_of_port(&to, tcp ? SOCK_STREAM : udp ? SOCK_DGRAM : SOCK_RAW, number);
  /* Without NET_RAW there is still the kernel's own echo socket, which chooses the identifier. */
  int ping = s < 0 && errno == EPERM && icmp;
  if (ping) s = out_of_port(&to, SOCK_DGRAM, number);
  if (s < 0) return failed(s, r, errno);
  if (!parse_addr(*p->from ? p->from : v6 ? "::" : "0.0.0.0", tcp || udp ? p->sport : 0, &from)) from = to;
  if (((tcp || udp) && p->sport) || *p->from) {
    if (bind(s, &from.any, addr_len(&from)) < 0) {
      failed(s, r, errno);
      close(s);
      return;
    }
  }
  if (!tcp && !udp) { /* a raw socket's "port" is no port */
    if (v6) to.v6.sin6_port = 0;
    else to.v4.sin_port = 0;
  }
  int64_t start = now_us();
  if (connect(s, &to.any, addr_len(&to)) < 0 && errno != EINPROGRESS) {
    failed(s, r, errno);
    close(s);
    return;
  }
  uint8_t data[1024];
  size_t size;
  if (tcp) {
    int revents = wait_for(s, POLLOUT, p->timeout), error = 0;
    socklen_t len = sizeof error;
    r->rtt = now_us() - start;
    getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len);
    if (!revents) {
      if (!icmp_error(s, r)) r->outcome = "timeout";
    } else if (error) failed(s, r, error);
    else {
      r->outcome = "answered";
      if (p->port == 53) {
        size = dns_query(p->token, data + 2);
        data[0] = size >> 8;
        data[1] = size;
        size += 2;
      } else size = snprintf((char *)data, sizeof data, "GET / HTTP/1.0\r\nHost: lab\r\nX-Token: %s\r\n\r\n", p->token);
      /* The reply is for reading only; servers that wait for more than we say must not cost a whole timeout. */
      if (send(s, data, size, MSG_NOSIGNAL) > 0 && wait_for(s, POLLIN, p->timeout < 250 ? p->timeout : 250)) {
        ssize_t n = recv(s, data, sizeof data, 0);
        if (n > 0) copy_reply(r, (char *)data, n);
        else snprintf(r->error, sizeof r->error, "%s", n == 0 ? "closed" : strerrorname_np(errno));
      }
    }
    struct sockaddr_in6 own;
    len = sizeof own;
    if (!getsockname(s, (struct sockaddr *)&own, &len)) r->sport = ntohs(own.sin6_port);
    /* Reset, not FIN: a probe leaves no connection behind in anybody's table of connections. */
    struct linger gone = {1, 0};
    if (!strcmp(r->outcome, "answered")) setsockopt(s, SOL_SOCKET, SO_LINGER, &gone, sizeof gone);
    close(s);
    return;
  }
  if (udp) {
    if (p->port == 53) size = dns_query(p->token, data);
    else size = snprintf((char *)data, sizeof data, "%s", p->token);
    struct sockaddr_in6 own;
    socklen_t len = sizeof own;
    if (!getsockname(s, (struct sockaddr *)&own, &len)) r->sport = ntohs(own.sin6_port);
  } else if (icmp) {
    memset(data, 0, 8);
    data[0] = v6 ? 128 : 8;
    data[4] = p->sport >> 8;
    data[5] = p->sport;
    data[7] = 1;
    memcpy(data + 8, p->token, strlen(p->token));
    size = 8 + strlen(p->token);
    uint16_t sum = sum16(data, size);
    if (!v6) memcpy(data + 2, &sum, 2); /* the kernel fills ICMPv6's */
  } else size = raw_payload(p, number, data);
  if (send(s, data, size, MSG_NOSIGNAL) < 0) {
    failed(s, r, errno);
    close(s);
    return;
  }
  r->outcome = udp || icmp ? "timeout" : "sent";
  if (p->timeout == 0) r->outcome = "sent";
  /* Nobody answers a strange protocol; an ICMP error comes at once or not at all. */
  int64_t end = start + (udp || icmp ? p->timeout : p->timeout < 100 ? p->timeout : 100) * 1000LL, left;
  while ((left = end - now_us()) > 0) {
    int revents = wait_for(s, POLLIN, left / 1000 + 1);
    if (!revents) break;
    ssize_t n = recv(s, data, sizeof data, 0);
    if (n < 0) {
      int error = errno;
      if (error == EAGAIN && !icmp_error(s, r)) continue;
      if (error != EAGAIN) failed(s, r, error);
      r->rtt = now_us() - start;
      break;
    }
    if (icmp) { /* a raw socket also hears what is not for us */
      uint8_t *q = data + (v6 || ping ? 0 : (data[0] & 15) * 4);
      if (q[0] != (v6 ? 129 : 0) || (!ping && (q[4] << 8 | q[5]) != (p->sport & 0xffff))) continue;
    } else if (!udp && n >= (ssize_t)strlen(p->token)) {
      char token[TOKEN_LENGTH + 1];
      if (!find_token(data, n, token) || strcmp(token, p->token)) continue;
    }
    r->rtt = now_us() - start;
    r->outcome = "answered";
    if (udp) copy_reply(r, (char *)data, n);
    break;
  }
  close(s);
}

static void *one(void *arg) {
  struct probe *p = arg;
  struct result r = {.type = -1, .code = -1};
  probe(p, &r);
  say("{\"id\":\"%s\",\"outcome\":\"%s\",\"rtt\":%lld,\"sport\":%d,\"type\":%d,\"code\":%d,\"by\":\"%s\",\"error\":\"%s\",\"reply\":\"%s\"}",
      p->id, r.outcome, (long long)r.rtt, r.sport, r.type, r.code, r.by, r.error, r.reply);
  free(p);
  return NULL;
}

/* labtool agent: reads "ID PROTO TO PORT TOKEN TIMEOUT_MS SPORT FROM|-" lines, runs all at once, prints JSON lines. */
int cmd_agent(int argc, char **argv) {
  (void)argc, (void)argv;
  char line[512];
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 * 1024);
  pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
  say("{\"ready\":true}");
  while (fgets(line, sizeof line, stdin)) {
    struct probe *p = calloc(1, sizeof *p);
    if (sscanf(line, "%63s %15s %63s %d %63s %d %d %63s", p->id, p->proto, p->to, &p->port, p->token, &p->timeout, &p->sport,
               p->from) != 8)
      die("agent: %s", line);
    if (!strcmp(p->from, "-")) *p->from = 0;
    pthread_t t;
    if (pthread_create(&t, &small, one, p)) die("agent: no thread");
  }
  return 0;
}

/* labtool probe PROTO TO PORT [--from A] [--timeout MS] [--sport N] [--token T]: one probe, one JSON line. */
int cmd_probe(int argc, char **argv) {
  if (argc < 4) die("usage: labtool probe tcp|udp|icmp|NUMBER TO PORT [--from A] [--timeout MS] [--sport N] [--token T]");
  struct probe *p = calloc(1, sizeof *p);
  snprintf(p->id, sizeof p->id, "1");
  snprintf(p->proto, sizeof p->proto, "%s", argv[1]);
  snprintf(p->to, sizeof p->to, "%s", argv[2]);
  p->port = atoi(argv[3]);
  p->timeout = 1000;
  snprintf(p->token, sizeof p->token, "lab-%012x", (unsigned)getpid());
  for (int i = 4; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--from")) snprintf(p->from, sizeof p->from, "%s", argv[i + 1]);
    else if (!strcmp(argv[i], "--timeout")) p->timeout = atoi(argv[i + 1]);
    else if (!strcmp(argv[i], "--sport")) p->sport = atoi(argv[i + 1]);
    else if (!strcmp(argv[i], "--token")) snprintf(p->token, sizeof p->token, "%s", argv[i + 1]);
    else die("probe: %s", argv[i]);
  }
  one(p);
  return 0;
}
