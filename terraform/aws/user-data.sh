#!/usr/bin/env bash
# Makes a fresh machine a LabLink VM: enrols it, ships its log, prepares the GPU, starts the client's
# container, and tells the allocator how that goes. cloud-init runs it once; it may be run again by
# hand, as root. Its output is the VM's log, so nothing secret is ever printed.
#
# Files, all written by cloud-init from user_data.tf:
#   /etc/lablink/vm.env                      settings
#   /etc/config/custom-startup.sh            the organiser's script, empty for none; the client runs it
#   /var/lib/lablink-client/enrolment-token  one-time token, removed once it is used
#   /etc/systemd/system/lablink-metadata.service  closes the instance's metadata to all but root
#
# Where no log group is named, the log goes straight to the allocator: this script sends its own, and
# the agent in the container the rest.
set -euo pipefail
umask 077
export LC_ALL=C.UTF-8 TZ=UTC DEBIAN_FRONTEND=noninteractive

readonly state=/var/lib/lablink-client # the agent's own folder, in and outside the container
readonly container=lablink-client
readonly cloudwatch=/opt/aws/amazon-cloudwatch-agent
readonly metadata=http://169.254.169.254 # where the agent learns what AWS announces for the VM
readonly own_log=/var/log/cloud-init-output.log
readonly sent_log=/var/lib/lablink-boot-log # how far own_log was sent

# Seconds of waiting, without what the attempts themselves take.
readonly tell_limit=120 last_lines_limit=60 docker_limit=120 driver_limit=180 ready_limit=3600
# One that lasts so long did not fail at once: all that can be seen of an image of others.
readonly settle_time=15

started_at=$EPOCHSECONDS
scratch=$(mktemp -d)
gpu=() apart=() container_log=()

set -a
# shellcheck source=/dev/null
source /etc/lablink/vm.env
set +a

say() { printf '%(%FT%TZ)T lablink: %s\n' -1 "$1"; }

die() {
    say "error: $1"
    exit 1
}

finish() {
    local code=$?
    trap - EXIT
    if [[ -n ${puller:-} ]]; then kill "$puller" 2>/dev/null || true; fi
    if ((code)); then
        say "the VM could not be made ready (exit code $code)"
        report error || true
    fi
    stop_shipping
    rm -rf -- "$scratch"
    exit "$code"
}

# --- The allocator

# Sets `allocator`, the URL that answers. A redirect to https is followed here, once and for all: a
# POST that is redirected loses its body or its credential.
find_allocator() {
    [[ -z ${allocator:-} ]] || return 0
    local given reached
    # An empty subdomain used to leave a dot.
    given=${ALLOCATOR_URL/"://."/"://"}
    while [[ $given == */ ]]; do given=${given%/}; done
    reached=$(curl --silent --show-error --connect-timeout 5 --max-time 10 \
        --location --max-redirs 3 --proto '=http,https' --proto-redir '=https' \
        --output /dev/null --write-out '%{url_effective}' "$given/healthz") || return 1
    reached=${reached%/healthz}
    if [[ ${reached%:443} == "https://${given#http://}" ]]; then
        allocator=$reached
    else
        allocator=$given
    fi
}

# One POST of the JSON on standard input. Status 0: taken, 1: worth another try, 2: refused.
post() { # PATH
    local code
    code=$(curl --silent --show-error --connect-timeout 5 --max-time 10 --proto '=http,https' \
        --header "@$scratch/headers" --data-binary @- \
        --output "$scratch/answer" --write-out '%{http_code}' "$allocator$1") || return 1
    case $code in
    2??) ;;
    408 | 429 | 5??) return 1 ;;
    *) say "the allocator refuses a POST to $1 with status $code" && return 2 ;;
    esac
}

# Writes the headers for `post`. Without any token only an open allocator listens.
write_headers() {
    printf 'Content-Type: application/json\n' >"$scratch/headers"
    if [[ -s $state/agent-token ]]; then
        printf 'Authorization: Bearer %s\n' "$(<"$state/agent-token")" >>"$scratch/headers"
    fi
}

