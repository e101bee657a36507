# What the checks of images share. The caller sets `engine`.
# shellcheck shell=bash disable=SC2154

readonly admin_password=correct-horse-battery

say() { printf '%s\n' "$1"; }
fail() {
    say "FAILED: $1" >&2
    exit 1
}
clean_up() { # CONTAINER… (with their last words, if this is a failure)
    local status=$? container
    for container in "$@"; do
        "$engine" container inspect "$container" >/dev/null 2>&1 || continue
        if ((status)); then "$engine" logs --tail 40 "$container" >&2 || true; fi
        "$engine" rm --force "$container" >/dev/null 2>&1 || true
    done
}
wait_for() { # WHAT COMMAND…
    local deadline=$((SECONDS + 180))
    until "${@:2}" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || fail "waited in vain: $1"
        sleep 0.5
    done
}
# As the engine's own timer asks, which does not run everywhere.
is_healthy() { # CONTAINER
    case $engine in
    *podman) "$engine" healthcheck run "$1" ;;
    *) [[ $("$engine" inspect --format '{{.State.Health.Status}}' "$1") == healthy ]] ;;
    esac
}
# From inside: so the check needs no network.
ask() { # CONTAINER PATH [CURL'S ARGUMENTS]
    "$engine" exec "$1" curl --silent --fail --max-time 150 --user "admin:$admin_password" \
        "http://127.0.0.1:5000$2" "${@:3}"
}
free() { [[ $(ask "$1" /api/unassigned_vms_count | jq .count) == "$2" ]]; } # CONTAINER COUNT
claim() { # CONTAINER EMAIL
    "$engine" exec "$1" curl --silent --show-error --fail --header 'Content-Type: application/json' \
        http://127.0.0.1:5000/api/request_vm \
        --data "{\"email\": \"$2\", \"crd_command\": \"start-host --code=4/try-it\"}" >/dev/null || fail "no claim for $2"
}
claim_of() { # CONTAINER EMAIL
    ask "$1" /api/vms | jq -r --arg email "$2" '.vms[] | select(.claim.email == $email) | .claim.claim_id'
}
is_connected() { # CONTAINER EMAIL
    [[ $(ask "$1" /api/vms | jq -r --arg email "$2" '.vms[] | select(.claim.email == $email) | .claim.state') == connected ]]
}
