#!/bin/sh
# Installs what the tests of a real cluster need, on Debian and its kin; says how where it cannot.
set -eu
packages='patroni etcd-server haproxy postgresql'
for program in patroni etcd haproxy; do
  command -v "$program" >/dev/null || missing="${missing:-} $program"
done
[ -n "${missing:-}" ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "NOT TESTED: a real cluster, for want of$missing; on Debian, as root: apt-get install $packages" >&2
  exit 0
fi
# None of them is to run by itself.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
