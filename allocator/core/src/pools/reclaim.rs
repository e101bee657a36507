/// What a returning participant has to show (`app.reclaim`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaim {
    /// The claim's own link or cookie, or the command that it was made with.
    Link,
    /// The e-mail address alone, as in later originals.
    Email,
}
