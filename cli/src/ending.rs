//! How the program ends: what it says then, and its exit status.

use std::{io, process::ExitCode};

use anyhow::Result;
use serde_json::json;

use crate::{
    errors::{Refused, WrongCall},
    output::{Form, Output},
    server::Refusal,
};

const FAILED: u8 = 1;
const WRONG_CALL: u8 = 2;
const REFUSED: u8 = 3;

/// Tells an error on standard error, and the exit status for it.
pub fn of(ended: Result<()>, output: &Output) -> ExitCode {
    let Err(error) = ended else { return ExitCode::SUCCESS };
    // Whoever reads has enough, as in `lablink vms | head`.
    if let Some(error) = error.downcast_ref::<io::Error>()
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        return ExitCode::SUCCESS;
    }
    match output.form() {
        Form::Text => output.complain(&format!("{error:#}")),
        Form::Json => {
            let refusal = error.downcast_ref::<Refusal>();
            let told = match refusal {
                Some(Refusal { body: Some(body), .. }) => json!(body),
                _ => json!({ "error": format!("{error:#}"), "code": code(status(&error)) }),
            };
            output.complain(&told.to_string());
        }
    }
    ExitCode::from(status(&error))
}

fn status(error: &anyhow::Error) -> u8 {
    if error.is::<WrongCall>() {
        WRONG_CALL
    } else if error.is::<Refused>() || error.is::<Refusal>() {
        REFUSED
    } else {
        FAILED
    }
}

fn code(status: u8) -> &'static str {
    match status {
        WRONG_CALL => "wrong_call",
        REFUSED => "refused",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn the_exit_status_follows_the_cause_and_not_what_stands_before_it() {
        assert_eq!(status(&anyhow!("it broke")), 1);
        assert_eq!(status(&WrongCall("what?".to_owned()).into()), 2);
        assert_eq!(status(&Refused("no".to_owned()).into()), 3);
        let told = Err::<(), _>(Refused("no".to_owned())).context("can't deploy");
        assert_eq!(told.map_err(|error| status(&error)), Err(3));
    }
}
