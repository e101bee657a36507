#!/bin/sh
# Installs LabLink's agent on a machine that somebody already has, as a service, and enrols it.
#
#   printf %s TOKEN | sudo sh -c "$(curl -fsSL https://allocator/install)" lablink NAME
#
# NAME is what the allocator calls this machine. The enrolment token comes on standard input, where
# no list of processes shows it. LABLINK_INSTALL_DIR=DIR puts everything into that folder, for
# trying it without root; the agent then runs until it is stopped. The allocator puts its own
# address before this text, as LABLINK_ALLOCATOR.
set -eu

say() { printf 'lablink: %s\n' "$*"; }
die() { say "$@" >&2 && exit 1; }

name=${1:-}
[ -n "$name" ] || die 'copy the whole command: the name of the machine is missing at its end.'
token=$(cat)
[ -n "$token" ] || die 'copy the whole command: it begins with printf.'
[ "$(uname -s)" = Linux ] || die 'the agent runs on Linux only.'

root=${LABLINK_INSTALL_DIR:-}
if [ -n "$root" ]; then
    bin=$root state=$root/state settings=$root/lablink-client.env user=$(id -un)
else
    [ "$(id -u)" = 0 ] || die 'run the command with sudo, or as root.'
    # The desktop that participants get is that of who installs.
    bin=/usr/local/bin state=/var/lib/lablink-client settings=/etc/lablink-client.env
    user=${SUDO_USER:-root}
fi
mkdir -p "$bin" "$state"
chmod 700 "$state"

say "fetching the agent from $LABLINK_AGENT_PROGRAM_URL"
program=$bin/lablink-client
curl -fsSL -o "$program.new" "$LABLINK_AGENT_PROGRAM_URL?arch=$(uname -m)" ||
    die 'the agent could not be fetched: ask your organiser.'
chmod 755 "$program.new"
"$program.new" --version >/dev/null || die "the agent does not run on this machine ($(uname -m))."
mv -f "$program.new" "$program"

cat >"$settings" <<SETTINGS
ALLOCATOR_URL=$LABLINK_ALLOCATOR
VM_NAME=$name
LABLINK_AGENT_DIR=$state
LABLINK_ENROLMENT_TOKEN_FILE=$state/enrolment-token
SUBJECT_SOFTWARE=$LABLINK_SOFTWARE
SETTINGS
(umask 077 && printf '%s\n' "$token" >"$state/enrolment-token")
rm -f "$state/agent-token" # of an earlier enrolment
chown -R "$user" "$state"

if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    log='journalctl -u lablink-client'
    cat >/etc/systemd/system/lablink-client.service <<UNIT
[Unit]
Description=LabLink agent
Wants=network-online.target
After=network-online.target

[Service]
User=$user
EnvironmentFile=$settings
ExecStart=$program run
Restart=always
RestartSec=5
# The participant's desktop outlives a restart of the agent.
KillMode=process

[Install]
WantedBy=multi-user.target
UNIT
    systemctl daemon-reload
    systemctl enable --quiet lablink-client
    systemctl restart lablink-client
else
    log=$state/agent.log
    if [ -e "$state/pid" ] && read -r pid <"$state/pid" &&
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = lablink-client ]; then
        kill "$pid"
    fi
    cat >"$bin/lablink-client-start" <<START
#!/bin/sh
# Starts LabLink's agent; for a machine without systemd, to be called at boot.
set -a
. "$settings"
echo \$\$ >"$state/pid"
exec "$program" run
START
    chmod 755 "$bin/lablink-client-start"
    if [ "$user" = "$(id -un)" ]; then
        setsid "$bin/lablink-client-start" </dev/null >>"$log" 2>&1 &
    else
        setsid runuser -u "$user" -- "$bin/lablink-client-start" </dev/null >>"$log" 2>&1 &
    fi
    say "there is no systemd to start the agent at boot: call $bin/lablink-client-start yourself."
fi

tries=60
until [ -s "$state/agent-token" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || die "the agent has not enrolled. What it says: $log"
    sleep 0.5
done
rm -f "$state/enrolment-token"
say "$name is enrolled. It is in the pool as soon as its agent has reported in."
