# What the lives share. Runs as root of a system that is theirs alone.
# shellcheck shell=bash disable=SC2034

readonly settings=/etc/lablink account=lablink-allocator

say() { printf '%s\n' "$1"; }
fail() {
    say "FAILED: $1"
    journalctl --no-pager --lines=40 --unit 'lablink-*' || true
    exit 1
}
expect() { # WHAT WANTED FOUND
    [[ $3 == "$2" ]] || fail "$1: wanted '$2', found '$3'"
}
wait_for() { # WHAT COMMAND…
    local deadline=$((SECONDS + 180))
    until "${@:2}" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || fail "waited in vain: $1"
        sleep 0.3
    done
}

packages() { # VERB PACKAGE… (apt-get's)
    apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" </dev/null >/tmp/apt.log 2>&1 ||
        fail "apt-get $*: $(tail -n 20 /tmp/apt.log)"
}
installed() { dpkg-query --showformat '${db:Status-Status} ${Version}' --show "$1" 2>/dev/null; }

ask() { # PATH [CURL'S ARGUMENTS]
    curl --silent --fail --max-time 20 --user "admin:$password" "http://127.0.0.1:5000$1" "${@:2}"
}
is_ready() { curl --silent --fail --max-time 5 http://127.0.0.1:5000/readyz; }
read_password() {
    password=$(sed -n 's/^ADMIN_PASSWORD=//p' "$settings/allocator.env")
    [[ ${#password} -ge 24 ]] || fail "no password was made: '$password'"
}
free() { [[ $(ask /api/unassigned_vms_count | jq .count) == "$1" ]]; }
claim_of() { ask /api/vms | jq -r --arg email "$1" '.vms[] | select(.claim.email == $email) | .claim.claim_id'; }
claim() { # EMAIL
    curl --silent --show-error --fail --header 'Content-Type: application/json' http://127.0.0.1:5000/api/request_vm \
        --data "{\"email\": \"$1\", \"crd_command\": \"start-host --code=4/try-it\"}" >/dev/null || fail "no claim for $1"
}
is_connected() { [[ $(ask /api/vms | jq -r --arg email "$1" '.vms[] | select(.claim.email == $email) | .claim.state') == connected ]]; }
with_settings() ( # COMMAND… (of the agent)
    set -a
    # shellcheck source=/dev/null
    . "$settings/agent.env"
    "$@"
)
