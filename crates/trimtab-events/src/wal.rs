//! The files of the write-ahead log: one for each generation, written by one thread.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    EventsError,
    codec::{self, Record},
    frame::{Frames, HEAD, Head},
};

/// The file that is being written.
#[derive(Debug)]
pub(crate) struct Wal {
    file: File,
    path: PathBuf,
    /// The end of the last whole group.
    length: u64,
    /// A group was not written whole and its remains could not be cut off.
    is_torn: bool,
}

pub(crate) fn file_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> EventsError {
    let path = path.to_owned();
    move |source| EventsError::File {
        action,
        path,
        source,
    }
}

pub(crate) fn sync_folder(path: &Path) -> Result<(), EventsError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(file_error("sync", path))
}

pub(crate) fn path_of(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("{generation:08}.wal"))
}

impl Wal {
    pub(crate) fn create(folder: &Path, head: Head) -> Result<Self, EventsError> {
        let path = path_of(folder, head.generation);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(file_error("make", &path))?;
        file.write_all(&head.encode())
            .and_then(|()| file.sync_all())
            .map_err(file_error("write", &path))?;
        sync_folder(folder)?;
        Ok(Self {
            file,
            path,
            length: HEAD as u64,
            is_torn: false,
        })
    }

    /// Writes a group of frames whole, or leaves none of it: a torn group would hide what follows it.
    pub(crate) fn write(&mut self, group: &[u8]) -> Result<(), EventsError> {
        if self.is_torn {
            self.cut()?;
        }
        if let Err(source) = self.file.write_all(group) {
            self.is_torn = true;
            // The first error is the one to tell; the next write tries the cut again.
            let _ = self.cut();
            return Err(file_error("write", &self.path)(source));
        }
        self.length += group.len() as u64;
        Ok(())
    }

    fn cut(&mut self) -> Result<(), EventsError> {
        use std::io::Seek;
        self.file
            .set_len(self.length)
            .and_then(|()| self.file.seek(std::io::SeekFrom::Start(self.length)))
            .map_err(file_error("cut", &self.path))?;
        self.is_torn = false;
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), EventsError> {
        self.file
            .sync_data()
            .map_err(file_error("sync", &self.path))
    }
}

/// What an earlier process left in one file.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) head: Head,
    pub(crate) records: Vec<Record>,
}

/// Reads a file of an earlier process and cuts off a torn tail; `None` when not even its head was written.
pub(crate) fn recover(path: &Path) -> Result<Option<Recovered>, EventsError> {
    let bytes = std::fs::read(path).map_err(file_error("read", path))?;
    let format = |reason| EventsError::Format {
        path: path.to_owned(),
        reason,
    };
    let Some(head) = Head::decode(&bytes).map_err(format)? else {
        std::fs::remove_file(path).map_err(file_error("remove", path))?;
        return Ok(None);
    };
    let mut frames = Frames::new(&bytes[HEAD..]);
    let mut records = Vec::new();
    for payload in frames.by_ref() {
        records.push(codec::decode(payload).map_err(|error| EventsError::Format {
            path: path.to_owned(),
            reason: error.to_string(),
        })?);
    }
    let whole = HEAD + frames.whole();
    if whole < bytes.len() {
        tracing::warn!(
            file = %path.display(),
            bytes = bytes.len() - whole,
            "the write-ahead log ends in a torn record, which is cut off"
        );
        OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| {
                file.set_len(whole as u64)?;
                file.sync_all()
            })
            .map_err(file_error("cut", path))?;
    }
    Ok(Some(Recovered { head, records }))
}

/// The generations that lie in a folder, oldest first.
pub(crate) fn generations(folder: &Path) -> Result<Vec<u64>, EventsError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(file_error("list", folder))? {
        let name = entry.map_err(file_error("list", folder))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".wal"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}
