use lablink_protocol::CrdCode;

use super::{assign::held_by, page::opens};
use crate::{DbError, Email, Scope, Token, rows::find_open};

/// Whether somebody who asks for this e-mail's machine or place in line shows that it is theirs: by
/// the command that it was claimed with, or by the token of its link or cookie.
pub async fn is_proven(
    scope: &Scope,
    email: &Email,
    code: Option<&CrdCode>,
    token: Option<&Token>,
) -> Result<bool, DbError> {
    if code.is_none() && token.is_none() {
        return Ok(false);
    }
    let client = scope.client().await?;
    if let Some(held) = held_by(&client, &scope.pool, email).await? {
        // The command is no proof any more after an organiser has made a new link.
        let sql = "select from claim where id = $1 and crd_code = $2 and links_only_since is null";
        if let Some(code) = code
            && client.query_opt(sql, &[&held.claim_id, &code.as_str()]).await?.is_some()
        {
            return Ok(true);
        }
        return match token {
            Some(token) => opens(&client, token.hash(), held.claim_id).await,
            None => Ok(false),
        };
    }
    let Some(token) = token else { return Ok(false) };
    let place = find_open(&client, &scope.pool, email).await?;
    Ok(place.is_some_and(|(_, own)| own.matches(&token.hash())))
}
