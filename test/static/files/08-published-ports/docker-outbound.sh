#!/bin/sh
# Written by "sluice render" from the policy. It works without Sluice, and knows less: senders are told by their
# source address alone, and what static rules cannot say is denied, with a NOTE where it matters. It does not follow
# containers, networks or the policy: render it again when they change.
#
# IPv4 only: no network of the policy has IPv6 addresses, so IPv6 is NOT COVERED. Render it again before you enable
# it.
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
-A DOCKER-OUTBOUND-FILTER -i br-000000abc002 ! -s 172.22.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-FILTER -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-FILTER -p icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/db, app/web
# NOTE policy.yaml:8: app/db, app/web: blocks that differ and no fixed addresses to tell them apart, so each may do
# what all of them may
#   in the compose file:
#     services:
#       db:
#         networks:
#           default:
#             ipv4_address: "172.20.255.254"
#       web:
#         networks:
#           default:
#             ipv4_address: "172.20.255.253"
# NOTE policy.yaml:3: project/shop/db: denied to everybody on the network of shop/db, without a fixed address there
#   in the compose file:
#     services:
#       db:
#         networks:
#           default:
#             ipv4_address: "172.22.255.254"
# NOTE policy.yaml:8: project/shop/web:80: denied to everybody on the network of shop/web, without a fixed address
# there
#   in the compose file:
#     services:
#       web:
#         networks:
#           default:
#             ipv4_address: "172.22.255.254"
# NOTE policy.yaml:6: project/shop/web:80: left out for shop/web, without a fixed address beside others on one
# network: denied
#   in the compose file:
#     services:
#       web:
#         networks:
#           default:
#             ipv4_address: "172.22.255.254"
# NOTE app_default: these rules go by its subnet. Unless your compose file fixes it, the engine may give it another
# one at its next making
#   in the compose file:
#     networks:
#       default:
#         ipam:
#           config:
#             - subnet: "172.20.0.0/16"
# NOTE app_default: who forges a source address there is told by the name of its bridge, which the engine changes when
# it makes the network anew; with a name that lasts, after that too
#   in the compose file:
#     networks:
#       default:
#         driver_opts:
#           com.docker.network.bridge.name: br-app
# NOTE app_default: neighbours on it are parted only while net.bridge.bridge-nf-call-iptables is 1 (module
# br_netfilter), which it was here when this was written
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -j REJECT -m comment --comment "nothing above allows it (policy.yaml:8)"

# bridge: whoever comes
# NOTE build: deny: what builds on the network bridge cannot be told from other containers there, so all of them are
# denied; give those a network of their own
-A DOCKER-OUTBOUND-FILTER -s 172.17.0.0/16 -j REJECT -m comment --comment "nobody is known to have these addresses"

# shop_default: shop/db, shop/web
# NOTE policy.yaml:3: project/shop/db: denied to everybody on the network of shop/db, without a fixed address there
#   in the compose file:
#     services:
#       db:
#         networks:
#           default:
#             ipv4_address: "172.22.255.254"
# NOTE shop_default: these rules go by its subnet. Unless your compose file fixes it, the engine may give it another
# one at its next making
#   in the compose file:
#     networks:
#       default:
#         ipam:
#           config:
#             - subnet: "172.22.0.0/16"
# NOTE shop_default: who forges a source address there is told by the name of its bridge, which the engine changes
# when it makes the network anew; with a name that lasts, after that too
#   in the compose file:
#     networks:
#       default:
#         driver_opts:
#           com.docker.network.bridge.name: br-shop
# NOTE shop_default: neighbours on it are parted only while net.bridge.bridge-nf-call-iptables is 1 (module
# br_netfilter), which it was here when this was written
-A DOCKER-OUTBOUND-FILTER -s 172.22.0.0/16 -d 172.22.0.0/16 -j REJECT -m comment --comment "guardrail: project/shop/db (policy.yaml:3)"
-A DOCKER-OUTBOUND-FILTER -s 172.22.0.0/16 -j RETURN -m comment --comment "any (defaults)"

# From outside: conversations that may be the far end of a denied one, told by no handshake, are marked.
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -p icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -p icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000
-A DOCKER-OUTBOUND-FILTER -d 172.22.0.0/16 -p icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.22.0.0/16 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.22.0.0/16 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000

-A DOCKER-OUTBOUND-FILTER -j RETURN
-A DOCKER-OUTBOUND-HOST -i br-000000abc001 ! -s 172.20.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -i docker0 ! -s 172.17.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -i br-000000abc002 ! -s 172.22.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-HOST -p icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/db, app/web
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -p tcp --dport 8080 -j REJECT -m comment --comment "denied: project/shop/web:80 (policy.yaml:8)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -d 127.255.255.255,172.17.255.255,172.20.255.255,172.22.255.255,192.168.1.255,224.0.0.0/4,255.255.255.255 -j REJECT -m comment --comment "broadcast, multicast and the like (policy.yaml:8)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -p tcp --dport 8443 -j RETURN -m comment --comment "host (policy.yaml:8)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -p tcp --dport 8080 -j RETURN -m comment --comment "host (policy.yaml:8)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -j REJECT -m comment --comment "nothing above allows it (policy.yaml:8)"

