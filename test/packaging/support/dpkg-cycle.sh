#!/bin/bash
# The life of the package, told as lines NAME=VALUE for dpkg.test.ts. Runs in the throw-away copy of in-overlay.sh.
# dpkg-cycle.sh PORT: the packages are old.deb and new.deb beside this file.
set -uo pipefail
port=$1
here=$(dirname "$0")
export DEBIAN_FRONTEND=noninteractive

say() { echo "$1=$2"; }
status() { dpkg-query --show --showformat '${db:Status-Abbrev}' fd-router 2>/dev/null | tr -d ' '; }
mode() { stat --format '%a %U:%G' "$1" 2>/dev/null; }
install() { dpkg --force-unsafe-io --install "$here/$1" >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log >&2; return 1; }; }
# As the unit does it, as far as that goes without systemd: user, no capabilities, no new ones, the state directory.
as_service() {
  cd /var/lib/fd-router && exec setpriv --reuid fd-router --regid fd-router --init-groups --no-new-privs --inh-caps=-all \
    --bounding-set=-all env --ignore-environment "$@"
}
# request METHOD PATH [BODY]: prints the answer.
request() {
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return
  printf '%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' "$1" "$2" "${#3}" "$3" >&3
  cat <&3
  exec 3>&-
}
wait_for() { for _ in $(seq 100); do "$@" 2>/dev/null && return; sleep 0.1; done; return 1; }

[ "${2:-}" != without-sysusers ] || rm "$(command -v systemd-sysusers)"

install old.deb; say install $?
say installed "$(status)"
say user "$(getent passwd fd-router | cut -d: -f6,7)"
say config-mode "$(mode /etc/fd-router/config.yaml)"
say default-mode "$(mode /etc/default/fd-router)"
say check "$(fd-router check /etc/fd-router/config.yaml 2>&1)"
[ "${2:-}" != without-sysusers ] || exit 0

mkdir --mode 0750 /var/lib/fd-router && chown fd-router:fd-router /var/lib/fd-router
as_service FD_ROUTER_SERVER_PORT="$port" FD_ROUTER_MANAGER_REGISTRATION_PORT=0 \
  /usr/bin/fd-router serve --config_path /etc/fd-router/config.yaml >/tmp/router.log 2>&1 &
router=$!
healthy() { request GET /health "" | grep -q "200 OK"; }
wait_for healthy; say serves $?
as_service /usr/bin/fd-router mock-engine --host 127.0.0.1 --port 0 --router "127.0.0.1:$port" --time-scale 50 >/tmp/mock.log 2>&1 &
mock=$!
joined() { request GET /registered_number "" | grep -q '"mixed":1'; }
wait_for joined; say fleet $?
say answer "$(request POST /v1/chat/completions '{"stream":true,"max_tokens":3,"messages":[{"role":"user","content":"x"}]}' | grep -c 'data: \[DONE\]')"
saved() { [ -s /var/lib/fd-router/fleet.json ]; }
wait_for saved; say saved-table "$(mode /var/lib/fd-router/fleet.json | cut -d' ' -f2)"
kill "$router"; wait "$router"; say stopped $?
kill "$mock"; wait "$mock" 2>/dev/null

echo "# a line of the operator" >>/etc/fd-router/config.yaml
echo "groups: []" >/etc/fd-router/fleets/own.yaml
install new.deb; say upgrade $?
say upgraded "$(dpkg-query --show --showformat '${Version}' fd-router)"
say config-kept "$(tail -n 1 /etc/fd-router/config.yaml)"
say config-mode-kept "$(mode /etc/fd-router/config.yaml)"

dpkg --remove fd-router >/dev/null 2>&1; say remove $?
say removed "$(status)"
say binary "$(ls /usr/bin/fd-router 2>/dev/null)"
say config-after-remove "$(tail -n 1 /etc/fd-router/config.yaml)"
say state-after-remove "$(ls /var/lib/fd-router)"

dpkg --purge fd-router >/dev/null 2>&1; say purge $?
say purged "$(status)"
say left "$(find /etc/fd-router /etc/default/fd-router /var/lib/fd-router /usr/share/doc/fd-router -type f 2>/dev/null | tr '\n' ' ')"
