/// Why a pasted command can't be used, in words for the participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrdCommandError {
    #[error("Paste the command that Chrome Remote Desktop shows for a Debian Linux machine.")]
    Empty,
    #[error(
        "This is not a Chrome Remote Desktop command: it has no --code=… part. Copy the whole \
         command for Debian Linux from remotedesktop.google.com/headless."
    )]
    NoCode,
    #[error(
        "The command has several --code parts that differ. Copy it again, once, and paste only that."
    )]
    SeveralCodes,
    #[error("Nothing stands behind --code in the command. Copy the whole command again.")]
    EmptyCode,
    #[error(
        "The code in the command begins with a dash, so its beginning is missing. Copy the whole \
         command again."
    )]
    Headless,
    #[error(
        "A blank or a line break stands within the code or right behind it, so nobody can tell \
         where the code ends. Remove it, or copy the whole command again, in one line."
    )]
    Broken,
    #[error(
        "The code in the command holds a long dash ({0}): some program has put it there for - or \
         for --. Put back what stood there, or copy the command again, straight from the page."
    )]
    LongDash(char),
    #[error("The code in the command was cut short (…). Copy the whole command again.")]
    CutShort,
    #[error(
        "The code in the command holds {}, which no code has: it is made of the letters A to Z, \
         digits and _ / -. Copy the whole command again.",
        shown(*.0)
    )]
    Foreign(char),
    #[error("The command is too long to be a Chrome Remote Desktop command. Paste only that.")]
    TooLong,
}

fn shown(c: char) -> String {
    if c.is_whitespace() {
        "a blank".to_owned()
    } else if c.is_ascii_graphic() || c.is_alphanumeric() {
        format!("“{c}”")
    } else {
        format!("the character U+{:04X}", u32::from(c))
    }
}
