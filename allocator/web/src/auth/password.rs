/// bcrypt reads no further than this, in bytes.
const LONGEST: usize = 72;

/// Why bcrypt would take another password for this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPassword {
    #[error("it is {0} bytes long, and bcrypt takes at most {LONGEST}: choose a shorter one")]
    TooLong(usize),
    #[error("it holds a NUL character, behind which bcrypt begins again: leave that out")]
    Nul,
}

/// Refuses what bcrypt does not tell from another password: it cuts what is too long, and repeats
/// a shorter one behind a NUL. Asked when a password is set and when one is presented.
pub fn fits_bcrypt(password: &str) -> Result<(), UnfitPassword> {
    if password.contains('\0') {
        return Err(UnfitPassword::Nul);
    }
    match password.len() {
        ..=LONGEST => Ok(()),
        length => Err(UnfitPassword::TooLong(length)),
    }
}
