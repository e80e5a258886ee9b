/* A unix socket that stands before another one: it can cut off whoever talks through it, and be gone for a while. */
#include "labtool.h"
#include <sys/un.h>

enum { PAIRS = 128 };
static struct pair {
  int client, server;
} pairs[PAIRS];
static int count, listener = -1;
static struct sockaddr_un own, other;

static struct sockaddr_un at(const char *path) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof a.sun_path) die("relay: %s is too long", path);
  strcpy(a.sun_path, path);
  return a;
}

static void show(void) {
  unlink(own.sun_path);
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&own, sizeof own) < 0 || listen(listener, 64) < 0)
    die("relay %s: %s", own.sun_path, strerror(errno));
}

static void end(int i) {
  close(pairs[i].client);
  close(pairs[i].server);
  pairs[i] = pairs[--count];
}

static void cut(void) {
  while (count) end(0);
}

static void hide(void) {
  if (listener >= 0) close(listener);
  listener = -1;
  unlink(own.sun_path);
  cut();
}

static void join_one(void) {
  int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC), server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (client >= 0 && server >= 0 && count < PAIRS && connect(server, (struct sockaddr *)&other, sizeof other) == 0) {
    pairs[count++] = (struct pair){client, server};
    return;
  }
  if (client >= 0) close(client);
  if (server >= 0) close(server);
}

/* Hands over what has come; 0 when the pair is at its end. With LOG each request's line, and each piece of an answer. */
static int pass(int from, int to, int id, int is_client, int log) {
  static char data[65536];
  ssize_t n = recv(from, data, sizeof data, MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return 0;
  int64_t t = now_us();
  for (ssize_t done = 0; done < n;) {
    ssize_t w = send(to, data + done, n - done, MSG_NOSIGNAL);
    if (w < 0 && errno != EINTR) return 0;
    if (w > 0) done += w;
  }
  char line[160] = "";
  if (is_client)
    for (int i = 0; i < n && i < (int)sizeof line - 1 && data[i] >= ' ' && data[i] != '"' && data[i] != '\\'; i++) line[i] = data[i];
  if (log) say("{\"t\":%lld,\"connection\":%d,\"from\":\"%s\",\"line\":\"%s\"}", (long long)t, id, is_client ? "client" : "engine", line);
  return 1;
}

/*
 * labtool relay LISTEN TO [--log]: standard input says "cut", "hide" or "show", a word a line; each is answered by
 * {"done":"WORD"}. Ends when standard input closes.
 */
int cmd_relay(int argc, char **argv) {
  if (argc < 3) die("usage: labtool relay LISTEN TO [--log]");
  int log = argc > 3 && !strcmp(argv[3], "--log");
  own = at(argv[1]);
  other = at(argv[2]);
  show();
  say("{\"done\":\"show\"}");
  for (;;) {
    struct pollfd p[2 + 2 * PAIRS] = {{0, POLLIN, 0}, {listener, POLLIN, 0}};
    for (int i = 0; i < count; i++) {
      p[2 + 2 * i] = (struct pollfd){pairs[i].client, POLLIN, 0};
      p[3 + 2 * i] = (struct pollfd){pairs[i].server, POLLIN, 0};
    }
    int many = count;
    if (poll(p, 2 + 2 * count, -1) < 0) continue;
    for (int i = many - 1; i >= 0; i--) {
      struct pair one = pairs[i];
      int good = 1;
      if (p[2 + 2 * i].revents) good = pass(one.client, one.server, one.client, 1, log);
      if (good && p[3 + 2 * i].revents) good = pass(one.server, one.client, one.client, 0, log);
      if (!good) end(i);
    }
    if (p[1].revents) join_one();
    if (!p[0].revents) continue;
    char words[256];
    ssize_t n = read(0, words, sizeof words - 1);
    if (n <= 0) {
      hide();
      return 0;
    }
    words[n] = 0;
    for (char *save, *word = strtok_r(words, "\n", &save); word; word = strtok_r(NULL, "\n", &save)) {
      if (!strcmp(word, "cut")) cut();
      else if (!strcmp(word, "hide")) hide();
      else if (!strcmp(word, "show")) show();
      say("{\"done\":\"%s\"}", word);
    }
  }
}
