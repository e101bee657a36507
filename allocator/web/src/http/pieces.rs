use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use lablink_core::DbError;

/// A text of lines that are read as it is sent: however many there are, few are in memory. `more`
/// reads those after a line; none are left when it finds none.
pub(crate) fn in_pieces<L, F>(
    heading: &'static str,
    first: Vec<L>,
    more: impl Fn(&L) -> F + Send + 'static,
    text: fn(&L) -> String,
) -> Body
where
    L: Send + Sync + 'static,
    F: Future<Output = Result<Vec<L>, DbError>> + Send,
{
    let begin = stream::once(async move { Ok(Bytes::from_static(heading.as_bytes())) });
    Body::from_stream(begin.chain(stream::try_unfold(
        (first, more),
        move |(lines, more)| async move {
            let Some(last) = lines.last() else { return Ok(None) };
            let piece: String = lines.iter().map(text).collect();
            let next = more(last).await?;
            Ok::<_, DbError>(Some((Bytes::from(piece), (next, more))))
        },
    )))
}
