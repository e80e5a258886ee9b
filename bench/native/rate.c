/*
 * The senders and the server of the packet benchmarks. Everything a packet passes (bridge, router, far side) runs in the
 * softirq of the CPU that sends it, so the sender's own clock measures the whole path. Time is taken in slices of about
 * half a millisecond and the 90th percentile of their rates is told: what the rest of the machine steals lies in the
 * other slices. Each command waits for "go MILLISECONDS" on standard input and answers with one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32, BATCHES_PER_SLICE = 4, CONNECTIONS_PER_SLICE = 4, MOST_SLICES = 1 << 16, PAYLOAD = 18 };

#define die(...) (fprintf(stderr, __VA_ARGS__), fprintf(stderr, ": %s\n", strerror(errno)), exit(1))

static double slices[MOST_SLICES];

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static uint32_t chance(void) {
  static uint64_t state = 88172645463325252ull;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state >> 16;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* Nanoseconds per piece: of all slices the one at which nine of ten are slower. */
static double fast(int count) {
  if (count == 0) return 0;
  qsort(slices, count, sizeof *slices, ascending);
  return slices[count / 10];
}

/* Milliseconds of the next visit; ends the program when nobody asks any more. */
static uint64_t asked(void) {
  char line[64];
  unsigned ms;
  if (!fgets(line, sizeof line, stdin)) exit(0);
  if (sscanf(line, "go %u", &ms) != 1) die("not understood: %s", line);
  return ms * 1000000ull;
}

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) < 0) die("CPU %d", cpu);
  /* A visit is a fraction of a second; without this a busy machine would give us a slice here and there. */
  struct sched_param first = {.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_FIFO, &first) < 0) die("SCHED_FIFO");
}

static uint32_t address(const char *text) {
  struct in_addr a;
  if (inet_pton(AF_INET, text, &a) != 1) die("no address: %s", text);
  return ntohl(a.s_addr);
}

static void mac(const char *text, uint8_t out[6]) {
  if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", out, out + 1, out + 2, out + 3, out + 4, out + 5) != 6)
    die("no MAC: %s", text);
}

struct __attribute__((packed)) frame {
  uint8_t to[6], from[6];
  uint16_t type;
  uint8_t version, tos;
  uint16_t length, id, fragment;
  uint8_t ttl, protocol;
  uint16_t check;
  uint32_t source, destination;
  uint16_t source_port, destination_port, udp_length, udp_check;
  uint8_t payload[PAYLOAD];
};

static uint16_t checksum(const uint16_t *words, int count) {
  uint32_t sum = 0;
  for (int i = 0; i < count; i++) sum += words[i];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

/*
 * rate send CPU DEVICE FROM_MAC TO_MAC SOURCE SOURCES DESTINATION STRIDE DESTINATIONS PORT
 * UDP datagrams of 18 bytes. Each is from a random one of SOURCES addresses, SOURCE and those behind it; number i sends
 * to a random one of the DESTINATIONS addresses from DESTINATION + i * STRIDE on. Number 0 has FROM_MAC, number i
 * 02:42:ad:00:(i >> 8):(i & 255).
 */
static void cmd_send(char **arg) {
  pin(atoi(arg[0]));
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_halen = 6, .sll_protocol = htons(ETH_P_IP)};
  if (!(to.sll_ifindex = if_nametoindex(arg[1]))) die("%s", arg[1]);
  int s = socket(AF_PACKET, SOCK_RAW, 0), yes = 1;
  if (s < 0 || setsockopt(s, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes) < 0) die("packet socket");
  static struct frame frames[BATCH];
  static struct iovec iov[BATCH];
  static struct mmsghdr batch[BATCH];
  uint8_t own[6];
  mac(arg[2], own);
  uint32_t source = address(arg[4]), destination = address(arg[6]);
  uint32_t sources = atoi(arg[5]), stride = atoi(arg[7]), destinations = atoi(arg[8]);
  for (int i = 0; i < BATCH; i++) {
    struct frame *f = &frames[i];
    *f = (struct frame){.type = htons(ETH_P_IP), .version = 0x45, .ttl = 64, .protocol = IPPROTO_UDP};
    f->length = htons(sizeof *f - 14);
    f->udp_length = htons(8 + PAYLOAD);
    f->source_port = htons(40000);
    f->destination_port = htons(atoi(arg[9]));
    mac(arg[3], f->to);
    iov[i] = (struct iovec){f, sizeof *f};
    batch[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov[i], .msg_iovlen = 1};
  }
  for (;;) {
    uint64_t end = asked(), now, slice;
    long sent = 0, errors = 0;
    int count = 0;
    now = now_ns();
    for (end += now; now < end && count < MOST_SLICES;) {
      long before = sent;
      slice = now;
      for (int b = 0; b < BATCHES_PER_SLICE; b++) {
        for (int i = 0; i < BATCH; i++) {
          uint32_t who = sources > 1 ? chance() % sources : 0;
          uint32_t which = destinations > 1 ? chance() % destinations : 0;
          struct frame *f = &frames[i];
          f->source = htonl(source + who);
          f->destination = htonl(destination + who * stride + which);
          memcpy(f->from, own, 6);
          if (who > 0) memcpy(f->from, (uint8_t[]){0x02, 0x42, 0xad, 0, who >> 8, who}, 6);
          f->check = 0;
          f->check = checksum((const uint16_t *)&f->version, 10);
        }
        int n = sendmmsg(s, batch, BATCH, 0);
        if (n > 0) sent += n;
        else errors++;
      }
      now = now_ns();
      if (sent > before) slices[count++] = (double)(now - slice) / (sent - before);
    }
    printf("{\"pieces\":%ld,\"errors\":%ld,\"ns\":%.1f}\n", sent, errors, fast(count));
    fflush(stdout);
  }
}