# bridge: whoever comes
-A DOCKER-OUTBOUND-HOST -s 172.17.0.0/16 -j REJECT -m comment --comment "nobody is known to have these addresses"

# shop_default: shop/db, shop/web
-A DOCKER-OUTBOUND-HOST -s 172.22.0.0/16 -d 127.0.0.1 -p tcp --dport 5432 -j REJECT -m comment --comment "guardrail: project/shop/db (policy.yaml:3)"
-A DOCKER-OUTBOUND-HOST -s 172.22.0.0/16 -j RETURN -m comment --comment "any (defaults)"

-A DOCKER-OUTBOUND-HOST -j RETURN
COMMIT
*security
:DOCKER-OUTBOUND-FILTER - [0:0]
:DOCKER-OUTBOUND-HOST - [0:0]
-A DOCKER-OUTBOUND-FILTER -i br-000000abc001 ! -s 172.20.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-FILTER -i docker0 ! -s 172.17.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-FILTER -i br-000000abc002 ! -s 172.22.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-FILTER -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-FILTER -p icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/db, app/web
-A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -j DROP -m comment --comment "nothing above allows it (policy.yaml:8)"

# bridge: whoever comes
-A DOCKER-OUTBOUND-FILTER -s 172.17.0.0/16 -j DROP -m comment --comment "nobody is known to have these addresses"

# shop_default: shop/db, shop/web
-A DOCKER-OUTBOUND-FILTER -s 172.22.0.0/16 -d 172.22.0.0/16 -j DROP -m comment --comment "guardrail: project/shop/db (policy.yaml:3)"
-A DOCKER-OUTBOUND-FILTER -s 172.22.0.0/16 -j RETURN -m comment --comment "any (defaults)"

# From outside: conversations that may be the far end of a denied one, told by no handshake, are marked.
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -p icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.20.0.0/16 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -p icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.17.0.0/16 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000
-A DOCKER-OUTBOUND-FILTER -d 172.22.0.0/16 -p icmp -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.22.0.0/16 -p tcp --syn -j RETURN
-A DOCKER-OUTBOUND-FILTER -d 172.22.0.0/16 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED -j CONNMARK --set-xmark 0x10000000/0x10000000

-A DOCKER-OUTBOUND-FILTER -j RETURN
-A DOCKER-OUTBOUND-HOST -i br-000000abc001 ! -s 172.20.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -i docker0 ! -s 172.17.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -i br-000000abc002 ! -s 172.22.0.0/16 -j DROP -m comment --comment "a source address that is not of this network"
-A DOCKER-OUTBOUND-HOST -m conntrack --ctdir REPLY -m connmark ! --mark 0x10000000/0x10000000 -j RETURN -m comment --comment "answers in conversations that others began"
-A DOCKER-OUTBOUND-HOST -p icmp -m conntrack --ctstate RELATED -j RETURN -m comment --comment "ICMP errors about what was allowed"

# app_default: app/db, app/web
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -p tcp --dport 8080 -j DROP -m comment --comment "denied: project/shop/web:80 (policy.yaml:8)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -d 127.255.255.255,172.17.255.255,172.20.255.255,172.22.255.255,192.168.1.255,224.0.0.0/4,255.255.255.255 -j DROP -m comment --comment "broadcast, multicast and the like (policy.yaml:8)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -p tcp --dport 8443 -j RETURN -m comment --comment "host (policy.yaml:8)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -p tcp --dport 8080 -j RETURN -m comment --comment "host (policy.yaml:8)"
-A DOCKER-OUTBOUND-HOST -s 172.20.0.0/16 -j DROP -m comment --comment "nothing above allows it (policy.yaml:8)"

# bridge: whoever comes
-A DOCKER-OUTBOUND-HOST -s 172.17.0.0/16 -j DROP -m comment --comment "nobody is known to have these addresses"

# shop_default: shop/db, shop/web
-A DOCKER-OUTBOUND-HOST -s 172.22.0.0/16 -d 127.0.0.1 -p tcp --dport 5432 -j DROP -m comment --comment "guardrail: project/shop/db (policy.yaml:3)"
-A DOCKER-OUTBOUND-HOST -s 172.22.0.0/16 -j RETURN -m comment --comment "any (defaults)"

-A DOCKER-OUTBOUND-HOST -j RETURN
COMMIT
RULES
once iptables security FORWARD DOCKER-OUTBOUND-FILTER
once iptables security INPUT DOCKER-OUTBOUND-HOST
top iptables filter FORWARD DOCKER-OUTBOUND-FILTER
top iptables filter INPUT DOCKER-OUTBOUND-HOST
