/* Observers: what really arrives, one JSON line per packet. */
#include "labtool.h"
#include <linux/sock_diag.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

struct line {
  char text[2048];
  size_t n;
};

static void part(struct line *l, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  int k = vsnprintf(l->text + l->n, sizeof l->text - l->n, format, ap);
  va_end(ap);
  if (k > 0 && l->n + k < sizeof l->text) l->n += k;
}

/* Lines that wait for the next write: with thousands a second, one write for each would be most of the work. */
static struct {
  char text[256 << 10];
  size_t n;
} waiting;

static void tell_all(void) {
  for (size_t done = 0; done < waiting.n;) {
    ssize_t w = write(1, waiting.text + done, waiting.n - done);
    if (w < 0 && errno != EINTR) exit(1); /* nobody reads any more */
    if (w > 0) done += w;
  }
  waiting.n = 0;
}

static void tell(struct line *l) {
  part(l, "}\n");
  if (waiting.n + l->n > sizeof waiting.text) tell_all();
  memcpy(waiting.text + waiting.n, l->text, l->n);
  waiting.n += l->n;
}

static uint16_t be16(const uint8_t *p) { return p[0] << 8 | p[1]; }

static void ip_text(struct line *l, const char *key, const uint8_t *p, int family) {
  char t[INET6_ADDRSTRLEN];
  part(l, ",\"%s\":\"%s\"", key, inet_ntop(family, p, t, sizeof t));
}

static void mac_text(struct line *l, const char *key, const uint8_t *p) {
  part(l, ",\"%s\":\"%02x:%02x:%02x:%02x:%02x:%02x\"", key, p[0], p[1], p[2], p[3], p[4], p[5]);
}

/* " 123" at P as KEY; what stands behind it, or NULL when it is none. */
static const uint8_t *number(struct line *l, const char *key, const uint8_t *p, const uint8_t *end) {
  if (p == end || *p++ != ' ' || p == end || *p < '0' || *p > '9') return NULL;
  long long value = 0;
  for (int digits = 0; p < end && *p >= '0' && *p <= '9' && digits < 18; p++, digits++) value = value * 10 + *p - '0';
  part(l, ",\"%s\":%lld", key, value);
  return p;
}

/* Everything above IP. */
static void transport(struct line *l, int proto, const uint8_t *p, size_t n) {
  part(l, ",\"proto\":%d", proto);
  if ((proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP || proto == IPPROTO_UDPLITE) && n >= 4)
    part(l, ",\"sport\":%d,\"dport\":%d", be16(p), be16(p + 2));
  if (proto == IPPROTO_TCP && n >= 14) {
    char flags[9] = "", *f = flags;
    const char *names = "FSRPAUEC";
    for (int i = 0; i < 8; i++)
      if (p[13] & 1 << i) *f++ = names[i];
    *f = 0;
    part(l, ",\"flags\":\"%s\"", flags);
  }
  if ((proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) && n >= 8) {
    part(l, ",\"type\":%d,\"code\":%d", p[0], p[1]);
    int echo = proto == IPPROTO_ICMP ? p[0] == 8 || p[0] == 0 : p[0] == 128 || p[0] == 129;
    if (echo) part(l, ",\"sport\":%d", be16(p + 4));
    if (proto == IPPROTO_ICMPV6 && (p[0] == ND_NEIGHBOR_SOLICIT || p[0] == ND_NEIGHBOR_ADVERT) && n >= 24)
      ip_text(l, "target", p + 8, AF_INET6);
  }
  char token[TOKEN_LENGTH + 1];
  const uint8_t *at = find_token(p, n, token), *end = p + n;
  if (!at) return;
  part(l, ",\"token\":\"%s\"", token);
  /* Our senders number their payloads, and `first` says when it sent each. */
  if ((at = number(l, "n", at, end))) number(l, "sent", at, end);
}

static int ipv6_upper(const uint8_t *p, size_t n, size_t *offset) {
  int next = p[6];
  *offset = 40;
  while ((next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_FRAGMENT) && *offset + 8 <= n) {
    size_t size = next == IPPROTO_FRAGMENT ? 8 : (p[*offset + 1] + 1) * 8;
    next = p[*offset];
    *offset += size;
  }
  if (*offset > n) *offset = n;
  return next;
}

static void network(struct line *l, int eth, const uint8_t *p, size_t n) {
  if (eth == ETH_P_IP && n >= 20) {
    size_t head = (p[0] & 15) * 4, total = be16(p + 2);
    if (total < n) n = total; /* Ethernet padding */
    ip_text(l, "src", p + 12, AF_INET);
    ip_text(l, "dst", p + 16, AF_INET);
    part(l, ",\"ttl\":%d", p[8]);
    if (head <= n) transport(l, p[9], p + head, n - head);
  } else if (eth == ETH_P_IPV6 && n >= 40) {
    size_t at;
    ip_text(l, "src", p + 8, AF_INET6);
    ip_text(l, "dst", p + 24, AF_INET6);
    part(l, ",\"ttl\":%d", p[7]);
    int next = ipv6_upper(p, n, &at);
    transport(l, next, p + at, n - at);
  } else if (eth == ETH_P_ARP && n >= 28) {
    part(l, ",\"op\":%d", be16(p + 6));
    mac_text(l, "sha", p + 8);
    ip_text(l, "src", p + 14, AF_INET);
    mac_text(l, "tha", p + 18);
    ip_text(l, "dst", p + 24, AF_INET);
  }
}

