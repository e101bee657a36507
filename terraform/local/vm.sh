#!/usr/bin/env bash
# Starts and stops the agent process that stands for one local VM. See README.md.
#
#   vm.sh start DIR       start the agent, or leave it alone when it runs with these settings
#   vm.sh resume DIR      start the agent of a VM that is there and stopped; leave any other alone
#   vm.sh stop DIR        end the agent and all that it started; the folder stays
#   vm.sh remove DIR      as stop, and delete the folder
#   vm.sh status DIR      print 'running' or 'stopped'; exit 0 or 3
#   vm.sh list LOCAL_DIR  print the names of all VM folders, one a line
#
# `start` and `resume` read VM_NAME, ALLOCATOR_URL, SUBJECT_SOFTWARE, LABLINK_REMOTE_DESKTOP and
# LABLINK_AGENT_PROGRAM from the environment and store them; what is not given stays as it is
# stored. LABLINK_ENROLMENT_TOKEN is never stored; giving one makes the VM a new machine.
# `resume` asks for one when the VM never enrolled: by a line on standard output, to be answered by
# a line on standard input. An empty answer leaves the VM stopped; exit 3. It leaves an agent alone
# that runs with other settings; exit 4.
set -euo pipefail
umask 077

readonly settings=(VM_NAME ALLOCATOR_URL SUBJECT_SOFTWARE LABLINK_REMOTE_DESKTOP LABLINK_AGENT_PROGRAM)

fail() {
    printf 'vm.sh: %s\n' "$1" >&2
    exit 1
}

# Locks the folder itself, by descriptor 9, so that nothing is left over when it is deleted. Fails
# when there is no folder. One that was deleted while we waited is not the one of that name now.
lock() {
    while [[ -d $dir ]]; do
        if { exec 9<"$dir"; } 2>/dev/null; then
            flock --wait 5 9 || fail "$dir is busy: another start or stop has held it for 5 s"
            if [[ $dir -ef /proc/self/fd/9 ]]; then return 0; fi
        elif [[ -d $dir ]]; then
            fail "$dir can't be opened: run as the user it belongs to"
        fi
    done
    return 1
}

# Sets `state`, `session` and `started` (clock ticks since boot) of process $1; fails if it is
# gone, or a zombie, which runs no more.
look_at() {
    local stat
    IFS= read -r -d '' stat 2>/dev/null <"/proc/$1/stat" || [[ -n ${stat:-} ]] || return 1
    # The name, in parentheses, may hold anything.
    read -r state _ _ session _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ started _ <<<"${stat##*) }"
    [[ $state != [ZX] ]]
}

