/** Every key of the language in one file, as in the design's "A whole file". */
export const wholeFile = `version: 1

defaults:
  unmanaged: allow
  denied: reject
  labels: trusted
  unknown-bridge: allow
  build: allow

groups:
  http-proxy: [192.168.100.1]
  resolver:   ["192.168.100.2:53/udp"]
  office:     [10.8.0.0/16, { to: ["2001:db8::/32", http-proxy], ports: [443, "8000-8100"], reason: "the office" }]

guardrails:
  deny: [cloud-metadata]
  except:
    - { from: infra/imds-client, to: cloud-metadata, reason: "instance role", until: 2027-03-31 }
    - from: [infra/imds-client, "container/ops-*"]
      to: [cloud-metadata, host]
      ports: [80]

projects:
  app:
    mode: enforce
    allow: [same-project, http-proxy, resolver, internet]
    services:
      elasticsearch: { allow: none }
      mongo:         { allow: [same-project] }
      ldap:          { mode: off, allow: [inherit, "10.0.0.5:636"], deny: ["host:22"] }
  "shop-*":
    mode: audit
    allow: any
    deny:
      - { to: any, protocol: 89 }
      - { to: project/app/mongo, protocol: icmp }

containers:
  "legacy-*": { allow: ["internet:443", dns] }

tests:
  - from: app/app
    allow: ["192.168.100.1:3128", "192.168.100.2:53/udp"]
    deny:  ["192.168.5.5:22", "169.254.169.254:80", "192.168.100.2:22"]
  - { from: container/legacy-1, allow: ["8.8.8.8:443"] }
`;
