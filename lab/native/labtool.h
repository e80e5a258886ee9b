/* One static program for everything the lab does inside namespaces and containers. */
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Tokens look like lab-0123456789ab: what an observer finds in a packet belongs to the probe that carried it. */
#define TOKEN_LENGTH 16

int cmd_cell(int, char **), cmd_enter(int, char **), cmd_netns(int, char **), cmd_bind(int, char **);
int cmd_sysctl(int, char **);
int cmd_probe(int, char **), cmd_agent(int, char **);
int cmd_serve(int, char **), cmd_stream(int, char **);
int cmd_flood(int, char **), cmd_sink(int, char **), cmd_connects(int, char **);
int cmd_raw(int, char **), cmd_observe(int, char **), cmd_events(int, char **), cmd_relay(int, char **);

/* An address of either family with its port. */
union addr {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void pause_ms(int ms);
/* Microseconds of CLOCK_REALTIME. */
int64_t now_us(void);
/* Parses TEXT (v4 or v6, %scope allowed) and PORT; 0 when it is no address. */
int parse_addr(const char *text, int port, union addr *out);
socklen_t addr_len(const union addr *a);
/* "address" and "[v6]"-free; the buffer must hold INET6_ADDRSTRLEN + 16. */
const char *addr_text(const union addr *a, char *buffer);
int addr_port(const union addr *a);
/* Finds a token in DATA and fills TOKEN (with its NUL); what stands behind it in DATA, or NULL when there is none. */
const uint8_t *find_token(const uint8_t *data, size_t size, char token[TOKEN_LENGTH + 1]);
/* Prints one whole line and flushes it; safe from several threads. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
