use super::Tone;

/// How pages show what the core knows by a word.
pub trait Labelled: Copy {
    fn label(self) -> &'static str;

    fn tone(self) -> Tone;
}
