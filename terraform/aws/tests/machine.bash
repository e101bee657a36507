# shellcheck shell=bash
# Machines for user-data-test, and what it asks of them. It sets $tests, this folder, and $work, a new
# one that everything happens in.
: "${tests:?}" "${work:?}"

trap 'umount --lazy "$work"; rmdir "$work"' EXIT
mount -t tmpfs none "$work"
# Whom the image runs as. A namespace made by somebody else than root knows nobody but root.
agent_user=4242
touch "$work/probe"
chown "$agent_user" "$work/probe" 2>/dev/null || agent_user=0
mkdir "$work/module"
cp "$tests"/../{user_data.tf,variables.tf,runtime_variables.tf,vm.env.tftpl,user-data.sh,lablink-metadata.service} "$work/module"
cat >"$work/module/output.tf" <<'HCL'
output "user_data" {
  value     = local.user_data["lablink-vm-test-1"]
  sensitive = true
}
HCL
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0
unset TF_DATA_DIR TF_CLI_CONFIG_FILE
in_module() { terraform -chdir="$work/module" "$@" >"$work/terraform.log" 2>&1 || { cat "$work/terraform.log" >&2 && return 1; }; }
in_module init

# Makes $root, a new machine before its first boot, from variables NAME=VALUE.
new_machine() { # NAME=VALUE…
    machine=$((${machine:-0} + 1))
    root=$work/machine-$machine
    mkdir -p "$root"/{etc,dev,proc,tmp,usr,var/log,run,opt}
    mount --rbind /dev "$root/dev"
    mount --rbind /proc "$root/proc"
    mount --bind "${LABLINK_TEST_ROOT:-}/usr" "$root/usr"
    mount -o remount,bind,ro "$root/usr"
    mount -t tmpfs none "$root/usr/local"
    for link in bin sbin lib lib64; do ln -s "usr/$link" "$root/$link"; done
    cp /etc/passwd /etc/group "$root/etc"
    mkdir "$root/usr/local/bin"
    cp "$tests"/stand-ins/* "$root/usr/local/bin"
    rm "$root/usr/local/bin/nvidia-smi"

    local variables=() variable
    for variable in 'vms={lablink-vm-test-1={number=1}}' allocator_url=http://lablink.test/ \
        enrolment_tokens='{lablink-vm-test-1="one-time"}' allocator_ip=203.0.113.7 \
        image_name=ghcr.io/example/client:1 client_ami_id=ami-1 resource_suffix=test region=eu-west-1 \
        cloud_init_output_log_group=lablink-cloud-init-test "custom_startup_script_path=$work/none" "$@"; do
        variables+=(-var "$variable")
    done
    in_module apply -auto-approve "${variables[@]}"
    command=$(terraform -chdir="$work/module" output -raw user_data | "$tests/unpack-user-data" "$root")
    world enrolment-token=one-time "image-user=$agent_user" image-kind=current
    bash -n "$root$command"
}

# Sets how the machine's world behaves: FILE or FILE=TEXT.
world() {
    local file
    for file in "$@"; do
        [[ $file == *=* ]] || file="$file="
        printf '%s' "${file#*=}" >"$root/world/${file%%=*}"
    done
}

# Runs the command as cloud-init does; `code` becomes its exit code.
boot() {
    code=0
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin chroot "$root" "$command" \
        >>"$root/var/log/cloud-init-output.log" 2>&1 || code=$?
}

# --- What must be true of it

fail() {
    failures=$((failures + 1))
    printf 'FAILED: %s: %s\n' "$name" "$1"
    sed 's/^/    /' "$root/var/log/cloud-init-output.log"
}
exits_with() { [[ $code == "$1" ]] || fail "exit code $code, not $1"; }
logged() { grep --quiet --fixed-strings -- "$1" "$root/var/log/cloud-init-output.log" || fail "log without '$1'"; }
# The status words that the allocator was told, in order.
told() {
    local words
    words=$(sed -n 's|^/api/vm-status {"hostname":"lablink-vm-test-1","status":"\(.*\)"}$|\1|p' "$root/world/posts" 2>/dev/null | tr '\n' ' ') || true
    [[ $words == "${1:+$1 }" ]] || fail "the allocator was told '$words', not '$1'"
}
has() { [[ -e $root$1 ]] || fail "no $1"; }
lacks() { [[ ! -e $root$1 ]] || fail "$1 is there"; }
holds() { [[ $(cat "$root$1") == "$2" ]] || fail "$1 holds '$(cat "$root$1")', not '$2'"; }
# That the allocator, which knows lines by their ids, has the log as the machine has it.
stored_log_is_whole() {
    python3 - "$root" <<'PYTHON' || fail 'the allocator has another log'
import json, pathlib, sys

root = pathlib.Path(sys.argv[1])
stored = {}
for batch in map(json.loads, (root / "world/logs").read_text().splitlines()):
    assert batch["log_stream"] == "lablink-vm-test-1" and batch["log_group"], batch
    for line in zip(batch["event_ids"], batch["timestamps"], batch["messages"], strict=True):
        assert stored.setdefault(line[0], line[2]) == line[2], f"two lines have the name {line[0]}"
log = (root / "var/log/cloud-init-output.log").read_text(errors="replace").splitlines()
assert list(stored.values()) == log, (list(stored.values()), log)
PYTHON
}
container_has() { # NAME VALUE
    local value
    value=$(python3 - "$root/world/container.env" "$1" 2>&1 <<'PYTHON'
import pathlib, sys

entries = pathlib.Path(sys.argv[1]).read_text().split("\0")[:-1]
print(dict(entry.split("=", 1) for entry in entries)[sys.argv[2]], end="")
PYTHON
    ) || true
    [[ $value == "$2" ]] || fail "the container's $1 is '$value', not '$2'"
}

it() { # SENTENCE NAME=VALUE…: on a new machine
    it_goes_on "$1"
    new_machine "${@:2}"
}
it_goes_on() { # SENTENCE: on the same machine
    name=$1
    cases=$((cases + 1))
}
done_with_it() {
    [[ ! -e $root/world/complaints ]] || fail "$(<"$root/world/complaints")"
    if grep -qE 'one-time|agent-secret' "$root/var/log/cloud-init-output.log"; then fail 'a token is in the log'; fi
    [[ -z $(ls "$root/tmp") ]] || fail "left in /tmp: $(ls "$root/tmp")"
    printf '%s: %s\n' "$cases" "$name"
}
