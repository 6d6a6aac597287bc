//! Contents as DVC names them: the MD5 of a file, and of the manifest of a folder.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::PermissionsExt,
    },
    path::{Path, PathBuf},
};

use md5::{Digest as _, Md5};
use serde::Deserialize;

use crate::{DvcError, yaml::Value};

/// What DVC never looks into.
const IGNORED: [&str; 3] = [".git", ".hg", ".dvc"];

/// The content of a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// 32 hex digits, and `.dir` for a folder.
    pub md5: String,
    /// Bytes in all.
    pub size: u64,
    /// How many files a folder holds.
    pub nfiles: Option<u64>,
    /// Whether a file may be executed.
    pub is_executable: bool,
}

impl Digest {
    /// Whether this is a folder's.
    pub fn is_folder(&self) -> bool {
        self.md5.ends_with(".dir")
    }
}

/// One file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    /// Its path inside the folder, with `/`.
    pub relpath: OsString,
    /// The MD5 of its content.
    pub md5: String,
}

/// The files of a folder, in DVC's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    entries: Vec<ManifestEntry>,
}

impl Manifest {
    /// A manifest of these files.
    pub fn new(mut entries: Vec<ManifestEntry>) -> Self {
        entries.sort_by_cached_key(|entry| code_points(&entry.relpath));
        Self { entries }
    }

    /// The files.
    pub fn entries(&self) -> &[ManifestEntry] {
        &self.entries
    }

    /// The bytes that are stored and hashed: Python's JSON.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = String::from("[");
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            out.push_str("{\"md5\": ");
            out.push_str(&Value::text(&entry.md5).python_json());
            out.push_str(", \"relpath\": ");
            relpath_json(&entry.relpath, &mut out);
            out.push('}');
        }
        out.push(']');
        out.into_bytes()
    }

    /// The name of the manifest's object.
    pub fn name(&self) -> String {
        format!("{}.dir", hex::encode(Md5::digest(self.bytes())))
    }

    /// Reads what [`Manifest::bytes`] or DVC wrote; `None` when it is something else, or names a path outside.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let raw: Vec<RawEntry> = serde_json::from_slice(bytes).ok()?;
        let entries: Option<Vec<ManifestEntry>> = raw.into_iter().map(RawEntry::checked).collect();
        entries.map(|entries| Self { entries })
    }
}

/// Code points as Python sees them: a byte that is not UTF-8 is a lone surrogate.
fn code_points(name: &OsString) -> Vec<u32> {
    let mut points = Vec::new();
    for chunk in name.as_bytes().utf8_chunks() {
        points.extend(chunk.valid().chars().map(u32::from));
        points.extend(chunk.invalid().iter().map(|byte| 0xdc00 + u32::from(*byte)));
    }
    points
}

fn relpath_json(name: &OsString, out: &mut String) {
    out.push('"');
    for chunk in name.as_bytes().utf8_chunks() {
        let quoted = Value::text(chunk.valid()).python_json();
        out.push_str(&quoted[1..quoted.len() - 1]);
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\udc{byte:02x}");
        }
    }
    out.push('"');
}

#[derive(Deserialize)]
struct RawEntry {
    md5: String,
    relpath: RawText,
}

impl RawEntry {
    fn checked(self) -> Option<ManifestEntry> {
        let is_md5 = self.md5.len() == 32 && self.md5.bytes().all(|byte| byte.is_ascii_hexdigit());
        let relpath = self.relpath.0;
        let is_inside = !relpath.is_empty()
            && Path::new(&relpath)
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
        (is_md5 && is_inside).then_some(ManifestEntry {
            relpath,
            md5: self.md5,
        })
    }
}

/// A JSON text that may hold lone surrogates, which stand for bytes that are not UTF-8.
struct RawText(OsString);

