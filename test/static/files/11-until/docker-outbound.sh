#!/bin/sh
# Written by "sluice render" from the policy. It works without Sluice, and knows less: senders are told by their
# source address alone, and what static rules cannot say is denied, with a NOTE where it matters. It does not follow
# containers, networks or the policy: render it again when they change.
#
# IPv4 and IPv6. A link-local source (fe80::/10) is denied by the name of its bridge, where one stands below.
# Not held: containers on the network of the host, macvlan and ipvlan; who forges the address of a neighbour; what an
# image is built from (docker build) apart from what else is on docker0. Nothing is recorded.
#
# To put it in force, at every boot before docker.service and again after it:
#     sh docker-outbound.sh
# To take it away:
#     sh docker-outbound.sh remove
#
# In FORWARD of filter the chain can refuse, as the policy says, but Docker may put rules above it: engines up to 27
# when a network is made anew, 28 and later at a restart. So it stands in the table security too, which the kernel
# asks afterwards and where an ACCEPT elsewhere decides nothing; what FORWARD did not deny is dropped there. Each
# table changes at once, and twice is as once.
set -eu

remove() {
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
}

# a jump at the top, once
top() {
  while "$1" -w -t "$2" -D "$3" -j "$4" 2>/dev/null; do :; done
  "$1" -w -t "$2" -I "$3" 1 -j "$4"
}

# a jump that stays where it is; order decides nothing there
once() {
  "$1" -w -t "$2" -C "$3" -j "$4" 2>/dev/null || "$1" -w -t "$2" -I "$3" 1 -j "$4"
}

case ${1:-apply} in
  apply) ;;
  remove) remove; exit 0 ;;
  *) echo "usage: $0 [apply|remove]" >&2; exit 2 ;;
esac

for command in iptables ip6tables; do
  if "$command" -w -t mangle -n -L DOCKER-OUTBOUND-FILTER >/dev/null 2>&1; then
    echo "$command: Sluice holds this host by iptables, in chains of these names: end that first by 'sluice down'" >&2
    exit 1
  fi
done

iptables-restore -w --noflush <<'RULES'
*filter
:DOCKER-OUTBOUND-FILTER - [0:0]
:DOCKER-OUTBOUND-HOST - [0:0]
-A DOCKER-OUTBOUND-FILTER -i br-000000abc001 ! -s 172.20.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-FILTER -i docker0 ! -s 172.17.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-FILTER -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-FILTER -p icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/web
# NOTE app_default: these rules go by its subnet. Unless your compose file fixes it, the engine may give it another
# one at its next making
#   in the compose file:
#     networks:
#       default:
#         ipam:
#           config:
#             - subnet: "172.20.0.0/16"
#             - subnet: "fd00:20::/64"
# NOTE app_default: who forges a source address there is told by the name of its bridge, which the engine changes when
# it makes the network anew; with a name that lasts, after that too
#   in the compose file:
#     networks:
#       default:
#         driver_opts:
#           com.docker.network.bridge.name: br-app
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 172.20.0.0/16 -m time --datestop 2027-06-30T23:59:59 -j RETURN -m comment --comment "same-project (policy.yaml:10)"
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 192.168.100.1 -p tcp --dport 3128 -m time --datestop 2027-01-31T23:59:59 -j RETURN -m comment --comment "192.168.100.1:3128 (policy.yaml:6)"
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 192.168.100.2 -m time --datestop 2027-01-31T23:59:59 -j RETURN -m comment --comment "192.168.100.2 (policy.yaml:7)"
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,168.63.129.16,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,192.31.196.0/24,192.52.193.0/24,192.88.99.0/24,192.168.0.0/16,192.175.48.0/24,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/3 -j REJECT -m comment --comment "not in internet:443 (policy.yaml:8)"
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -p tcp --dport 443 -m time --datestop 2026-12-31T23:59:59 -j RETURN -m comment --comment "internet:443 (policy.yaml:8)"
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -j REJECT -m comment --comment "nothing above allows it (policy.yaml:6)"

# bridge: whoever comes
# NOTE build: deny: what builds on the network bridge cannot be told from other containers there, so all of them are
# denied; give those a network of their own
-A DOCKER-OUTBOUND-FILTER -s 172.17.0.0/16 -j REJECT -m comment --comment "nobody is known to have these addresses"

# From outside: conversations that may be the far end of a denied one, told by no handshake, are marked.
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -p icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -p icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000

-A DOCKER-OUTBOUND-FILTER -j RETURN
-A DOCKER-OUTBOUND-HOST -i br-000000abc001 ! -s 172.20.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -i docker0 ! -s 172.17.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-HOST -p icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/web
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -d 127.255.255.255,172.17.255.255,172.20.255.255,192.168.1.255,224.0.0.0/4,255.255.255.255 -j REJECT -m comment --comment "broadcast, multicast and the like (policy.yaml:11)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -p tcp --dport 22 -m time --datestop 2027-06-30T23:59:59 -j RETURN -m comment --comment "host:22 (policy.yaml:11)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -j REJECT -m comment --comment "nothing above allows it (policy.yaml:6)"

