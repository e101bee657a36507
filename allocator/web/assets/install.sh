#!/bin/sh
# Installs LabLink's agent on a machine that somebody already has, as a service, and enrols it.
#
#   printf %s TOKEN | sudo sh -c SCRIPT lablink SUMS NAME [ACCOUNT]
#
# The allocator gives the whole command, which fetches this script and runs it only if its SHA-256
# sum is the one that the command holds. SUMS are those that the agent's program may have, joined by
# ','. NAME is what the allocator calls this machine. ACCOUNT is whose desktop participants get. One
# that is missing is made, and is noted in /etc/lablink-desktop-user: only such an account is
# cleaned between participants. The agent runs as root: the account can read neither its token nor
# its state. Without ACCOUNT it is that of the last installation, else `lablink-desktop`.
# The enrolment token comes on standard input, where no list of processes shows it.
# LABLINK_INSTALL_DIR=DIR puts everything into that folder, for trying it without root; the agent
# then runs until it is stopped. The allocator puts its own address before this text, as
# LABLINK_ALLOCATOR.
set -eu

say() { printf 'lablink: %s\n' "$*"; }
die() { say "$@" >&2 && exit 1; }

# One line of settings, which a shell that sources it and systemd read alike: in double quotes, both
# take these four characters for themselves after a backslash.
setting() { # NAME VALUE
    printf '%s="%s"\n' "$1" "$(printf %s "$2" | sed 's/[\\"$`]/\\&/g')"
}

# A word for the shell, whatever is in it.
word() { # TEXT
    printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}

# An account for participants alone. Its home lies in a folder of root's, beside what is put aside.
make_account() {
    case $account in
        [!a-z_]* | *[!a-z0-9_-]*)
            die "'$account' can't be made: take a name of small letters, digits, - and _." ;;
    esac
    command -v useradd >/dev/null || die "useradd is missing: make the account $account yourself."
    base=/home/$account
    mkdir -p /home
    mkdir "$base" || die "$base is there already: remove it, or name another account at the end."
    chmod 755 "$base"
    if ! useradd --create-home --home-dir "$base/home" --shell /bin/bash \
        --comment 'LabLink participants' -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 "$account"; then
        rmdir "$base" || true
        die "the account $account could not be made: name another one at the end of the command."
    fi
    for group in video render audio; do
        if getent group "$group" >/dev/null; then
            usermod -aG "$group" "$account"
        fi
    done
    # Whole or not at all: an account without it counts as somebody's own.
    printf 'user=%s\nuid=%s\nhome=%s\n' "$account" "$(id -u "$account")" "$base/home" \
        >"$marker.new"
    chmod 644 "$marker.new"
    mv -f "$marker.new" "$marker"
}

sums=${1:-} name=${2:-}
[ -n "$name" ] || die 'copy the whole command: the name of the machine is missing at its end.'
case $sums in
    *[!0-9a-f,]* | '') die 'this command is of an earlier LabLink: make a new install command.' ;;
esac
case $name in
    -* | *[!A-Za-z0-9.-]*) die "'$name' is no name of a machine: copy the whole command." ;;
esac
case $LABLINK_SOFTWARE in
    *[[:cntrl:]]*) die 'the setting machine.software must be one line: tell your organiser.' ;;
esac
token=$(cat)
[ -n "$token" ] || die 'copy the whole command: it begins with printf.'
[ "$(uname -s)" = Linux ] || die 'the agent runs on Linux only.'

root=${LABLINK_INSTALL_DIR:-}
if [ -n "$root" ]; then
    bin=$root state=$root/state settings=$root/lablink-client.env user=$(id -un)
else
    [ "$(id -u)" = 0 ] || die 'run the command with sudo, or as root.'
    bin=/usr/local/bin state=/var/lib/lablink-client settings=/etc/lablink-client.env
    marker=/etc/lablink-desktop-user
    account=${3:-}
    if [ -z "$account" ] && [ -e "$settings" ]; then
        account=$(sed -n 's/^LABLINK_DESKTOP_USER="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$settings")
        # An earlier installer gave the agent the account whose desktop it shared.
        [ -n "$account" ] || account=$(stat -c %U "$state" 2>/dev/null) || account=
        case $account in root | UNKNOWN) account= ;; esac
    fi
    told=$account
    account=${account:-lablink-desktop}
    case $account in
        -* | *[!A-Za-z0-9._@-]*)
            die "'$account' can't be used: take an account of letters, digits, - . _ and @." ;;
    esac
    if ! id -u "$account" >/dev/null 2>&1; then
        make_account
    fi
    if [ -e "$marker" ] && grep -qxF "user=$account" "$marker"; then
        say "participants get the desktop of $account, which is cleaned after each of them."
    else
        [ -n "$told" ] || die "there is an account $account already: name one at the end."
        say "participants get the desktop of $account, which was there before: it is never cleaned."
    fi
    # Who cleans up after an account, and keeps secrets from it, can't be that account.
    user=root desktop_user=$account
    # What the agent of another account left there is not to be believed.
    if [ -d "$state" ] && [ "$(stat -c %U "$state")" != "$user" ]; then
        chown -h "$user" "$state"
        chmod 700 "$state"
        find "$state" -mindepth 1 -maxdepth 1 ! -name pid -exec rm -rf {} +
    fi
fi
mkdir -p "$bin" "$state"
chmod 700 "$state"

say "fetching the agent from $LABLINK_AGENT_PROGRAM_URL"
program=$bin/lablink-client
curl -fsSL -o "$program.new" "$LABLINK_AGENT_PROGRAM_URL?arch=$(uname -m)" ||
    die 'the agent could not be fetched: ask your organiser.'
sum=$(sha256sum <"$program.new")
case ",$sums," in
    *",${sum%% *},"*) ;;
    *)
        rm -f "$program.new"
        die 'this is not the agent that the command was made for, so it was not run. Make a new' \
            'install command.' ;;
esac
chmod 755 "$program.new"
"$program.new" --version >/dev/null || die "the agent does not run on this machine ($(uname -m))."
mv -f "$program.new" "$program"

{
    setting ALLOCATOR_URL "$LABLINK_ALLOCATOR"
    setting VM_NAME "$name"
    setting LABLINK_AGENT_DIR "$state"
    setting LABLINK_ENROLMENT_TOKEN_FILE "$state/enrolment-token"
    setting SUBJECT_SOFTWARE "$LABLINK_SOFTWARE"
    if [ -n "${desktop_user:-}" ]; then setting LABLINK_DESKTOP_USER "$desktop_user"; fi
} >"$settings"
rm -f "$state/enrolment-token" "$state/agent-token" # of an earlier enrolment
(umask 077 && set -C && printf '%s\n' "$token" >"$state/enrolment-token")
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
. $(word "$settings")
echo \$\$ >$(word "$state/pid")
exec $(word "$program") run
START
    chmod 755 "$bin/lablink-client-start"
    setsid "$bin/lablink-client-start" </dev/null >>"$log" 2>&1 &
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
