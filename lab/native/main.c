#include "labtool.h"

_Noreturn void die(const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  fputs("labtool: ", stderr);
  vfprintf(stderr, format, ap);
  fputc('\n', stderr);
  exit(125);
}

void pause_ms(int ms) {
  struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
  nanosleep(&t, NULL);
}

int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

int parse_addr(const char *text, int port, union addr *out) {
  memset(out, 0, sizeof *out);
  char copy[128];
  snprintf(copy, sizeof copy, "%s", text);
  char *scope = strchr(copy, '%');
  if (scope) *scope++ = 0;
  if (inet_pton(AF_INET, copy, &out->v4.sin_addr) == 1) {
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(port);
    return 1;
  }
  if (inet_pton(AF_INET6, copy, &out->v6.sin6_addr) == 1) {
    extern unsigned if_nametoindex(const char *);
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    if (scope) out->v6.sin6_scope_id = if_nametoindex(scope);
    return 1;
  }
  return 0;
}

socklen_t addr_len(const union addr *a) { return a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6; }

const char *addr_text(const union addr *a, char *buffer) {
  if (a->any.sa_family == AF_INET) inet_ntop(AF_INET, &a->v4.sin_addr, buffer, INET6_ADDRSTRLEN);
  else if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) inet_ntop(AF_INET, a->v6.sin6_addr.s6_addr + 12, buffer, INET6_ADDRSTRLEN);
  else inet_ntop(AF_INET6, &a->v6.sin6_addr, buffer, INET6_ADDRSTRLEN);
  return buffer;
}

int addr_port(const union addr *a) { return ntohs(a->any.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port); }

const uint8_t *find_token(const uint8_t *data, size_t size, char token[TOKEN_LENGTH + 1]) {
  for (size_t i = 0; i + TOKEN_LENGTH <= size; i++) {
    if (data[i] != 'l' || memcmp(data + i, "lab-", 4)) continue;
    size_t k = 4;
    while (k < TOKEN_LENGTH && ((data[i + k] >= '0' && data[i + k] <= '9') || (data[i + k] >= 'a' && data[i + k] <= 'f'))) k++;
    if (k < TOKEN_LENGTH) continue;
    memcpy(token, data + i, TOKEN_LENGTH);
    token[TOKEN_LENGTH] = 0;
    return data + i + TOKEN_LENGTH;
  }
  return NULL;
}

static pthread_mutex_t out = PTHREAD_MUTEX_INITIALIZER;

void say(const char *format, ...) {
  char line[4096];
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(line, sizeof line - 1, format, ap);
  va_end(ap);
  if (n > (int)sizeof line - 2) n = sizeof line - 2;
  line[n++] = '\n';
  pthread_mutex_lock(&out);
  for (int done = 0; done < n;) {
    ssize_t w = write(1, line + done, n - done);
    if (w < 0 && errno != EINTR) exit(1); /* nobody reads any more */
    if (w > 0) done += w;
  }
  pthread_mutex_unlock(&out);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    int (*run)(int, char **);
  } commands[] = {
      {"cell", cmd_cell},   {"enter", cmd_enter}, {"netns", cmd_netns},   {"bind", cmd_bind},       {"sysctl", cmd_sysctl},
      {"probe", cmd_probe}, {"agent", cmd_agent}, {"serve", cmd_serve},   {"stream", cmd_stream},   {"raw", cmd_raw},
      {"events", cmd_events}, {"relay", cmd_relay}, {"observe", cmd_observe}, {"flood", cmd_flood},
      {"sink", cmd_sink},   {"connects", cmd_connects},
  };
  signal(SIGPIPE, SIG_IGN);
  for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
    if (!strcmp(argv[1], commands[i].name)) return commands[i].run(argc - 1, argv + 1);
  die("usage: labtool cell|enter|netns|bind|sysctl|probe|agent|serve|stream|raw|events|relay|observe|flood|sink|connects ...");
}
