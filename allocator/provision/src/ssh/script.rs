use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// The text of a script for `sh`, and its arguments.
pub(crate) type Script = Vec<OsString>;

/// `ssh` takes one text, which the login shell of the VM reads.
pub(super) fn command_line(script: &Script) -> OsString {
    let words = script.iter().map(|word| word.as_bytes());
    // No word of a command can hold a NUL.
    let quoted = shlex::bytes::Quoter::new().allow_nul(true);
    let start = ["exec", "sh", "-c"].map(str::as_bytes).into_iter();
    let mut all: Vec<&[u8]> = start.chain(words).collect();
    all.insert(4, b"lablink");
    OsString::from_vec(quoted.join(all).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_words_as_they_were() {
        let nasty = "a'b \"$(touch /tmp/x)\" `id` \\ \n*;&|!#~";
        let words: Script = vec!["printf '<%s>' \"$0\" \"$@\"".into(), nasty.into(), "".into()];
        let shell = std::process::Command::new("sh").arg("-c").arg(command_line(&words)).output();
        let said = String::from_utf8(shell.unwrap().stdout).unwrap();
        assert_eq!(said, format!("<lablink><{nasty}><>"));
    }
}
