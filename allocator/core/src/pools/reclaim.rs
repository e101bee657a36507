/// Whether the e-mail alone lets somebody back into their claim (`app.reclaim`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaim {
    Link,
    Email,
}
