#!/bin/sh
# Takes away what the rules of "sluice render" put into the kernel: chains DOCKER-OUTBOUND-* of filter and security.
# Where Sluice itself holds the host by iptables, they are its own, and stay.
# Containers may then send what Docker lets them. Of the systemd drop-in, delete docker.service.d/override.conf first:
# the next start of docker would make them again.
for command in iptables ip6tables; do
  command -v "$command" >/dev/null 2>&1 || continue
  if "$command" -w -t mangle -n -L DOCKER-OUTBOUND-FILTER >/dev/null 2>&1; then
    echo "$command: the chains are Sluice's own and stay; 'sluice down' takes them away" >&2
    continue
  fi
  for table in filter security; do
    while "$command" -w -t "$table" -D FORWARD -j DOCKER-OUTBOUND-FILTER 2>/dev/null; do :; done
    "$command" -w -t "$table" -F DOCKER-OUTBOUND-FILTER 2>/dev/null && "$command" -w -t "$table" -X DOCKER-OUTBOUND-FILTER
    while "$command" -w -t "$table" -D FORWARD -j DOCKER-OUTBOUND-OLD 2>/dev/null; do :; done
    "$command" -w -t "$table" -F DOCKER-OUTBOUND-OLD 2>/dev/null && "$command" -w -t "$table" -X DOCKER-OUTBOUND-OLD
    while "$command" -w -t "$table" -D INPUT -j DOCKER-OUTBOUND-HOST 2>/dev/null; do :; done
    "$command" -w -t "$table" -F DOCKER-OUTBOUND-HOST 2>/dev/null && "$command" -w -t "$table" -X DOCKER-OUTBOUND-HOST
    while "$command" -w -t "$table" -D INPUT -j DOCKER-OUTBOUND-OLD-HOST 2>/dev/null; do :; done
    "$command" -w -t "$table" -F DOCKER-OUTBOUND-OLD-HOST 2>/dev/null && "$command" -w -t "$table" -X DOCKER-OUTBOUND-OLD-HOST
  done
done
exit 0