/* When the kernel took a packet in, which may be long before we come to read it; microseconds. Wants SO_TIMESTAMPNS. */
static int64_t taken_us(struct msghdr *m) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
      struct timespec t;
      memcpy(&t, CMSG_DATA(c), sizeof t);
      return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
    }
  return now_us();
}

static void frames(int s, int outgoing) {
  static const char *to[] = {"host", "broadcast", "multicast", "other", "out"};
  uint8_t data[65536];
  for (;;) {
    struct sockaddr_ll at;
    char control[256];
    struct iovec iov = {data, sizeof data};
    struct msghdr m = {.msg_name = &at, .msg_namelen = sizeof at, .msg_iov = &iov, .msg_iovlen = 1,
                       .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(s, &m, MSG_DONTWAIT);
    if (n < 0) return;
    if (n < 14 || at.sll_pkttype > 4 || (at.sll_pkttype == PACKET_OUTGOING && !outgoing)) continue;
    struct line l = {.n = 0};
    int eth = be16(data + 12);
    part(&l, "{\"t\":%lld,\"to\":\"%s\",\"if\":%d,\"eth\":%d,\"len\":%zd", (long long)taken_us(&m), to[at.sll_pkttype], at.sll_ifindex, eth, n);
    mac_text(&l, "dmac", data);
    mac_text(&l, "smac", data + 6);
    network(&l, eth, data + 14, n - 14);
    tell(&l);
  }
}

/* Raw sockets get their copy after the input hook, just before the protocol itself does. */
static void delivered(int s, int family, int proto) {
  uint8_t data[65536];
  for (;;) {
    union addr at;
    char control[256];
    struct iovec iov = {data, sizeof data};
    struct msghdr m = {.msg_name = &at, .msg_namelen = sizeof at, .msg_iov = &iov, .msg_iovlen = 1,
                       .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(s, &m, MSG_DONTWAIT);
    if (n < 0) return;
    struct line l = {.n = 0};
    part(&l, "{\"t\":%lld,\"to\":\"input\",\"len\":%zd", (long long)taken_us(&m), n);
    if (family == AF_INET) network(&l, ETH_P_IP, data, n);
    else {
      for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
        if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO)
          ip_text(&l, "dst", ((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_addr.s6_addr, AF_INET6);
      ip_text(&l, "src", at.v6.sin6_addr.s6_addr, AF_INET6);
      transport(&l, proto, data, n);
    }
    tell(&l);
  }
}

/* Packets that the kernel had no room to keep for us, of a socket, since it was opened. */
static unsigned lost(int s) {
  uint32_t info[SK_MEMINFO_VARS] = {0};
  socklen_t size = sizeof info;
  return getsockopt(s, SOL_SOCKET, SO_MEMINFO, info, &size) < 0 ? 0 : info[SK_MEMINFO_DROPS];
}

/*
 * labtool observe IFACE|any|input [--out]
 * IFACE or any: frames as they come off the wire, before any hook here, so beyond the last hook of whoever sent them;
 * --out adds those that leave. input: packets delivered here, after the last input hook of this very network.
 * A line "sync X" on standard input is answered by {"sync":"X","lost":N} once all that came before it has been printed;
 * N packets were lost until now, because they came faster than they were read.
 * Ends when standard input closes.
 */
int cmd_observe(int argc, char **argv) {
  if (argc < 2) die("usage: labtool observe IFACE|any|input [--out]");
  int outgoing = argc > 2 && !strcmp(argv[2], "--out"), input = !strcmp(argv[1], "input"), big = 128 << 20, on = 1;
  static struct pollfd p[600];
  static int family[600], proto[600];
  int n = 1;
  p[0] = (struct pollfd){0, POLLIN, 0};
  if (!input) {
    int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    if (s < 0) die("packet socket: %s", strerror(errno));
    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
    setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (strcmp(argv[1], "any")) {
      struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(argv[1])};
      struct packet_mreq all = {.mr_ifindex = at.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
      if (!at.sll_ifindex) die("no interface %s", argv[1]);
      if (bind(s, (struct sockaddr *)&at, sizeof at) < 0) die("bind %s: %s", argv[1], strerror(errno));
      setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all);
    }
    p[n++] = (struct pollfd){s, POLLIN, 0};
  } else
    for (int k = 0; k < 2; k++)
      for (int number = 1; number < 255; number++) {
        int f = k ? AF_INET6 : AF_INET, s = socket(f, SOCK_RAW | SOCK_CLOEXEC, number);
        if (s < 0) continue; /* some protocols have no raw socket in one family */
        if (k) setsockopt(s, SOL_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
        setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
        setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        family[n] = f;
        proto[n] = number;
        p[n++] = (struct pollfd){s, POLLIN, 0};
      }
  say("{\"ready\":true}");
  for (;;) {
    if (poll(p, n, -1) < 0) continue;
    char ask[4096];
    ssize_t got = 0;
    /* Read the question before the packets: what it asks about has then already been queued. */
    if (p[0].revents && (got = read(0, ask, sizeof ask - 1)) <= 0) return 0;
    for (int i = 1; i < n; i++) {
      if (!input) frames(p[i].fd, outgoing);
      else if (p[i].revents || got) delivered(p[i].fd, family[i], proto[i]);
    }
    tell_all();
    ask[got] = 0;
    unsigned all = 0;
    for (int i = 1; got && i < n; i++) all += lost(p[i].fd);
    for (char *save, *l = strtok_r(ask, "\n", &save); got && l; l = strtok_r(NULL, "\n", &save))
      if (!strncmp(l, "sync ", 5)) say("{\"sync\":\"%s\",\"lost\":%u}", l + 5, all);
  }
}
