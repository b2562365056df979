#!/bin/sh
# Installs what the verifiers in Python and Go need, on Debian and its kin; says how where it cannot.
set -eu
packages='python3-jwt python3-cryptography golang-go'
command -v go >/dev/null && /usr/bin/python3 -c 'import jwt, cryptography' 2>/dev/null && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "On Debian, as root: apt-get install $packages" >&2
  exit 1
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