# bridge: whoever comes
-A DOCKER-OUTBOUND-HOST -s 172.17.0.0/16 -j REJECT -m comment --comment "nobody is known to have these addresses"

-A DOCKER-OUTBOUND-HOST -j RETURN
COMMIT
*security
:DOCKER-OUTBOUND-FILTER - [0:0]
:DOCKER-OUTBOUND-HOST - [0:0]
-A DOCKER-OUTBOUND-FILTER -i br-000000abc001 ! -s 172.20.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-FILTER -i docker0 ! -s 172.17.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-FILTER -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-FILTER -p icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/web
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 172.20.0.0/16 -m time --datestop 2027-06-30T23:59:59 -j RETURN -m comment --comment "same-project (policy.yaml:10)"
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 192.168.100.1 -p tcp --dport 3128 -m time --datestop 2027-01-31T23:59:59 -j RETURN -m comment --comment "192.168.100.1:3128 (policy.yaml:6)"
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 192.168.100.2 -m time --datestop 2027-01-31T23:59:59 -j RETURN -m comment --comment "192.168.100.2 (policy.yaml:7)"
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,168.63.129.16,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,192.31.196.0/24,192.52.193.0/24,192.88.99.0/24,192.168.0.0/16,192.175.48.0/24,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/3 -j DROP -m comment --comment "not in internet:443 (policy.yaml:8)"
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -p tcp --dport 443 -m time --datestop 2026-12-31T23:59:59 -j RETURN -m comment --comment "internet:443 (policy.yaml:8)"
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -j DROP -m comment --comment "nothing above allows it (policy.yaml:6)"

# bridge: whoever comes
-A DOCKER-OUTBOUND-FILTER -s 172.17.0.0/16 -j DROP -m comment --comment "nobody is known to have these addresses"

# From outside: conversations that may be the far end of a denied one, told by no handshake, are marked.
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -p icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -p icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000

-A DOCKER-OUTBOUND-FILTER -j RETURN
-A DOCKER-OUTBOUND-HOST -i br-000000abc001 ! -s 172.20.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -i docker0 ! -s 172.17.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-HOST -p icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/web
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -d 127.255.255.255,172.17.255.255,172.20.255.255,192.168.1.255,224.0.0.0/4,255.255.255.255 -j DROP -m comment --comment "broadcast, multicast and the like (policy.yaml:11)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -p tcp --dport 22 -m time --datestop 2027-06-30T23:59:59 -j RETURN -m comment --comment "host:22 (policy.yaml:11)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -j DROP -m comment --comment "nothing above allows it (policy.yaml:6)"

# bridge: whoever comes
-A DOCKER-OUTBOUND-HOST -s 172.17.0.0/16 -j DROP -m comment --comment "nobody is known to have these addresses"

-A DOCKER-OUTBOUND-HOST -j RETURN
COMMIT
RULES
once iptables security FORWARD DOCKER-OUTBOUND-FILTER
once iptables security INPUT DOCKER-OUTBOUND-HOST
top iptables filter FORWARD DOCKER-OUTBOUND-FILTER
top iptables filter INPUT DOCKER-OUTBOUND-HOST

ip6tables-restore -w --noflush <<'RULES'
*filter
:DOCKER-OUTBOUND-FILTER - [0:0]
:DOCKER-OUTBOUND-HOST - [0:0]
-A DOCKER-OUTBOUND-FILTER -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j RETURN -m comment --comment "neighbour discovery"
-A DOCKER-OUTBOUND-FILTER -p ipv6-icmp -m icmp6 --icmpv6-type 136 -m hl --hl-eq 255 -j RETURN -m comment --comment "neighbour discovery"
-A DOCKER-OUTBOUND-FILTER -i br-000000abc001 ! -s fd00:20::/64 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-FILTER -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-FILTER -p ipv6-icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/web
-A DOCKER-OUTBOUND-FILTER -s fd00:20::/64 -d fd00:20::/64 -m time --datestop 2027-06-30T23:59:59 -j RETURN -m comment --comment "same-project (policy.yaml:10)"
-A DOCKER-OUTBOUND-FILTER -s fd00:20::/64 -d ::/3,2001::/23,2001:db8::/32,2002::/16,2620:4f:8000::/48,3fff::/20,4000::/2,8000::/1 -j REJECT -m comment --comment "not in internet:443 (policy.yaml:8)"
-A DOCKER-OUTBOUND-FILTER -s fd00:20::/64 -p tcp --dport 443 -m time --datestop 2026-12-31T23:59:59 -j RETURN -m comment --comment "internet:443 (policy.yaml:8)"
-A DOCKER-OUTBOUND-FILTER -s fd00:20::/64 -j REJECT -m comment --comment "nothing above allows it (policy.yaml:6)"

# From outside: conversations that may be the far end of a denied one, told by no handshake, are marked.
-A DOCKER-OUTBOUND-FILTER -d fd00:20::/64 -p ipv6-icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d fd00:20::/64 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d fd00:20::/64 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000

