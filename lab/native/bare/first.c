/*
 * first TOKEN TALLY COUNT EVERY TO...
 * A container's whole program, without a C library: its first system calls make one UDP socket for each TO (a struct
 * sockaddr in hexadecimal, see first.ts) and send "TOKEN n microseconds" to each, in their order. It goes on every EVERY
 * microseconds, COUNT times in all, catching up when it was late, and stays until SIGTERM. TALLY is a file that holds the
 * number of payloads handed to the kernel, one 64 bit count per TO, right whatever ends us; "-": none.
 */
#include <stdint.h>
#include <sys/syscall.h>

enum { TARGETS = 4, EAGAIN = 11, SIGTERM = 15 };

#if defined(__x86_64__)
static long call6(long n, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#elif defined(__aarch64__)
static long call6(long n, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
__asm__(".globl _start\n_start:\n mov x29, xzr\n mov x0, sp\n bl begin\n");
#endif

static long call(long n, long a, long b, long c, long d) { return call6(n, a, b, c, d, 0, 0); }

struct time {
  long seconds, nanoseconds;
};

/* Microseconds of CLOCK_REALTIME, as observers have. */
static int64_t now_us(void) {
  struct time t;
  call(SYS_clock_gettime, 0, (long)&t, 0, 0);
  return t.seconds * 1000000L + t.nanoseconds / 1000;
}

static char *put(char *out, int64_t value) {
  char digits[20];
  int n = 0;
  do digits[n++] = '0' + value % 10;
  while (value /= 10);
  while (n) *out++ = digits[--n];
  return out;
}

static int64_t number(const char *text) {
  int64_t value = 0;
  while (*text) value = value * 10 + *text++ - '0';
  return value;
}

static int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

static int unhex(const char *text, uint8_t *out, int room) {
  int n = 0;
  for (; text[0] && text[1] && n < room; text += 2) out[n++] = nibble(text[0]) << 4 | nibble(text[1]);
  return n;
}

static int64_t nowhere[TARGETS];

static int64_t *tally(const char *path) {
  if (path[0] == '-' && !path[1]) return nowhere;
  long fd = call(SYS_openat, -100, (long)path, 0102 /* O_RDWR | O_CREAT */, 0644);
  if (fd < 0 || call(SYS_ftruncate, fd, sizeof nowhere, 0, 0) < 0) return nowhere;
  long at = call6(SYS_mmap, 0, sizeof nowhere, 3 /* read, write */, 1 /* shared */, fd, 0);
  return at < 0 && at > -4096 ? nowhere : (int64_t *)at;
}

__attribute__((noreturn, used)) void begin(long *stack) {
  static uint8_t to[TARGETS][32];
  static int length[TARGETS];
  static long fd[TARGETS];
  static int64_t early[TARGETS];
  long argc = stack[0], many = argc - 5;
  char **argv = (char **)(stack + 1);
  if (many < 1 || many > TARGETS) call(SYS_exit_group, 2, 0, 0, 0);
  for (long i = 0; i < many; i++) {
    length[i] = unhex(argv[5 + i], to[i], sizeof to[i]);
    fd[i] = call(SYS_socket, to[i][0], 2 /* SOCK_DGRAM */, 0, 0);
  }
  int64_t *counts = early, count = number(argv[3]), every = number(argv[4]), next = 0;
  uint64_t term = 1UL << (SIGTERM - 1);
  for (int64_t k = 0; k < count; k++) {
    int64_t now = now_us();
    char text[128], *end = text;
    for (const char *p = argv[1]; *p && end < text + 64;) *end++ = *p++;
    *end++ = ' ';
    end = put(end, k);
    *end++ = ' ';
    end = put(end, now);
    for (long i = 0; i < many; i++) {
      long size = end - text, sent = call6(SYS_sendto, fd[i], (long)text, size, 0, (long)to[i], length[i]);
      /* May be an earlier ICMP error, which is told once. */
      if (sent < 0 && sent != -EAGAIN) sent = call6(SYS_sendto, fd[i], (long)text, size, 0, (long)to[i], length[i]);
      if (sent == size) counts[i]++;
    }
    if (!k) {
      next = now;
      counts = tally(argv[2]);
      for (long i = 0; i < many; i++) counts[i] += early[i];
      /* Blocked and waited for: as the first process of its namespace a default action would be ignored. */
      call(SYS_rt_sigprocmask, 0, (long)&term, 0, 8);
    }
    next += every;
    int64_t wait = next - now_us();
    struct time pause = {wait / 1000000, wait % 1000000 * 1000};
    if (wait > 0 && call(SYS_rt_sigtimedwait, (long)&term, 0, (long)&pause, 8) == SIGTERM) call(SYS_exit_group, 0, 0, 0, 0);
  }
  call(SYS_rt_sigtimedwait, (long)&term, 0, 0, 8);
  call(SYS_exit_group, 0, 0, 0, 0);
  __builtin_unreachable();
}
