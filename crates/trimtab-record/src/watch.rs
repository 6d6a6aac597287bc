//! Finds the log files of TensorBoard and Weights & Biases that a process writes, and reads them as they grow.
//!
//! A file is found by who has it open: no folder is walked while the process works. What was opened and closed between
//! two looks is found at the end, in the folders that these libraries use.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{process, tensorboard, wandb};

/// What was logged.
#[derive(Debug, Clone, PartialEq)]
pub enum Logged {
    /// A point of a metric.
    Point {
        /// Its name, made of characters that MLflow takes.
        key: String,
        /// Its step.
        step: i64,
        /// When, in milliseconds since 1970, where the file says.
        at_ms: Option<i64>,
        /// Its value.
        value: f64,
    },
    /// A param.
    Param {
        /// Its name, made of characters that MLflow takes.
        key: String,
        /// Its value.
        value: String,
    },
    /// The run's name.
    Name(String),
}

/// How much of a file is read at once.
const PIECE: u64 = 4 << 20;
/// How many files and folders the last look walks over.
const WALKED: usize = 20_000;
/// Names of folders below the process's that the last look walks.
const FOLDERS: [&str; 5] = ["runs", "wandb", "logs", "lightning_logs", "tb_logs"];
/// The longest name of a metric or param.
const NAME: usize = 250;

#[derive(Debug)]
enum Reader {
    TensorBoard {
        reader: tensorboard::Reader,
        prefix: String,
    },
    Wandb(wandb::Reader),
}

#[derive(Debug)]
struct Tail {
    place: u64,
    reader: Reader,
}

/// Watches a process tree.
#[derive(Debug)]
pub struct Watcher {
    folder: PathBuf,
    began: SystemTime,
    tails: BTreeMap<PathBuf, Tail>,
    /// The first folder with event files: others are told apart by their names.
    root: Option<PathBuf>,
}

impl Watcher {
    /// Watches for files in a folder and elsewhere that are written from `began` on.
    pub fn new(folder: &Path, began: SystemTime) -> Self {
        Self {
            folder: folder.to_owned(),
            began,
            tails: BTreeMap::new(),
            root: None,
        }
    }

    /// Looks at the files that a child of ours, and what descends from it, has open; answers what is new in all.
    pub fn look(&mut self, root: u32) -> Vec<Logged> {
        let root = i32::try_from(root).unwrap_or(i32::MAX);
        for pid in process::tree(root).into_keys() {
            let open = fs::read_dir(format!("/proc/{pid}/fd"));
            for link in open.into_iter().flatten().flatten() {
                if let Ok(path) = fs::read_link(link.path()) {
                    self.find(path);
                }
            }
        }
        self.read()
    }

    /// Looks for the last time, when the process has ended.
    pub fn finish(&mut self) -> Vec<Logged> {
        let mut walked = 0;
        for name in FOLDERS {
            let folder = self.folder.join(name);
            for entry in walkdir::WalkDir::new(folder)
                .max_depth(8)
                .sort_by_file_name()
            {
                walked += 1;
                if walked > WALKED {
                    break;
                }
                let Ok(entry) = entry else { continue };
                let is_new = entry
                    .metadata()
                    .ok()
                    .and_then(|found| found.modified().ok())
                    .is_some_and(|modified| modified >= self.began);
                if entry.file_type().is_file() && is_new {
                    self.find(entry.into_path());
                }
            }
        }
        self.read()
    }

    fn find(&mut self, path: PathBuf) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return;
        };
        let is_wandb = Path::new(name)
            .extension()
            .is_some_and(|end| end == "wandb");
        if self.tails.contains_key(&path) || !(is_wandb || name.contains("tfevents")) {
            return;
        }
        let reader = if is_wandb {
            Reader::Wandb(wandb::Reader::default())
        } else {
            let folder = path.parent().unwrap_or(Path::new("/"));
            let root = self.root.get_or_insert_with(|| folder.to_owned());
            Reader::TensorBoard {
                prefix: prefix(root, folder),
                reader: tensorboard::Reader::default(),
            }
        };
        self.tails.insert(path, Tail { place: 0, reader });
    }

    fn read(&mut self) -> Vec<Logged> {
        let mut logged = Vec::new();
        for (path, tail) in &mut self.tails {
            loop {
                let mut piece = Vec::new();
                let read = File::open(path).and_then(|mut file| {
                    file.seek(SeekFrom::Start(tail.place))?;
                    file.take(PIECE).read_to_end(&mut piece)
                });
                // A file that is gone, or cannot be read, has nothing more to say.
                let Ok(length) = read else { break };
                if length == 0 {
                    break;
                }
                tail.place += length as u64;
                tail.take(&piece, &mut logged);
            }
        }
        logged
    }
}

