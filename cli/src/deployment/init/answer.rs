use anyhow::{Result, bail};
use dialoguer::{Input, console::Term};

use crate::{
    errors::{Refused, WrongCall},
    output::Output,
};

/// What a check says of an answer.
pub enum Verdict {
    /// With what there is to know about it; may be empty.
    Good(String),
    /// With what to write instead.
    Bad(String),
}

/// Asks a person, or takes what flags say.
pub struct Asker<'a> {
    output: &'a Output,
}

impl<'a> Asker<'a> {
    pub fn new(output: &'a Output) -> Self {
        Self { output }
    }

    pub fn output(&self) -> &Output {
        self.output
    }

    /// An answer that is good. One by a flag that is not is refused; a person is asked again.
    pub async fn checked(
        &self,
        question: &str,
        flag: &str,
        given: Option<String>,
        usual: &str,
        check: impl AsyncFn(&str) -> Result<Verdict>,
    ) -> Result<String> {
        let is_given = given.is_some();
        let mut answer = match given {
            Some(given) => given,
            None => self.ask(question, flag, usual)?,
        };
        loop {
            match check(answer.trim()).await? {
                Verdict::Good(note) => {
                    if !note.is_empty() {
                        self.output.note(&format!("  {note}"));
                    }
                    return Ok(answer.trim().to_owned());
                }
                Verdict::Bad(why) if is_given => bail!(Refused(format!("{flag} {answer}: {why}"))),
                Verdict::Bad(why) => {
                    self.output.note(&format!("  {why}"));
                    answer = self.ask(question, flag, usual)?;
                }
            }
        }
    }

    fn ask(&self, question: &str, flag: &str, usual: &str) -> Result<String> {
        if !self.output.can_ask() {
            let why = format!("{question}: there is nobody to ask here, say it with {flag}.");
            bail!(WrongCall(why));
        }
        let input = Input::<String>::new().with_prompt(question);
        let input = if usual.is_empty() { input } else { input.default(usual.to_owned()) };
        Ok(input.interact_text_on(&Term::stderr())?)
    }
}
