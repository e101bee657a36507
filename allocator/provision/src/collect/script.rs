//! What is run on a VM: two constant scripts of `sh`. Whatever comes from outside is an argument
//! of theirs or goes to their standard input, never into their text.
//!
//! Both need `find` and `tar` of GNU, as every Debian and Ubuntu has them, in the container too.

use std::ffi::OsString;

use lablink_core::collections::Extension;

use super::listing::Place;

/// Prints where the results lie, then size and name of each, all ended by NUL. Nothing follows a
/// symbolic link below that place.
///
/// Arguments: the folder, or nothing for a VM's desktop; the pattern of the files' names; the
/// pattern of paths that are left out.
///
/// The desktop is that of the first running container, as in the original (HTTP contract §5); that
/// of the user where no container runs.
const LIST: &str = r#"
export LC_ALL=C
root=; [ "$(id -u)" = 0 ] || root='sudo -n'
directory=$1; container=
if [ -z "$directory" ]; then
    directory=$HOME/Desktop
    if command -v docker >/dev/null; then
        container=$($root docker ps -q | head -n 1)
    fi
fi
if [ -n "$container" ]; then
    printf 'container %s\0' "$container"
    desktop=/home/client/Desktop
    exec $root docker exec -u 0 "$container" env LC_ALL=C find "$desktop" -type f -name "$2" \
        ! -path "$desktop/models/*" ! -path "$desktop/*/models/*" \
        ! -path "$desktop/predictions/*" ! -path "$desktop/*/predictions/*" -printf '%s %P\0'
fi
cd -- "$directory" || { echo "there is no folder $directory, and no container" >&2; exit 3; }
printf 'plain %s\0' "$directory"
exec find . -type f -name "$2" ! -path '*/models/*' ! -path '*/predictions/*' ! -path "$3" \
    -printf '%s %P\0'
"#;

/// Writes an archive of the files whose names, ended by NUL, come on standard input. On standard
/// error it names each file as it begins it, and what goes wrong with it, in this order.
///
/// Arguments: the kind of place, and the place, as the other script has printed them.
const SEND: &str = r#"
export LC_ALL=C
root=; [ "$(id -u)" = 0 ] || root='sudo -n'
place=$2
case $1 in
    container) set -- $root docker exec -u 0 -i "$place" env LC_ALL=C tar -C /home/client/Desktop ;;
    *) set -- tar -C "$place" ;;
esac
exec "$@" --create --file=- --format=gnu --hard-dereference --no-recursion --verbose \
    --quoting-style=escape --null --verbatim-files-from --files-from=-
"#;

/// A script, and its arguments.
pub(super) type Words = Vec<OsString>;

/// Left out of a local VM's folder: what its agent keeps there.
pub(super) const AGENT_STATE: &str = "./state/*";

/// `directory` is empty for the desktop; `left_out` matches paths from there, as in `./x/*`.
pub(super) fn list(directory: OsString, extension: &Extension, left_out: &str) -> Words {
    vec![LIST.into(), directory, format!("*.{extension}").into(), left_out.into()]
}

pub(super) fn send(place: &Place) -> Words {
    let (kind, place) = place.words();
    vec![SEND.into(), kind.into(), place]
}