/*
 * rate connect CPU DESTINATION DESTINATIONS PORT
 * TCP connections one after the other, each to a random one of the DESTINATIONS addresses from DESTINATION on: connect,
 * send a byte, get a byte, reset, so that nothing lingers in TIME_WAIT.
 */
static void cmd_connect(char **arg) {
  pin(atoi(arg[0]));
  uint32_t first = address(arg[1]), destinations = atoi(arg[2]);
  struct linger gone = {1, 0};
  struct timeval patience = {2, 0};
  for (;;) {
    uint64_t end = asked(), now, slice;
    long done = 0, errors = 0;
    int count = 0;
    now = now_ns();
    for (end += now; now < end && count < MOST_SLICES;) {
      long before = done;
      slice = now;
      for (int i = 0; i < CONNECTIONS_PER_SLICE; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(arg[3]))};
        to.sin_addr.s_addr = htonl(first + chance() % destinations);
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char byte = 'x';
        setsockopt(s, SOL_SOCKET, SO_LINGER, &gone, sizeof gone);
        setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        int ok = connect(s, (struct sockaddr *)&to, sizeof to) == 0;
        ok = ok && send(s, &byte, 1, MSG_NOSIGNAL) == 1 && recv(s, &byte, 1, 0) == 1;
        if (ok) done++;
        else errors++;
        close(s);
      }
      now = now_ns();
      if (done > before) slices[count++] = (double)(now - slice) / (done - before);
    }
    printf("{\"pieces\":%ld,\"errors\":%ld,\"ns\":%.1f}\n", done, errors, fast(count));
    fflush(stdout);
  }
}

/* rate serve CPU PORT: takes each connection, gets a byte, sends one, waits for the end. Says "ready" when it listens. */
static void cmd_serve(char **arg) {
  pin(atoi(arg[0]));
  int s = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(arg[1]))};
  struct timeval patience = {0, 300000};
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(s, (struct sockaddr *)&at, sizeof at) < 0 || listen(s, 512) < 0) die("port %s", arg[1]);
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    char byte;
    int c = accept4(s, NULL, NULL, SOCK_CLOEXEC);
    if (c < 0) continue;
    setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (recv(c, &byte, 1, 0) == 1 && send(c, &byte, 1, MSG_NOSIGNAL) == 1) recv(c, &byte, 1, 0);
    close(c);
  }
}

int main(int argc, char **argv) {
  const struct {
    const char *name;
    int words;
    void (*run)(char **);
  } commands[] = {{"send", 10, cmd_send}, {"connect", 4, cmd_connect}, {"serve", 2, cmd_serve}};
  for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++)
    if (argc == commands[i].words + 2 && !strcmp(argv[1], commands[i].name)) commands[i].run(argv + 2);
  fprintf(stderr, "usage: rate send|connect|serve ...\n");
  return 2;
}
