use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use lablink_protocol::WaitAnswer;
use serde::Deserialize;

/// What the original's allocator answers (contract §1.4): no claim, no count of commands.
#[derive(Deserialize, Hash)]
struct Original {
    status: String,
    command: String,
    pin: String,
}

/// Reads the answer to a wait, also the original's. That one's claim is given a number that follows
/// from what it says: the same words are the same claim, and are not run again.
pub fn read(answer: &[u8]) -> Result<WaitAnswer, serde_json::Error> {
    let failure = match serde_json::from_slice(answer) {
        Ok(answer) => return Ok(answer),
        Err(failure) => failure,
    };
    match serde_json::from_slice::<Original>(answer) {
        Ok(original) if original.status == "success" => {
            let mut hasher = DefaultHasher::new();
            original.hash(&mut hasher);
            // Below zero, where no allocator of ours counts.
            let claim_id = !(hasher.finish() >> 1).cast_signed();
            let Original { command, pin, .. } = original;
            Ok(WaitAnswer::Claimed { command, pin, claim_id, command_no: 1 })
        }
        Ok(_) | Err(_) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_answer_is_a_claim_that_its_words_identify() {
        let id = |answer: &str| match read(answer.as_bytes()).unwrap() {
            WaitAnswer::Claimed { claim_id, .. } => claim_id,
            WaitAnswer::Released
            | WaitAnswer::Clean { .. }
            | WaitAnswer::LockOut { .. }
            | WaitAnswer::Channel { .. } => {
                panic!("no claim")
            }
        };
        let one = r#"{"command": "start --code=4/a", "pin": "123456", "status": "success"}"#;
        let other = r#"{"command": "start --code=4/b", "pin": "123456", "status": "success"}"#;
        assert!(id(one) < 0);
        assert_eq!(id(one), id(one));
        assert_ne!(id(one), id(other));
        let ours =
            r#"{"status": "success", "command": "c", "pin": "1", "claim_id": 7, "command_no": 2}"#;
        assert_eq!(id(ours), 7);
        assert!(read(b"{}").is_err() && read(b"{\"status\": \"waiting\"}").is_err());
    }
}