impl Tail {
    fn take(&mut self, piece: &[u8], logged: &mut Vec<Logged>) {
        match &mut self.reader {
            Reader::TensorBoard { reader, prefix } => {
                logged.extend(reader.push(piece).into_iter().map(|scalar| Logged::Point {
                    key: key(&format!("{prefix}{}", scalar.tag)),
                    step: scalar.step,
                    at_ms: Some(scalar.at_ms),
                    value: scalar.value,
                }));
            }
            Reader::Wandb(reader) => {
                logged.extend(reader.push(piece).into_iter().map(|said| match said {
                    wandb::Said::Name(name) => Logged::Name(name),
                    wandb::Said::Config(name, value) => Logged::Param {
                        key: key(&name),
                        value,
                    },
                    wandb::Said::Point {
                        key: name,
                        step,
                        at_ms,
                        value,
                    } => Logged::Point {
                        key: key(&name),
                        step,
                        at_ms,
                        value,
                    },
                }));
            }
        }
    }
}

/// What tells a folder's metrics from those of the first: its path below that, or its own name beside it.
fn prefix(root: &Path, folder: &Path) -> String {
    let name = match folder.strip_prefix(root) {
        Ok(below) => below.to_string_lossy().into_owned(),
        Err(_) => folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    };
    if name.is_empty() {
        name
    } else {
        format!("{name}/")
    }
}

/// A name as MLflow takes it: letters, digits, `_-. :/`, and a path that is itself when it is cleaned.
fn key(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|one| {
            let is_good = one.is_alphanumeric() || "_-. :/".contains(one);
            if is_good { one } else { '_' }
        })
        .collect();
    let parts: Vec<&str> = plain
        .split('/')
        .filter(|part| !part.is_empty() && *part != "." && *part != "..")
        .collect();
    let name: String = parts.join("/").chars().take(NAME).collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const TORCH: &[u8] = include_bytes!("../tests/files/torch.tfevents");
    const WANDB: &[u8] = include_bytes!("../tests/files/offline.wandb");

    #[test]
    fn names_are_made_to_fit() {
        for (name, fits) in [
            ("loss/train", "loss/train"),
            ("/a//b/../c?", "a/b/c_"),
            ("..", "_"),
            ("ß=1%", "ß_1_"),
        ] {
            assert_eq!(key(name), fits);
        }
        assert_eq!(key(&"x".repeat(999)).len(), NAME);
    }

    #[test]
    fn folders_are_told_apart() {
        let root = Path::new("/a/runs/x");
        assert_eq!(prefix(root, root), "");
        assert_eq!(prefix(root, Path::new("/a/runs/x/train")), "train/");
        assert_eq!(prefix(root, Path::new("/a/runs/validation")), "validation/");
    }

    #[test]
    fn open_files_are_read_as_they_grow_and_closed_ones_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("wandb")).unwrap();
        // The child holds an event file open, wherever it lies, and writes it in two parts.
        let script = "
import sys
data = open(sys.argv[1], 'rb').read()
out = open('events.out.tfevents.1', 'wb')
for part in (data[:300], data[300:]):
    out.write(part); out.flush()
    print('written', flush=True)
    input()
";
        fs::write(folder.path().join("source"), TORCH).unwrap();
        let python = std::env::var("TRIMTAB_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut child = Command::new(python)
            .args(["-c", script, "source"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut watcher = Watcher::new(folder.path(), SystemTime::UNIX_EPOCH);
        let mut line = String::new();
        let mut points = Vec::new();
        for _ in 0..2 {
            std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
            let new = watcher.look(child.id());
            assert!(!new.is_empty());
            points.extend(new);
            std::io::Write::write_all(&mut stdin, b"\n").unwrap();
        }
        assert_eq!(points.len(), 10);
        assert!(
            points
                .iter()
                .any(|one| matches!(one, Logged::Point { key, step: 4, .. } if key == "acc"))
        );
        child.wait().unwrap();
        fs::write(folder.path().join("wandb/run-1.wandb"), WANDB).unwrap();
        let rest = watcher.finish();
        assert!(rest.contains(&Logged::Name("first".into())));
        assert!(watcher.finish().is_empty());
    }
}