impl<'de> Deserialize<'de> for RawText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = RawText;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }

            fn visit_bytes<E: serde::de::Error>(self, wtf8: &[u8]) -> Result<RawText, E> {
                let mut bytes = Vec::with_capacity(wtf8.len());
                let mut rest = wtf8;
                while let Some((&first, after)) = rest.split_first() {
                    match rest {
                        // U+DC80 to U+DCFF: the byte is what remains without U+DC00.
                        [0xed, second @ (0xb2 | 0xb3), third, tail @ ..] => {
                            bytes.push((second - 0xb0) << 6 | (third & 0x3f));
                            rest = tail;
                        }
                        _ => {
                            bytes.push(first);
                            rest = after;
                        }
                    }
                }
                Ok(RawText(OsString::from_vec(bytes)))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

/// Reads to the end, telling `each` of every piece; answers the MD5 and the size.
pub(crate) fn hash_stream(
    mut from: impl Read,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(String, u64)> {
    let mut hasher = Md5::new();
    let mut buffer = vec![0; 1 << 17];
    let mut size = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((hex::encode(hasher.finalize()), size)),
            Ok(length) => {
                hasher.update(&buffer[..length]);
                each(&buffer[..length])?;
                size += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn digest(path: &Path, mut copy_to: Option<&mut File>) -> Result<Digest, DvcError> {
    let file = File::open(path).map_err(DvcError::file("read", path))?;
    let metadata = file.metadata().map_err(DvcError::file("read", path))?;
    if !metadata.is_file() {
        return Err(DvcError::Special {
            path: path.to_owned(),
        });
    }
    let (md5, size) = hash_stream(file, |piece| {
        copy_to
            .as_mut()
            .map_or(Ok(()), |copy| copy.write_all(piece))
    })
    .map_err(DvcError::file("read", path))?;
    Ok(Digest {
        md5,
        size,
        nfiles: None,
        is_executable: metadata.permissions().mode() & 0o111 != 0,
    })
}

/// The digest of a file.
pub fn hash_file(path: &Path) -> Result<Digest, DvcError> {
    digest(path, None)
}

/// Copies a file and answers its digest: one read, not two.
pub(crate) fn hash_and_copy(path: &Path, to: &mut File) -> Result<Digest, DvcError> {
    digest(path, Some(to))
}

/// The files of a folder: relative path and place, links to folders left out.
pub(crate) fn walk(folder: &Path) -> Result<Vec<(OsString, PathBuf)>, DvcError> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), OsString::new())];
    while let Some((path, prefix)) = folders.pop() {
        for entry in fs::read_dir(&path).map_err(DvcError::file("list", &path))? {
            let entry = entry.map_err(DvcError::file("list", &path))?;
            let name = entry.file_name();
            if IGNORED.iter().any(|ignored| name == *ignored) {
                continue;
            }
            let mut relpath = prefix.clone();
            if !relpath.is_empty() {
                relpath.push("/");
            }
            relpath.push(&name);
            let kind = entry
                .file_type()
                .map_err(DvcError::file("list", entry.path()))?;
            let is_folder_link = kind.is_symlink() && entry.path().is_dir();
            if kind.is_dir() {
                folders.push((entry.path(), relpath));
            } else if !is_folder_link {
                found.push((relpath, entry.path()));
            }
        }
    }
    Ok(found)
}

/// The digest of a file or folder, and the manifest of a folder.
pub fn hash_path(path: &Path) -> Result<(Digest, Option<Manifest>), DvcError> {
    let metadata = fs::metadata(path).map_err(DvcError::file("read", path))?;
    if !metadata.is_dir() {
        return Ok((hash_file(path)?, None));
    }
    let mut size = 0;
    let mut entries = Vec::new();
    for (relpath, file) in walk(path)? {
        let of_file = hash_file(&file)?;
        size += of_file.size;
        entries.push(ManifestEntry {
            relpath,
            md5: of_file.md5,
        });
    }
    let manifest = Manifest::new(entries);
    Ok((folder_digest(&manifest, size), Some(manifest)))
}

pub(crate) fn folder_digest(manifest: &Manifest, size: u64) -> Digest {
    Digest {
        md5: manifest.name(),
        size,
        nfiles: Some(manifest.entries().len() as u64),
        is_executable: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_pythons_bytes_and_order() {
        let entry = |name: &[u8]| ManifestEntry {
            relpath: OsString::from_vec(name.to_vec()),
            md5: "0".repeat(32),
        };
        let manifest = Manifest::new(
            [
                b"a0".as_slice(),
                b"a/z",
                b"a.b",
                b"a-b",
                "é \"q\"\\x.txt".as_bytes(),
                "\u{1f680}".as_bytes(),
                b"raw\xe9",
            ]
            .map(entry)
            .to_vec(),
        );
        let text = String::from_utf8(manifest.bytes()).unwrap();
        let names: Vec<&str> = text
            .split("\"relpath\": ")
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                r#""a-b""#,
                r#""a.b""#,
                r#""a/z""#,
                r#""a0""#,
                r#""raw\udce9""#,
                r#""\u00e9 \"q\"\\x.txt""#,
                r#""\ud83d\ude80""#
            ]
        );
        assert!(
            text.starts_with(
                r#"[{"md5": "00000000000000000000000000000000", "relpath": "a-b"}, {"#
            )
        );
        assert_eq!(Manifest::parse(text.as_bytes()), Some(manifest));
    }

    #[test]
    fn a_manifest_cannot_lead_outside() {
        for bad in ["../x", "/x", "a/../../x", ""] {
            let text = format!(r#"[{{"md5": "{}", "relpath": "{bad}"}}]"#, "0".repeat(32));
            assert_eq!(Manifest::parse(text.as_bytes()), None, "{bad}");
        }
        assert_eq!(
            Manifest::parse(br#"[{"md5": "xyz", "relpath": "a"}]"#),
            None
        );
        assert_eq!(Manifest::parse(b"{"), None);
    }

    #[test]
    fn empty_folders_and_links_to_folders_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir_all(path.join("data/empty")).unwrap();
        fs::create_dir_all(path.join("data/.git")).unwrap();
        fs::write(path.join("data/.git/x"), "x").unwrap();
        fs::write(path.join("data/a"), "foo").unwrap();
        std::os::unix::fs::symlink(path.join("data/a"), path.join("data/link")).unwrap();
        std::os::unix::fs::symlink(path, path.join("data/loop")).unwrap();
        let (digest, manifest) = hash_path(&path.join("data")).unwrap();
        let md5 = "acbd18db4cc2f85cedef654fccc4a4d8";
        assert_eq!((digest.size, digest.nfiles), (6, Some(2)));
        assert!(
            manifest
                .unwrap()
                .entries()
                .iter()
                .all(|entry| entry.md5 == md5)
        );
        assert!(matches!(
            hash_path(&path.join("none")),
            Err(DvcError::File { .. })
        ));
    }
}
