use lablink_protocol::CrdCode;

use super::{assign::held_by, page::opens};
use crate::{Db, DbError, Email, Token, line, pools::PoolId};

/// Whether somebody who asks for this e-mail's machine or place in line shows that it is theirs: by
/// the command that it was claimed with, or by the token of its link or cookie.
pub async fn is_proven(
    db: &Db,
    pool: PoolId,
    email: &Email,
    code: Option<&CrdCode>,
    token: Option<&Token>,
) -> Result<bool, DbError> {
    if code.is_none() && token.is_none() {
        return Ok(false);
    }
    let client = db.client().await?;
    if let Some(held) = held_by(&client, pool, email).await? {
        if code.is_some_and(|code| code.as_str() == held.code) {
            return Ok(true);
        }
        return match token {
            Some(token) => opens(&client, token.hash(), held.claim_id).await,
            None => Ok(false),
        };
    }
    let Some(token) = token else { return Ok(false) };
    let place = line::find_open(&client, pool, email).await?;
    Ok(place.is_some_and(|(_, own)| own.matches(&token.hash())))
}
