//! The bytes of a blob on their way out.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream::BoxStream};

use crate::BlobError;

/// A stream of a blob's bytes (or of a range of them).
pub struct BlobBody {
    size: u64,
    chunks: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl BlobBody {
    pub(crate) fn new(size: u64, chunks: BoxStream<'static, Result<Bytes, BlobError>>) -> Self {
        Self { size, chunks }
    }

    /// How many bytes the stream will give.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// All of it in memory; for small things.
    pub async fn collect(self) -> Result<Bytes, BlobError> {
        let all = self
            .chunks
            .try_fold(BytesMut::new(), |mut all, chunk| async move {
                all.extend_from_slice(&chunk);
                Ok(all)
            })
            .await?;
        Ok(all.freeze())
    }
}

impl fmt::Debug for BlobBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobBody")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Stream for BlobBody {
    type Item = Result<Bytes, BlobError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.poll_next_unpin(cx)
    }
}