# Trades the enrolment token for the agent's own, which the agent in the container finds in its
# folder.
enrol() {
    local outcome=0
    write_headers
    if [[ ! -s $state/agent-token && -s $state/enrolment-token && -z ${refused:-} ]]; then
        post /api/agent/enrol < <(printf '{"hostname":"%s","enrolment_token":"%s"}' \
            "$VM_NAME" "$(<"$state/enrolment-token")") || outcome=$?
        ((outcome != 1)) || return 1
        if ((outcome == 0)); then
            [[ $(<"$scratch/answer") =~ \"agent_token\"[[:space:]]*:[[:space:]]*\"([^\"]+)\" ]] || return 1
            printf '%s' "${BASH_REMATCH[1]}" >"$state/.agent-token.new"
            mv -- "$state/.agent-token.new" "$state/agent-token"
            rm -f -- "$state/enrolment-token"
            say 'enrolled'
        else
            say 'warning: the enrolment token was refused; make a new one for this VM'
            refused=yes
        fi
        write_headers
    fi
}

try_to_tell() { # PATH JSON
    find_allocator || return 1
    enrol || return 1
    post "$1" <<<"$2"
}

# Tells the allocator, which may be out of reach for a while.
tell() { # PATH JSON
    local waited=0 pause=1 outcome
    while :; do
        outcome=0
        try_to_tell "$1" "$2" || outcome=$?
        ((outcome == 1 && waited < tell_limit)) || break
        sleep "$pause"
        waited=$((waited + pause))
        pause=$((pause < 16 ? pause * 2 : 16))
    done
    ((outcome != 1)) || say "warning: the allocator is out of reach: POST to $1 given up"
    return "$outcome"
}

report() { # STATUS
    say "status: $1"
    tell /api/vm-status "{\"hostname\":\"$VM_NAME\",\"status\":\"$1\"}"
}

# Up to the container's start: what comes then is the container's time, which its own agent tells.
report_times() {
    local pull_started_at pull_ended_at
    read -r pull_started_at pull_ended_at <"$scratch/pulled"
    tell "/api/vm-metrics/$VM_NAME" "{\"cloud_init_start\":$started_at,\"cloud_init_end\":$set_up_at,\"cloud_init_duration_seconds\":$((set_up_at - started_at)),\"docker_pull_start\":$pull_started_at,\"docker_pull_end\":$pull_ended_at,\"client_image\":\"$image_kind\"}"
}

# The participant could read this VM's user data and get its role's keys. The unit does the same
# before Docker at each later start.
close_metadata() {
    timeout 60 systemctl enable --now lablink-metadata.service ||
        die 'the metadata of the instance can not be closed to the desktop: iptables must know the match "owner"'
}

# --- Logs

# Unpacked, and not installed: Ubuntu's own updates hold the package database for minutes at first,
# and nothing in the package needs it.
install_cloudwatch_agent() {
    local architecture package=$scratch/amazon-cloudwatch-agent.deb unpacked=$scratch/cloudwatch
    architecture=$(dpkg --print-architecture)
    curl --fail --silent --show-error --location --proto '=https' --retry 5 --retry-connrefused \
        --connect-timeout 20 --max-time 300 --output "$package" \
        "https://amazoncloudwatch-agent-$AWS_REGION.s3.$AWS_REGION.amazonaws.com/ubuntu/$architecture/latest/amazon-cloudwatch-agent.deb" ||
        die 'the CloudWatch agent could not be downloaded'
    timeout 120 dpkg-deb --extract "$package" "$unpacked" || die 'the CloudWatch agent could not be unpacked'
    mkdir -p "${cloudwatch%/*}"
    cp -r -- "$unpacked$cloudwatch" "${cloudwatch%/*}"
    cp -- "$unpacked/etc/systemd/system/amazon-cloudwatch-agent.service" /etc/systemd/system/
}

# The next lines of the log as the body of a POST, in $scratch/batch; after them the position will
# be the one in $scratch/position. Status 1: there are no whole lines yet. Each line is named by
# where it stands, so that what is sent again after a lost answer is stored once.
next_lines() {
    python3 - "$own_log" "$sent_log" "$VM_NAME" "$scratch" <<'PYTHON'
import json, pathlib, sys, time, uuid

log, sent, hostname, scratch = sys.argv[1:]
try:
    content, offset = pathlib.Path(sent).read_text().split()
    offset = int(offset)
except (OSError, ValueError):
    content, offset = uuid.uuid4().hex, 0
    # Before the first line is sent: after a crash it has the same name again.
    pathlib.Path(sent).write_text(f"{content} 0")
try:
    with open(log, "rb") as file:
        file.seek(offset)
        data = file.read(200_000)
except FileNotFoundError:
    sys.exit(1)
whole = data.rfind(b"\n") + 1 or len(data) * (len(data) == 200_000)
lines = data[:whole].splitlines(keepends=True)[:1000]
if not lines:
    sys.exit(1)
batch = {"log_group": "cloud-init", "log_stream": hostname, "messages": [], "timestamps": [], "event_ids": []}
for line in lines:
    batch["messages"].append(line.decode(errors="replace").rstrip("\r\n"))
    batch["timestamps"].append(int(time.time() * 1000))
    batch["event_ids"].append(f"{content}-{offset}")
    offset += len(line)
pathlib.Path(scratch, "batch").write_text(json.dumps(batch))
pathlib.Path(scratch, "position").write_text(f"{content} {offset}")
PYTHON
}

# Sends what the log has. Status 1: worth another try, 2: refused. It enrols nobody, and waits for
# the token, which may change meanwhile.
send_lines() {
    if [[ ! -s $state/agent-token && -s $state/enrolment-token ]]; then return 1; fi
    find_allocator 2>/dev/null || return 1
    write_headers
    while next_lines; do
        post /api/vm-logs <"$scratch/batch" 2>/dev/null || return
        mv -- "$scratch/position" "$sent_log"
    done
}

# Sends the log of this script for as long as it runs, every few seconds: until a line comes on
# standard input, which is its end. It says nothing, for that would be the next line to send.
send_own_log() {
    local outcome=0 waited=0
    trap - EXIT
    scratch=$scratch/log
    mkdir "$scratch"
    until IFS= read -r -t 3; (($? <= 128)); do
        outcome=0
        send_lines || outcome=$?
        if ((outcome == 2)); then return; fi
    done
    # What cloud-init has not written yet.
    sleep 1
    until send_lines || (($? == 2 || waited >= last_lines_limit)); do
        sleep 5
        waited=$((waited + 5))
    done
} >/dev/null

stop_shipping() {
    [[ -n ${shipper:-} ]] || return 0
    # It may have ended: nobody reads then.
    trap '' PIPE
    echo end >&"$to_shipper" || true
    wait "$shipper" || true
} 2>/dev/null

ship_logs() {
    [[ -n $CLOUD_INIT_LOG_GROUP ]] || return 0
    [[ -x $cloudwatch/bin/amazon-cloudwatch-agent-ctl ]] || install_cloudwatch_agent
    # Group and hostname hold nothing that JSON would quote: variables.tf sees to that.
    printf '{"agent":{"run_as_user":"root"},"logs":{"logs_collected":{"files":{"collect_list":[%s]}}}}\n' \
        '{"file_path":"'$own_log'","log_group_name":"'"$CLOUD_INIT_LOG_GROUP"'","log_stream_name":"'"$VM_NAME"'"}' \
        >"$scratch/cloudwatch.json"
    timeout 120 "$cloudwatch/bin/amazon-cloudwatch-agent-ctl" -a fetch-config -m ec2 -s \
        -c "file:$scratch/cloudwatch.json" || die 'the CloudWatch agent could not be started'
}

# Where the container's output goes. Docker writes it to CloudWatch as it is, line by line; the files
# that it keeps by itself hold JSON around each.
set_container_log() {
    if [[ -z $CLOUD_INIT_LOG_GROUP ]]; then
        container_log=(--log-driver json-file --log-opt max-size=10m --log-opt max-file=3)
    else
        # A CloudWatch that does not answer holds up nobody.
        container_log=(--log-driver awslogs --log-opt "awslogs-region=$AWS_REGION"
            --log-opt "awslogs-group=$CLOUD_INIT_LOG_GROUP" --log-opt "awslogs-stream=$VM_NAME"
            --log-opt mode=non-blocking --log-opt max-buffer-size=4m)
    fi
}

# --- Docker and the GPU

wait_for_docker() {
    local waited
    for ((waited = 0; waited < docker_limit; waited += 3)); do
        if timeout 20 docker info &>/dev/null; then return; fi
        sleep 3
    done
    die "Docker does not answer after $docker_limit s"
}

# NVIDIA's runtime for every container. With systemd as driver of cgroups, containers lose their GPU
# at each reload of systemd. What the image has set otherwise stays.
configure_docker_for_gpu() {
    python3 - "$scratch/daemon.json" <<'PYTHON' || die 'the settings of Docker could not be changed'
import json, pathlib, sys

settings = pathlib.Path("/etc/docker/daemon.json")
known = json.loads(settings.read_text() or "{}") if settings.exists() else {}
options = [o for o in known.get("exec-opts", []) if not o.startswith("native.cgroupdriver=")]
known["exec-opts"] = options + ["native.cgroupdriver=cgroupfs"]
known["default-runtime"] = "nvidia"
known.setdefault("runtimes", {}).setdefault("nvidia", {"path": "nvidia-container-runtime", "args": []})
pathlib.Path(sys.argv[1]).write_text(json.dumps(known, indent=4) + "\n")
PYTHON
    if ! cmp --silent "$scratch/daemon.json" /etc/docker/daemon.json; then
        install -D -m 0644 "$scratch/daemon.json" /etc/docker/daemon.json
        timeout 180 systemctl restart docker || die 'Docker does not start with the NVIDIA runtime'
    fi
}

# Docker is restarted before the image is pulled, for that would end the pull.
prepare_docker() {
    wait_for_docker
    [[ $GPU_SUPPORT == true ]] || return 0
    if ! command -v nvidia-smi >/dev/null; then
        say 'warning: the machine type has a GPU, but the image has no nvidia-smi: going on without'
        return
    fi
    gpu=(--gpus all)
    configure_docker_for_gpu
    wait_for_docker
}

# The driver takes a while to find its GPU after the first boot.
settle_gpu() {
    local waited
    ((${#gpu[@]})) || return 0
    for ((waited = 0; waited < driver_limit; waited += 5)); do
        if timeout 60 nvidia-smi -pm 1; then return; fi
        sleep 5
    done
    say "warning: the GPU's driver does not answer after $driver_limit s"
}

# --- The client

pull_image() {
    local attempt began=$EPOCHSECONDS
    for attempt in 1 2 3; do
        if timeout 1800 docker pull --quiet "$IMAGE_NAME"; then
            echo "$began $EPOCHSECONDS" >"$scratch/pulled"
            return
        fi
        say "pulling $IMAGE_NAME failed ($attempt of 3)"
        if ((attempt < 3)); then sleep 15; fi
    done
    return 1
}

# Sets `image_kind`, and gives the agent's files to whom the agent runs as:
#
#   current  its start script keeps the agent apart from the desktop, which is its user's: the agent
#            runs as root, and its files are for root alone
#   old      it has LabLink's agent, which runs as the desktop's user
#   foreign  it has another client, or none
look_at_image() {
    local found user name
    # shellcheck disable=SC2016 # for the container's own shell
    found=$(timeout 120 docker run --rm --network none --entrypoint sh "$IMAGE_NAME" -c 'id -u
        name=$(id -un 2>/dev/null) || name=-; echo "$name"
        if grep -qs LABLINK_DESKTOP_USER "$(command -v lablink-start)"; then echo current
        elif command -v lablink-client >/dev/null; then echo old
        else echo foreign; fi') || die "no container can be started from $IMAGE_NAME"
    { read -r user && read -r name && read -r image_kind; } <<<"$found" ||
        die "$IMAGE_NAME does not say what it is"
    case $image_kind in
    current)
        if [[ $user != 0 ]]; then
            apart=(--user 0 --env "LABLINK_DESKTOP_USER=$name")
            user=0
        fi
        # Only root may ask it, and so only an agent that runs as root.
        apart+=(--env "AWS_EC2_METADATA_SERVICE_ENDPOINT=$metadata")
        ;;
    old) say "warning: $IMAGE_NAME is an old image of LabLink's: its participants can read the agent's token" ;;
    foreign) say "warning: $IMAGE_NAME has no agent of LabLink's: this VM can be claimed only if the allocator admits other clients, and once the image's own has asked it" ;;
    esac
    chown -R -- "$user:$user" "$state"
}

start_container() {
    # One of an earlier run.
    if docker container inspect "$container" &>/dev/null; then docker rm --force "$container"; fi
    set_up_at=$EPOCHSECONDS
    set_container_log
    ALLOCATOR_URL=${allocator:-$ALLOCATOR_URL} \
        LABLINK_AGENT_DIR=$state LABLINK_ENROLMENT_TOKEN_FILE=$state/enrolment-token \
        timeout 300 docker run --detach --interactive --tty --name "$container" --network host \
        "${container_log[@]}" "${gpu[@]}" "${apart[@]}" \
        --volume /etc/config:/docker_scripts:ro --volume "$state:$state" \
        --env ALLOCATOR_HOST --env ALLOCATOR_URL --env VM_NAME --env SUBJECT_SOFTWARE \
        --env TUTORIAL_REPO_TO_CLONE --env CLOUD_INIT_LOG_GROUP --env AWS_REGION \
        --env STARTUP_ON_ERROR --env STARTUP_ATTEMPTS --env STARTUP_SUCCESS_CHECK \
        --env LABLINK_AGENT_DIR --env LABLINK_ENROLMENT_TOKEN_FILE \
        "$IMAGE_NAME" || die 'the container could not be started'
}

# An image with a health check says itself when repository and startup script are done; LabLink's
# own says it without one, too. Of others nothing can be seen, and the allocator waits for their
# client. A container that ends before, as with a failed script and startup_on_error = fail, is not
# started again.
wait_until_ready() {
    local waited found
    for ((waited = 0; waited < ready_limit; waited += 10)); do
        found=$(docker container inspect "$container" --format \
            '{{.State.Status}} {{with .State.Health}}{{.Status}}{{else}}none{{end}} {{.State.ExitCode}}') ||
            die 'Docker does not know the container any more'
        case $found-$image_kind in
        'running healthy '*) return ;;
        'running none '*-foreign) if ((waited >= settle_time)); then return; fi ;;
        'running none '*)
            if timeout 30 docker exec "$container" lablink-client status >/dev/null; then return; fi
            ;;
        'created '* | 'running '*) ;;
        *)
            docker logs --tail 50 "$container" || true
            found=${found##* }
            die "the container has ended with exit code $found: see its last lines above"
            ;;
        esac
        sleep 10
    done
    docker logs --tail 50 "$container" || true
    die "the container is not ready after $ready_limit s"
}

main() {
    trap finish EXIT
    say "making $VM_NAME ready: image $IMAGE_NAME, GPU $GPU_SUPPORT, software '$SUBJECT_SOFTWARE', log group '$CLOUD_INIT_LOG_GROUP'"
    install -d -m 0700 "$state"
    if [[ -z $CLOUD_INIT_LOG_GROUP ]]; then
        exec {to_shipper}> >(send_own_log)
        shipper=$!
    fi
    # No VM fails because the allocator can't be told: the agent goes on trying.
    report initializing || true
    close_metadata
    prepare_docker
    # The image comes while the rest is made ready.
    (trap - EXIT && pull_image) &
    puller=$!
    ship_logs
    settle_gpu
    wait "$puller" || die "the image $IMAGE_NAME could not be pulled"
    puller=''
    look_at_image
    start_container
    report_times || true
    wait_until_ready
    docker update --restart unless-stopped "$container" >/dev/null || die 'no restart policy could be set'
    report running || true
    say "ready after $((EPOCHSECONDS - started_at)) s"
}

main "$@"
