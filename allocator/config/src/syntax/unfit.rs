use std::fmt;

/// What a value has to look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Boolean,
    /// A whole number from one bound to the other.
    Number {
        least: u32,
        most: u32,
    },
    /// One of these words.
    Word(Vec<String>),
    /// Values of one form.
    List(Box<Form>),
}

/// Why a text is no value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub form: Form,
    message: String,
}

impl Unfit {
    /// For values that may be shown: never call it with a secret.
    pub fn expected(form: Form, what: &str, found: &str) -> Self {
        let start: String = found.chars().take(80).collect();
        Self { form, message: format!("expected {what}, found '{start}'") }
    }
}

impl From<String> for Unfit {
    fn from(message: String) -> Self {
        Self { form: Form::Text, message }
    }
}

impl From<&str> for Unfit {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
