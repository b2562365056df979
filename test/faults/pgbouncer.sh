#!/usr/bin/env bash
# Puts two PgBouncers where test/faults/pgbouncer.ts looks for them: Debian 13's, built from its source package, and as
# the old one whatever this Debian has (12: 1.18). Needs root, for apt. Does nothing if they are there.
set -euo pipefail

into=${TMPDIR:-/tmp}/ratchet-pgbouncer
[[ -x $into/new/pgbouncer && -x $into/old/pgbouncer ]] && exit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
mkdir -p lists/partial "$into/new" "$into/old"
chmod 755 "$into" "$into"/*

apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  dpkg-dev gcc libc6-dev libc-ares2 libevent-2.1-7 libevent-dev make pkg-config >/dev/null

echo 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' >trixie
trixie=(-o "Dir::Etc::sourcelist=$work/trixie" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/lists"
  -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
apt-get "${trixie[@]}" -qq update
apt-get "${trixie[@]}" -qq source pgbouncer >/dev/null
cd pgbouncer-*/
./configure --without-openssl --without-cares --without-pam --without-systemd >/dev/null
make -j"$(nproc)" pgbouncer >/dev/null 2>&1
install -m 755 pgbouncer "$into/new/pgbouncer"

cd "$work"
apt-get -o APT::Sandbox::User=root -qq download pgbouncer
dpkg-deb -x pgbouncer_*.deb old
install -m 755 old/usr/sbin/pgbouncer "$into/old/pgbouncer"
