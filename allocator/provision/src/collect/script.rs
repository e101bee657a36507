//! What is run on a VM: two constant scripts of `sh`. Whatever comes from outside is an argument
//! of theirs or goes to their standard input, never into their text.
//!
//! Both need `find` and `tar` of GNU, as every Debian and Ubuntu has them, in the container too.

use std::ffi::OsString;

use lablink_core::pools::Extension;

use super::listing::Place;
use crate::ssh::Script;

/// Prints where the results lie, then size, blocks on the disk and name of each, all ended by NUL; between them, what
/// is left out and may be meant: files in folders that are left out by their names, and links.
/// Nothing follows a symbolic link below that place.
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
    place=/home/client/Desktop
    printf 'container %s\0' "$container"
else
    cd -P -- "$directory" || { echo "there is no folder $directory, and no container" >&2; exit 3; }
    place=.
    printf 'plain %s\0' "$PWD"
fi
set -- "$place" ! -path "$3" \( \
    -type f -iname "$2" \( \
        \( -path "$place/models/*" -o -path "$place/*/models/*" \
            -o -path "$place/predictions/*" -o -path "$place/*/predictions/*" \) \
        -printf 'left-out %P\0' -o -printf '%s,%b %P\0' \) \
    -o -type l -printf 'link-%Y %P\0%l\0' \)
[ -z "$container" ] || exec $root docker exec -u 0 "$container" env LC_ALL=C find "$@"
exec find "$@"
"#;

/// Writes an archive of the files whose names, ended by NUL, come on standard input, without their
/// holes. On standard
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
exec "$@" --create --file=- --format=gnu --sparse --hard-dereference --no-recursion --verbose \
    --quoting-style=escape --null --verbatim-files-from --files-from=-
"#;

/// Left out of a local VM's folder: what its agent keeps there.
pub(super) const AGENT_STATE: &str = "./state/*";

/// `directory` is empty for the desktop; `left_out` matches paths from there, as in `./x/*`.
pub(super) fn list(directory: OsString, extension: &Extension, left_out: &str) -> Script {
    vec![LIST.into(), directory, format!("*.{extension}").into(), left_out.into()]
}

pub(super) fn send(place: &Place) -> Script {
    let (kind, place) = place.words();
    vec![SEND.into(), kind.into(), place]
}
