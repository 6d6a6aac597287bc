//! Artifacts: trees that have changed are copied, file by file.

use std::collections::HashMap;

use futures::{StreamExt as _, TryStreamExt as _};
use trimtab_edge_api::wire::{IngestFile, IngestMark, IngestRequest};

use super::Import;
use crate::{
    Peer, Source, TransferError,
    files::{self, Reader},
    peer::path_text,
    place::Tree,
};

/// Files on their way at once.
const FILES: usize = 8;

impl Import<'_> {
    /// Copies trees that have changed since they were copied.
    pub(super) async fn trees(
        &mut self,
        source: &Source,
        trees: Vec<(String, Tree)>,
        marks: &HashMap<String, String>,
    ) -> Result<(), TransferError> {
        if self.options.dry_run {
            return Ok(());
        }
        let reader = Reader {
            peer: source.peer(),
            s3: Some(&self.options.s3),
        };
        for (root, tree) in trees {
            let listing = files::list(reader, &tree).await?;
            self.report.skipped.extend(listing.skipped.iter().cloned());
            let mark = listing.mark();
            if listing.files.is_empty() || marks.get(&format!("files {root}")) == Some(&mark) {
                continue;
            }
            let target = self.target;
            let copies = listing.files.iter().map(|file| {
                let (tree, root) = (&tree, &root);
                async move {
                    let size = copy_file(target, reader, tree, root, &file.path).await;
                    match size {
                        Ok(size) => Ok(Ok(size)),
                        // A name that the store refuses is told; the rest comes.
                        Err(TransferError::Refused {
                            status: 400,
                            message,
                            ..
                        }) => Ok(Err(format!("{root}/{}: {message}", file.path))),
                        Err(error) => Err(error),
                    }
                }
            });
            let copied: Vec<Result<u64, String>> = futures::stream::iter(copies)
                .buffer_unordered(FILES)
                .try_collect()
                .await?;
            for copy in copied {
                match copy {
                    Ok(size) => {
                        self.report.files += 1;
                        self.report.bytes += size;
                    }
                    Err(why) => self.report.skipped.push(why),
                }
            }
            self.send(IngestRequest {
                marks: vec![IngestMark {
                    kind: "files".to_owned(),
                    id: root,
                    origin: String::new(),
                    mark,
                }],
                ..IngestRequest::default()
            })
            .await?;
        }
        Ok(())
    }
}

/// Copies one file, and compares what the server stored with what was read; a second try is made.
async fn copy_file(
    target: &Peer,
    source: Reader<'_>,
    tree: &Tree,
    root: &str,
    path: &str,
) -> Result<u64, TransferError> {
    let mut detail = String::new();
    for _ in 0..2 {
        let hashed = files::Hashed::default();
        let content = hashed.through(files::open(source, tree, path).await?);
        let response = target
            .put(
                &format!(
                    "/api/v1/ingest/files/{}",
                    path_text(&format!("{root}/{path}"))
                ),
                content,
            )
            .await?;
        let stored: IngestFile = response
            .json()
            .await
            .map_err(|error| TransferError::Answer {
                url: target.url().to_owned(),
                message: error.to_string(),
            })?;
        let (blake3, size) = hashed.finish();
        if stored.blake3 == blake3 && stored.size == size {
            return Ok(size);
        }
        detail = format!(
            "{size} bytes with BLAKE3 {blake3} were read, {} with {} stored",
            stored.size, stored.blake3
        );
    }
    Err(TransferError::Mismatch {
        what: format!("file {root}/{path}"),
        detail,
    })
}
