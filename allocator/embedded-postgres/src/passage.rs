use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

/// Makes a folder, and what is missing above it, that others can pass through but not look into,
/// whatever the umask. What is there already stays as it is.
pub fn make_passage(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o711)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.parent() {
            Some(parent) => make_passage(parent).and_then(|()| make_passage(path)),
            None => Err(error),
        },
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_open_to_pass_through_and_what_is_there_stays_closed() {
        let temp = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let closed = temp.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let made = closed.join("a/b");
        make_passage(&made).unwrap();
        make_passage(&made).unwrap();
        let modes = [&closed, &closed.join("a"), &made].map(|path| mode(path));
        assert_eq!(modes, [0o700, 0o711, 0o711]);
        fs::write(made.join("file"), "").unwrap();
        assert!(make_passage(&made.join("file")).is_err());
    }
}
