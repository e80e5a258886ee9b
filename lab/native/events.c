/* What the kernel tells of its links and of nf_tables, as it happens: the clock beside the daemon's own. */
#include "labtool.h"
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

static int listen_to(int protocol, int group) {
  int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), big = 64 << 20;
  struct sockaddr_nl at = {.nl_family = AF_NETLINK};
  if (s < 0 || bind(s, (struct sockaddr *)&at, sizeof at) < 0) die("netlink: %s", strerror(errno));
  setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
  if (setsockopt(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) die("netlink group: %s", strerror(errno));
  return s;
}

/* The attribute TYPE among those at P, or NULL. */
static const struct nlattr *find(const void *p, int n, int type) {
  for (const struct nlattr *a = p; n >= (int)sizeof *a && a->nla_len >= sizeof *a && a->nla_len <= n;) {
    if ((a->nla_type & NLA_TYPE_MASK) == type) return a;
    int step = NLA_ALIGN(a->nla_len);
    n -= step;
    a = (const void *)((const char *)a + step);
  }
  return NULL;
}

static const char *text_of(const struct nlattr *a) { return a ? (const char *)(a + 1) : ""; }
static uint32_t be32_of(const struct nlattr *a) { return a ? ntohl(*(const uint32_t *)(a + 1)) : 0; }

static void link_event(const struct nlmsghdr *m, int64_t t) {
  const struct ifinfomsg *info = NLMSG_DATA(m);
  const void *attributes = (const char *)info + NLMSG_ALIGN(sizeof *info);
  int n = m->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(sizeof *info));
  const struct nlattr *name = find(attributes, n, IFLA_IFNAME), *master = find(attributes, n, IFLA_MASTER);
  say("{\"t\":%lld,\"what\":\"link\",\"there\":%s,\"index\":%d,\"name\":\"%s\",\"master\":%u}", (long long)t,
      m->nlmsg_type == RTM_NEWLINK ? "true" : "false", info->ifi_index, text_of(name),
      master ? *(const uint32_t *)(master + 1) : 0);
}

static void rule_event(const struct nlmsghdr *m, int64_t t) {
  static const char *names[] = {[NFT_MSG_NEWTABLE] = "newtable", [NFT_MSG_DELTABLE] = "deltable", [NFT_MSG_NEWCHAIN] = "newchain",
                                [NFT_MSG_DELCHAIN] = "delchain", [NFT_MSG_NEWRULE] = "newrule",   [NFT_MSG_DELRULE] = "delrule",
                                [NFT_MSG_NEWSET] = "newset",     [NFT_MSG_DELSET] = "delset",     [NFT_MSG_NEWSETELEM] = "newelement",
                                [NFT_MSG_DELSETELEM] = "delelement"};
  unsigned type = NFNL_MSG_TYPE(m->nlmsg_type);
  const char *p = (const char *)NLMSG_DATA(m) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
  int n = m->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct nfgenmsg)));
  if (type == NFT_MSG_NEWGEN) {
    say("{\"t\":%lld,\"what\":\"commit\",\"generation\":%u,\"process\":%u,\"name\":\"%s\"}", (long long)t, be32_of(find(p, n, NFTA_GEN_ID)),
        be32_of(find(p, n, NFTA_GEN_PROC_PID)), text_of(find(p, n, NFTA_GEN_PROC_NAME)));
    return;
  }
  if (type >= sizeof names / sizeof *names || !names[type]) return;
  if (type != NFT_MSG_NEWSETELEM && type != NFT_MSG_DELSETELEM) {
    say("{\"t\":%lld,\"what\":\"%s\"}", (long long)t, names[type]);
    return;
  }
  const struct nlattr *elements = find(p, n, NFTA_SET_ELEM_LIST_ELEMENTS);
  static char hex[2 * 1200 + 1];
  int size = elements ? elements->nla_len - (int)sizeof *elements : 0;
  if (size > 1200) size = 1200;
  for (int i = 0; i < size; i++) snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)(elements + 1))[i]);
  hex[2 * size] = 0;
  say("{\"t\":%lld,\"what\":\"%s\",\"set\":\"%s\",\"elements\":\"%s\"}", (long long)t, names[type],
      text_of(find(p, n, NFTA_SET_ELEM_LIST_SET)), hex);
}

/*
 * labtool events: one JSON line for each link that comes, goes or changes, each change of nf_tables (of elements with their
 * attributes in hexadecimal) and each commit, with the microseconds of its arrival here. Ends when standard input closes.
 */
int cmd_events(int argc, char **argv) {
  if (argc != 1) die("usage: labtool %s", argv[0]);
  struct pollfd p[3] = {{0, POLLIN, 0}, {listen_to(NETLINK_ROUTE, RTNLGRP_LINK), POLLIN, 0}, {listen_to(NETLINK_NETFILTER, NFNLGRP_NFTABLES), POLLIN, 0}};
  say("{\"ready\":true}");
  static char data[256 << 10] __attribute__((aligned(8)));
  for (;;) {
    if (poll(p, 3, -1) < 0) continue;
    if (p[0].revents && read(0, data, 64) <= 0) return 0;
    for (int i = 1; i < 3; i++) {
      ssize_t size;
      while (p[i].revents && (size = recv(p[i].fd, data, sizeof data, MSG_DONTWAIT)) != 0) {
        if (size < 0) {
          if (errno == ENOBUFS) say("{\"t\":%lld,\"what\":\"lost\"}", (long long)now_us());
          if (errno != ENOBUFS) break;
          continue;
        }
        int64_t t = now_us();
        int left = size;
        for (struct nlmsghdr *m = (struct nlmsghdr *)data; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
          if (i == 2 && NFNL_SUBSYS_ID(m->nlmsg_type) == NFNL_SUBSYS_NFTABLES) rule_event(m, t);
          if (i == 1 && (m->nlmsg_type == RTM_NEWLINK || m->nlmsg_type == RTM_DELLINK)) link_event(m, t);
        }
      }
    }
  }
}