# Sets `running` to the processes of the agent's session, remote desktop programs included. A pid
# file may be older than a reboot: only the session of a process that started at the noted time, or
# what is left of it, is ours.
find_running() {
    running=()
    local leader noted pid state session started
    read -r leader noted 2>/dev/null <"$dir/agent.pid" || return 0
    if look_at "$leader" && [[ $started != "$noted" ]]; then return 0; fi
    for pid in /proc/[0-9]*; do
        pid=${pid#/proc/}
        # The leader itself may be so young that it is in our session still.
        if look_at "$pid" && [[ $session == "$leader" || $pid == "$leader" ]] &&
            ((started >= noted)); then
            running+=("$pid")
        fi
    done
}

agent_runs() {
    local leader noted state session started
    read -r leader noted 2>/dev/null <"$dir/agent.pid" || return 1
    look_at "$leader" && [[ $started == "$noted" ]]
}

# Sends signal $1 and waits up to $2 tenths of a second; succeeds when nothing runs any more.
signal_and_wait() {
    local tenth
    find_running
    for ((tenth = 0; tenth < $2; tenth++)); do
        ((${#running[@]})) || return 0
        if ((tenth == 0)); then kill -s "$1" "${running[@]}" 2>/dev/null || true; fi
        sleep 0.1
        find_running
    done
    ((${#running[@]} == 0))
}

end_all() {
    signal_and_wait TERM 50 || signal_and_wait KILL 20 ||
        fail "processes of $dir can't be ended: ${running[*]}"
    rm -f -- "$dir/agent.pid"
}

# The settings to start with, as lines that bash reads back: what is given, and of the rest what is
# stored.
wanted_settings() (
    declare -A given=()
    for name in "${settings[@]}"; do
        if [[ -v $name ]]; then given[$name]=${!name}; fi
        unset "$name"
    done
    # shellcheck source=/dev/null
    if [[ -e $dir/settings ]]; then source "$dir/settings"; fi
    for name in "${settings[@]}"; do
        printf '%s=%q\n' "$name" "${given[$name]-${!name-}}"
    done
)

# Whether the agent would be started with what it was started with before.
is_stored() { # SETTINGS
    [[ -e $dir/settings && $1 == "$(<"$dir/settings")" ]]
}

# Notes which token the machine was made with, by its SHA-256. The allocator knows its machines by it.
note_token() {
    local hash
    hash=$(printf '%s' "$LABLINK_ENROLMENT_TOKEN" | sha256sum)
    printf '%s\n' "${hash%% *}" >"$dir/enrolment"
}

# Starts the agent with these settings; with a token as a new machine.
begin() { # SETTINGS
    if [[ -n ${LABLINK_ENROLMENT_TOKEN:-} ]]; then
        rm -rf -- "${dir:?}/state" "${dir:?}/home"
        note_token
    fi
    if ! is_stored "$1"; then
        printf '%s\n' "$1" >"$dir/settings.new"
        mv -- "$dir/settings.new" "$dir/settings"
    fi
    launch
}

# Becomes the agent, in a session of its own, with nothing of the caller's environment but what it
# needs. It notes its pid itself: whoever kills this script leaves no agent that nobody knows.
become_agent() {
    local name open token=${LABLINK_ENROLMENT_TOKEN:-} path=$PATH user state session started
    look_at "$BASHPID"
    printf '%s %s\n' "$BASHPID" "$started" >"$dir/agent.pid"
    user=$(id -un)
    while read -r name; do
        unset "$name"
    done < <(compgen -e)
    export PATH=$path HOME="$dir/home" USER="$user" LOGNAME="$user" LABLINK_AGENT_DIR="$dir/state"
    # shellcheck source=/dev/null
    source "$dir/settings"
    export "${settings[@]?}"
    if [[ -n $token ]]; then export LABLINK_ENROLMENT_TOKEN=$token; fi
    cd "$HOME"
    # Neither the caller's pipes nor the lock may live as long as the agent. 255 is bash's own.
    for open in /proc/self/fd/*; do
        open=${open##*/}
        if ((open > 2 && open != 255)); then exec {open}<&-; fi
    done
    exec setsid "$LABLINK_AGENT_PROGRAM" run
}

launch() {
    mkdir -p -- "$dir/home"
    become_agent </dev/null >>"$dir/agent.log" 2>&1 &
    # Wrong settings end it at once; so a start that succeeds means something.
    sleep 0.2
    agent_runs || fail "the agent ended at once; the end of $dir/agent.log: $(tail -n 3 -- "$dir/agent.log")"
}

# Sweeps at last, when nobody waits for the folder any more.
start() {
    make
    exec 9<&-
    sweep
}

make() {
    until
        mkdir -p -- "$dir" || fail "$dir can't be made: choose another folder"
        lock
    do :; done
    local wanted
    wanted=$(wanted_settings)
    [[ $wanted != *$'\nALLOCATOR_URL=\'\''* ]] ||
        fail "$dir has no settings yet: give ALLOCATOR_URL and the others"

    if agent_runs && is_stored "$wanted" && [[ -z ${LABLINK_ENROLMENT_TOKEN:-} ]]; then return; fi
    end_all
    begin "$wanted"
}

# The token is asked for while the folder is ours: nobody starts this VM, or gives it another token,
# in between.
resume() {
    lock || return 0
    [[ -e $dir/settings ]] || return 0
    local wanted
    wanted=$(wanted_settings)
    if agent_runs; then
        is_stored "$wanted" || exit 4
        return
    fi
    if [[ ! -e $dir/state/agent-token ]]; then
        printf 'enrolment token?\n'
        IFS= read -r LABLINK_ENROLMENT_TOKEN || true
        [[ -n ${LABLINK_ENROLMENT_TOKEN:-} ]] || exit 3
    fi
    end_all
    begin "$wanted"
}

stop() {
    if lock; then end_all; fi
}

# What `remove` calls a folder once it is no VM's: in the same directory, by a name that no VM has.
readonly going=.removing-

# Deletes what removals that were cut off have left.
sweep() {
    local left
    for left in "${dir%/*}/$going"*/; do
        if [[ -d $left ]]; then rm -rf -- "$left" || true; fi
    done
}

# Whether the folder is the rest of a VM's. An earlier version deleted in place, and the settings
# could be gone before it was cut off.
is_remnant() {
    local entry
    [[ ${dir##*/} == lablink-vm-* ]] || return 1
    for entry in "$dir"/* "$dir"/.[!.]* "$dir"/..?*; do
        if [[ ! -e $entry && ! -L $entry ]]; then continue; fi
        case ${entry##*/} in
        state | home | enrolment | agent.log | agent.pid) ;;
        *) return 1 ;;
        esac
    done
}

remove() {
    local moved
    if lock; then
        end_all
        # Only what `start` made: a wrong argument must not delete somebody's files.
        # Settings that a start was cut off in writing say as well that it was one.
        rm -f -- "$dir/settings.new"
        if [[ -e $dir/settings ]] || is_remnant; then
            # Moved away first: cut off in the middle, nobody could tell what the rest was.
            # Nothing is made at the new name before: other removals sweep there at any time.
            moved=${dir%/*}/$going${dir##*/}.$$-$RANDOM
            mv -T -- "$dir" "$moved"
            rm -rf -- "$moved" || fail "what is left of $dir can't be deleted: see to $moved"
        else
            rmdir -- "$dir" || fail "$dir is no VM folder, since it has no settings: left as it is"
        fi
    fi
    sweep
}

status() {
    if agent_runs; then
        printf 'running\n'
    else
        printf 'stopped\n'
        exit 3
    fi
}

list() {
    local folder
    for folder in "$dir"/*/; do
        if [[ -d $folder ]]; then basename -- "$folder"; fi
    done
}

verb=${1:-}
dir=${2:-}
if [[ $dir != /* || $# -ne 2 ]]; then
    fail "write: vm.sh start|resume|stop|remove|status DIR, or list LOCAL_DIR, with an absolute path"
fi
dir=${dir%/}
case $verb in
start | resume | stop | remove | status | list) "$verb" ;;
*) fail "'$verb' is none of start, resume, stop, remove, status, list" ;;
esac
