use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use lablink_core::DbError;

/// A text of lines that are read as it is sent: however many there are, few are in memory. It begins
/// with `first`; `more` reads those after a line, and finds none at the end.
pub(crate) fn in_pieces<L, F>(
    heading: &str,
    mut first: Vec<L>,
    more: impl Fn(&L) -> F + Send + 'static,
    text: fn(&L) -> String,
) -> Body
where
    L: Send + Sync + 'static,
    F: Future<Output = Result<Vec<L>, DbError>> + Send,
{
    let piece = move |lines: &[L]| lines.iter().map(text).collect::<String>();
    let begin = heading.to_owned() + &piece(&first);
    let rest = stream::try_unfold((first.pop(), more), move |(last, more)| async move {
        let Some(last) = last else { return Ok(None) };
        let mut lines = more(&last).await?;
        let text = piece(&lines);
        let Some(last) = lines.pop() else { return Ok(None) };
        Ok::<_, DbError>(Some((Bytes::from(text), (Some(last), more))))
    });
    Body::from_stream(stream::iter([Ok(Bytes::from(begin))]).chain(rest))
}
