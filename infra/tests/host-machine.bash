# shellcheck shell=bash
# Hosts for host-scripts, in roots of their own, with stand-ins for what their scripts call. It sets
# $work, a new folder that everything happens in; `fail` and `expect` are its own.
: "${work:?}"

# Makes $root, a host before its first boot, from what `render` has left in a folder. Its programs
# are the few that the scripts call, whatever else is installed here.
new_host() { # RENDERED
    hosts=$((${hosts:-0} + 1))
    root=$work/host-$hosts
    mkdir -p "$root"/{dev,etc,proc,usr,srv,stand-ins,tmp,tools}
    mount --rbind /dev "$root/dev"
    mount --rbind /proc "$root/proc"
    mount --bind "${LABLINK_TEST_ROOT:-}/usr" "$root/usr"
    mount -o remount,bind,ro "$root/usr"
    for link in bin sbin lib lib64; do ln -s "usr/$link" "$root/$link"; done
    for tool in bash cat chmod env grep mkdir mv touch uname; do ln -s "/usr/bin/$tool" "$root/tools/$tool"; done
    cp -r "$1"/etc "$1"/opt "$root"
    touch "$root/etc/fstab"
    # It takes no time, and notes what it was asked for.
    stand_in sleep </dev/null
}

# Each notes its arguments, then does what its script says.
stand_in() { # NAME <SCRIPT
    { printf '#!/usr/bin/bash\nprintf "%%s\\n" "%s $*" >>/calls\n' "$1" && cat; } >"$root/stand-ins/$1"
    chmod +x "$root/stand-ins/$1"
}

# As systemd and cloud-init do; its output is in $work/log.
run() { # SCRIPT
    : >"$root/calls"
    chroot "$root" /usr/bin/env -i PATH=/stand-ins:/tools HOSTNAME=host-1 "/opt/lablink/$1" \
        >"$work/log" 2>&1 || { cat "$work/log" && return 1; }
}

called() { grep --quiet --fixed-strings -- "$1" "$root/calls"; }
said() { grep --quiet --fixed-strings -- "$1" "$work/log"; }