-A DOCKER-OUTBOUND-FILTER -j RETURN
-A DOCKER-OUTBOUND-HOST -p ipv6-icmp -m icmp6 --icmpv6-type 133 -m hl --hl-eq 255 -j RETURN -m comment --comment "neighbour discovery"
-A DOCKER-OUTBOUND-HOST -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j RETURN -m comment --comment "neighbour discovery"
-A DOCKER-OUTBOUND-HOST -p ipv6-icmp -m icmp6 --icmpv6-type 136 -m hl --hl-eq 255 -j RETURN -m comment --comment "neighbour discovery"
-A DOCKER-OUTBOUND-HOST -i br-000000abc001 ! -s fd00:20::/64 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-HOST -p ipv6-icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/web
-A DOCKER-OUTBOUND-HOST -s fd00:20::/64 -d ff00::/8 -j REJECT -m comment --comment "broadcast, multicast and the like (policy.yaml:11)"
-A DOCKER-OUTBOUND-HOST -s fd00:20::/64 -p tcp --dport 22 -m time --datestop 2027-06-30T23:59:59 -j RETURN -m comment --comment "host:22 (policy.yaml:11)"
-A DOCKER-OUTBOUND-HOST -s fd00:20::/64 -j REJECT -m comment --comment "nothing above allows it (policy.yaml:6)"

-A DOCKER-OUTBOUND-HOST -j RETURN
COMMIT
*security
:DOCKER-OUTBOUND-FILTER - [0:0]
:DOCKER-OUTBOUND-HOST - [0:0]
-A DOCKER-OUTBOUND-FILTER -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j RETURN -m comment --comment "neighbour discovery"
-A DOCKER-OUTBOUND-FILTER -p ipv6-icmp -m icmp6 --icmpv6-type 136 -m hl --hl-eq 255 -j RETURN -m comment --comment "neighbour discovery"
-A DOCKER-OUTBOUND-FILTER -i br-000000abc001 ! -s fd00:20::/64 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-FILTER -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-FILTER -p ipv6-icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/web
-A DOCKER-OUTBOUND-FILTER -s fd00:20::/64 -d fd00:20::/64 -m time --datestop 2027-06-30T23:59:59 -j RETURN -m comment --comment "same-project (policy.yaml:10)"
-A DOCKER-OUTBOUND-FILTER -s fd00:20::/64 -d ::/3,2001::/23,2001:db8::/32,2002::/16,2620:4f:8000::/48,3fff::/20,4000::/2,8000::/1 -j DROP -m comment --comment "not in internet:443 (policy.yaml:8)"
-A DOCKER-OUTBOUND-FILTER -s fd00:20::/64 -p tcp --dport 443 -m time --datestop 2026-12-31T23:59:59 -j RETURN -m comment --comment "internet:443 (policy.yaml:8)"
-A DOCKER-OUTBOUND-FILTER -s fd00:20::/64 -j DROP -m comment --comment "nothing above allows it (policy.yaml:6)"

# From outside: conversations that may be the far end of a denied one, told by no handshake, are marked.
-A DOCKER-OUTBOUND-FILTER -d fd00:20::/64 -p ipv6-icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d fd00:20::/64 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d fd00:20::/64 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000

-A DOCKER-OUTBOUND-FILTER -j RETURN
-A DOCKER-OUTBOUND-HOST -p ipv6-icmp -m icmp6 --icmpv6-type 133 -m hl --hl-eq 255 -j RETURN -m comment --comment "neighbour discovery"
-A DOCKER-OUTBOUND-HOST -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j RETURN -m comment --comment "neighbour discovery"
-A DOCKER-OUTBOUND-HOST -p ipv6-icmp -m icmp6 --icmpv6-type 136 -m hl --hl-eq 255 -j RETURN -m comment --comment "neighbour discovery"
-A DOCKER-OUTBOUND-HOST -i br-000000abc001 ! -s fd00:20::/64 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-HOST -p ipv6-icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/web
-A DOCKER-OUTBOUND-HOST -s fd00:20::/64 -d ff00::/8 -j DROP -m comment --comment "broadcast, multicast and the like (policy.yaml:11)"
-A DOCKER-OUTBOUND-HOST -s fd00:20::/64 -p tcp --dport 22 -m time --datestop 2027-06-30T23:59:59 -j RETURN -m comment --comment "host:22 (policy.yaml:11)"
-A DOCKER-OUTBOUND-HOST -s fd00:20::/64 -j DROP -m comment --comment "nothing above allows it (policy.yaml:6)"

-A DOCKER-OUTBOUND-HOST -j RETURN
COMMIT
RULES
once ip6tables security FORWARD DOCKER-OUTBOUND-FILTER
once ip6tables security INPUT DOCKER-OUTBOUND-HOST
top ip6tables filter FORWARD DOCKER-OUTBOUND-FILTER
top ip6tables filter INPUT DOCKER-OUTBOUND-HOST
