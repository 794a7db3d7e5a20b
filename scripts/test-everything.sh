#!/bin/sh
# Installs what the tests need, system programs included where it may, and passes all of them.
set -eu
cd "$(dirname "$0")/.."

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

# litecoind: a real node for the live tests. A C compiler and libsecp256k1: what the bench compares with.
if command -v apt-get >/dev/null && ! { command -v litecoind && command -v cc && [ -e /usr/include/secp256k1.h ]; } >/dev/null; then
  as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends litecoind gcc libc6-dev libsecp256k1-dev >/dev/null ||
    echo "Could not install litecoind and libsecp256k1-dev: install them by hand for the live tests and the bench." >&2
fi

npm ci --no-audit --no-fund
npm run check
npm run sim -- --runs 5000
npm run bench -- --quick
npm run fuzz -- --runs 3000
npm run kill -- --kills 100
npm run test:all
