/* Sending without asking the kernel's network stack. */
#include "labtool.h"
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>

static int unhex(const char *text, uint8_t *out, size_t room) {
  size_t n = 0;
  for (; text[0] && text[1] && text[0] != '\n'; text += 2) {
    unsigned byte;
    if (n == room || sscanf(text, "%2x", &byte) != 1) return -1;
    out[n++] = byte;
  }
  return n;
}

/*
 * labtool raw IFACE [--count N] [--interval US] [--offload START:OFFSET] [HEX...]: sends the frames (also hex lines of stdin
 * when none given). With --offload the kernel is told that whoever sends the frame at last is to fill in a checksum over
 * what is behind START, at START + OFFSET (packet(7), PACKET_VNET_HDR): it need not be a checksum's place.
 */
int cmd_raw(int argc, char **argv) {
  static uint8_t frame[256][2048];
  int size[256], frames = 0, count = 1, interval = 1000, start = -1, offset = 0;
  if (argc < 2) die("usage: labtool raw IFACE [--count N] [--interval US] [--offload START:OFFSET] [HEX...]");
  for (int i = 2; i < argc; i++) {
    if (!strcmp(argv[i], "--count") && i + 1 < argc) count = atoi(argv[++i]);
    else if (!strcmp(argv[i], "--interval") && i + 1 < argc) interval = atoi(argv[++i]);
    else if (!strcmp(argv[i], "--offload") && i + 1 < argc && sscanf(argv[i + 1], "%d:%d", &start, &offset) == 2) i++;
    else if (frames < 256 && (size[frames] = unhex(argv[i], frame[frames], 2048)) >= 14) frames++;
    else die("raw: no frame: %s", argv[i]);
  }
  char line[4200];
  int given = frames;
  while (!given && frames < 256 && fgets(line, sizeof line, stdin)) {
    if ((size[frames] = unhex(line, frame[frames], 2048)) >= 14) frames++;
    else if (*line != '\n') die("raw: no frame: %s", line);
  }
  if (!given && frames == 256 && fgets(line, sizeof line, stdin)) die("raw: more than 256 frames");
  int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (s < 0) die("packet socket: %s", strerror(errno));
  struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(argv[1])};
  if (!at.sll_ifindex) die("no interface %s", argv[1]);
  struct virtio_net_hdr head = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = start, .csum_offset = offset};
  int on = 1;
  if (start >= 0 && setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on)) die("PACKET_VNET_HDR: %s", strerror(errno));
  long sent = 0, errors = 0;
  for (int k = 0; k < count; k++) {
    for (int i = 0; i < frames; i++) {
      struct iovec parts[] = {{&head, sizeof head}, {frame[i], size[i]}};
      int first = start < 0;
      struct msghdr message = {.msg_name = &at, .msg_namelen = sizeof at, .msg_iov = parts + first, .msg_iovlen = 2 - first};
      if (sendmsg(s, &message, 0) > 0) sent++;
      else errors++;
    }
    if (interval && k + 1 < count) {
      struct timespec t = {interval / 1000000, interval % 1000000 * 1000L};
      nanosleep(&t, NULL);
    }
  }
  say("{\"sent\":%ld,\"errors\":%ld}", sent, errors);
  return errors && !sent;
}
