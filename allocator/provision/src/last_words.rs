use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads to the end, and keeps the last of it.
pub(crate) async fn last_words(mut from: impl AsyncRead + Unpin, longest: usize) -> Vec<u8> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        let surplus = kept.len().saturating_sub(longest);
        kept.drain(..surplus);
    }
    kept
}
