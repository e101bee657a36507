//! What the program says, to people or to programs. Answers go to standard output, all else to
//! standard error.

mod progress;
mod table;

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use dialoguer::{Confirm, console::Term};
use serde::Serialize;

pub use progress::Progress;
pub use table::table;

use crate::errors::{Refused, WrongCall};

/// For whom answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug)]
pub struct Output {
    form: Form,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { form: if json { Form::Json } else { Form::Text } }
    }

    pub fn form(&self) -> Form {
        self.form
    }

    /// The answer: as JSON, or what `text` makes of it.
    pub fn answer<T: Serialize>(&self, answer: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        let written = match self.form {
            Form::Json => serde_json::to_string_pretty(answer)?,
            Form::Text => text(answer),
        };
        self.print(&written)
    }

    /// One of several answers, on lines of their own.
    pub fn one_of<T: Serialize>(&self, answer: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        let written = match self.form {
            Form::Json => serde_json::to_string(answer)?,
            Form::Text => text(answer),
        };
        self.print(&written)
    }

    fn print(&self, text: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        if !text.is_empty() {
            writeln!(out, "{}", text.trim_end_matches('\n'))?;
        }
        Ok(out.flush()?)
    }

    /// A sentence for people that belongs to no answer.
    pub fn note(&self, sentence: &str) {
        if self.form == Form::Text {
            self.complain(sentence);
        }
    }

    /// On standard error, for whoever reads. If nobody can, there is nobody to tell.
    pub fn complain(&self, text: &str) {
        let _unheard = writeln!(io::stderr(), "{text}");
    }

    /// How far something has come, on a terminal.
    pub fn progress(&self, what: &str) -> Progress {
        Progress::new(what, self.form == Form::Text && io::stderr().is_terminal())
    }

    /// Somebody is there who can be asked.
    pub fn can_ask(&self) -> bool {
        self.form == Form::Text && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Goes on if the person says yes. `flag` is what says it beforehand, for scripts.
    pub fn confirm(&self, question: &str, flag: &str) -> Result<()> {
        self.must_ask(question, flag)?;
        let said = Confirm::new().with_prompt(question).default(false).interact_on(&Term::stderr());
        if said? { Ok(()) } else { Err(Refused("Nothing was changed.".to_owned()).into()) }
    }

    #[cfg(feature = "aws")]
    /// Goes on if the person types exactly this name.
    pub fn confirm_name(&self, question: &str, name: &str, flag: &str) -> Result<()> {
        self.must_ask(question, flag)?;
        let typed: String = dialoguer::Input::new()
            .with_prompt(question)
            .allow_empty(true)
            .interact_text_on(&Term::stderr())?;
        if typed.trim() == name {
            return Ok(());
        }
        Err(Refused(format!("That is not '{name}'. Nothing was changed.")).into())
    }

    fn must_ask(&self, question: &str, flag: &str) -> Result<()> {
        if self.can_ask() {
            return Ok(());
        }
        let why = format!("{question} There is nobody to ask here: say it with {flag}.");
        Err(WrongCall(why).into())
    }
}
