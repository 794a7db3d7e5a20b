#!/bin/sh
# Installs what the tests need, system programs included where it may, and passes all of them.
set -eu
cd "$(dirname "$0")/.."

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

# litecoind: a real node for the live tests. A C compiler and libsecp256k1: what the bench compares with. A JDK and Maven: the real bitcoinj. `script`: a
# terminal for the commands that ask. nginx, Caddy, systemd-analyze, promtool, logrotate and openssl: what reads the examples of running it. zsh and
# fish: what completes in them is tried in them. unshare and ip: the README pasted where all ports are free.
PATH=$PATH:/usr/sbin
has_all() {
  command -v litecoind && command -v cc && [ -e /usr/include/secp256k1.h ] && command -v javac && command -v mvn && command -v script &&
    command -v nginx && command -v caddy && command -v systemd-analyze && command -v promtool && command -v logrotate && command -v openssl &&
    command -v zsh && command -v fish && command -v unshare && command -v ip
}
if command -v apt-get >/dev/null && ! has_all >/dev/null; then
  as_root apt-get update -qq &&
    as_root apt-get install -y -qq --no-install-recommends litecoind gcc libc6-dev libsecp256k1-dev default-jdk-headless maven bsdutils \
      nginx-light caddy systemd prometheus logrotate openssl zsh fish iproute2 >/dev/null ||
    echo "Could not install litecoind, libsecp256k1-dev, default-jdk-headless, maven, bsdutils, nginx-light, caddy, systemd, prometheus, logrotate, openssl," \
      "zsh, fish and iproute2: install them by hand for all tests and the bench." >&2
fi

# Every process reads the same sources: they are compiled once.
NODE_COMPILE_CACHE=$(mktemp -d)
export NODE_COMPILE_CACHE
trap 'rm -rf "$NODE_COMPILE_CACHE"' EXIT

npm ci --no-audit --no-fund
npm run check
npm run sim -- --runs 5000
npm run bench
npm run fuzz -- --runs 3000
npm run kill -- --kills 100
npm run test:all
npm run test:interop
