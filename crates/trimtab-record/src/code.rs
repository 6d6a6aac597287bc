//! The state of the code, as git tells of it: the commit, and what was changed since.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The longest patch that is kept, in bytes.
const PATCH: usize = 8 << 20;
/// The largest new file that a patch holds, in bytes.
const FILE: u64 = 1 << 20;
/// How many new files a patch holds.
const FILES: usize = 1_000;
/// Variables of a calling git (a hook, say) that would lead ours astray.
const STRAY: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// A repository's state at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeState {
    /// The commit that is checked out, in hexadecimal digits.
    pub commit: String,
    /// The branch, when one is checked out.
    pub branch: Option<String>,
    /// The address of the remote, without user and password.
    pub remote: Option<String>,
    /// What differs from the commit, new files that are not ignored included: `git apply` makes it again.
    pub patch: Vec<u8>,
    /// What the patch does not hold, with the reason.
    pub left_out: Vec<String>,
}

impl CodeState {
    /// Reads the state of the repository that a folder lies in; `None` outside of one, without a commit, or without git.
    pub fn read(folder: &Path) -> Option<Self> {
        let root = PathBuf::from(line(folder, &["rev-parse", "--show-toplevel"])?);
        let commit = line(&root, &["rev-parse", "--verify", "HEAD"])?;
        let branch = line(&root, &["symbolic-ref", "--short", "--quiet", "HEAD"]);
        let remote = line(&root, &["remote", "get-url", "origin"]).or_else(|| {
            let first = git(&root, &["remote"])?;
            let first = String::from_utf8_lossy(&first).lines().next()?.to_owned();
            line(&root, &["remote", "get-url", &first])
        });
        let mut state = Self {
            commit,
            branch,
            remote: remote.map(|url| without_secrets(&url)),
            ..Self::default()
        };
        state.read_changes(&root);
        Some(state)
    }

    /// Whether anything differs from the commit.
    pub fn is_dirty(&self) -> bool {
        !self.patch.is_empty() || !self.left_out.is_empty()
    }

    fn read_changes(&mut self, root: &Path) {
        let changes = git(
            root,
            &[
                "diff",
                "HEAD",
                "--binary",
                "--no-color",
                "--no-ext-diff",
                "--no-textconv",
            ],
        )
        .unwrap_or_default();
        self.add("changes of tracked files", changes);
        let new = git(root, &["ls-files", "--others", "--exclude-standard", "-z"]);
        let new = new.unwrap_or_default();
        let names = new.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        for (count, name) in names.enumerate() {
            if count == FILES {
                self.left_out
                    .push(format!("new files after the first {FILES}"));
                return;
            }
            let name = os_str(name);
            let shown = name.to_string_lossy().into_owned();
            let size = fs::symlink_metadata(root.join(name)).map(|found| found.len());
            match size {
                Ok(size) if size <= FILE => {}
                Ok(size) => {
                    self.left_out.push(format!("{shown}: {size} bytes"));
                    continue;
                }
                // It went in between.
                Err(_) => continue,
            }
            let arguments = [
                OsStr::new("diff"),
                OsStr::new("--no-index"),
                OsStr::new("--binary"),
                OsStr::new("--no-color"),
                OsStr::new("--no-ext-diff"),
                OsStr::new("--no-textconv"),
                OsStr::new("--"),
                OsStr::new("/dev/null"),
                name,
            ];
            // It ends with 1 when there is a difference, which there is.
            if let Some(added) = output(root, &arguments, &[0, 1]) {
                self.add(&shown, added);
            }
        }
    }

    fn add(&mut self, what: &str, part: Vec<u8>) {
        if self.patch.len() + part.len() > PATCH {
            self.left_out
                .push(format!("{what}: {} bytes of patch", part.len()));
        } else {
            self.patch.extend(part);
        }
    }
}

#[cfg(unix)]
fn os_str(bytes: &[u8]) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

/// An address as it may be shown: whoever has the password put it there for git alone.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = host.rsplit_once('@').map_or(host, |(_, host)| host);
    // The user of ssh is part of the address; only its password is none.
    let user = host
        .rsplit_once('@')
        .map(|(user, _)| user.split(':').next().unwrap_or(user))
        .filter(|_| scheme == "ssh");
    let plain = user.map_or_else(|| plain.to_owned(), |user| format!("{user}@{plain}"));
    if path.is_empty() {
        format!("{scheme}://{plain}")
    } else {
        format!("{scheme}://{plain}/{path}")
    }
}

fn git(folder: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    output(folder, &arguments, &[0])
}

fn output(folder: &Path, arguments: &[&OsStr], good: &[i32]) -> Option<Vec<u8>> {
    let mut command = Command::new("git");
    for name in STRAY {
        command.env_remove(name);
    }
    let output = command
        .args(["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let is_good = output
        .status
        .code()
        .is_some_and(|code| good.contains(&code));
    is_good.then_some(output.stdout)
}

fn line(folder: &Path, arguments: &[&str]) -> Option<String> {
    let said = String::from_utf8(git(folder, arguments)?).ok()?;
    let said = said.trim();
    (!said.is_empty()).then(|| said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut all = identity.to_vec();
        all.extend(arguments);
        assert!(git(folder, &all).is_some(), "git {arguments:?}");
    }

    #[test]
    fn a_patch_makes_the_state_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(CodeState::read(root), None);
        run(root, &["init", "-q", "-b", "trunk"]);
        assert_eq!(CodeState::read(root), None);
        fs::write(root.join("train.py"), "print(1)\n").unwrap();
        fs::write(root.join(".gitignore"), "secret\n").unwrap();
        run(root, &["add", "."]);
        run(root, &["commit", "-q", "-m", "first"]);
        run(
            root,
            &[
                "remote",
                "add",
                "origin",
                "https://me:word@example.com/a/b.git",
            ],
        );
        let clean = CodeState::read(root).unwrap();
        assert_eq!(clean.branch.as_deref(), Some("trunk"));
        assert_eq!(clean.remote.as_deref(), Some("https://example.com/a/b.git"));
        assert!(!clean.is_dirty());
        fs::write(root.join("train.py"), "print(2)\n").unwrap();
        fs::write(root.join("secret"), "word").unwrap();
        fs::create_dir(root.join("sub")).unwrap();
        fs::write(root.join("sub/new one.py"), "print('ü')\n").unwrap();
        fs::write(root.join("data.bin"), vec![0; 2 << 20]).unwrap();
        let dirty = CodeState::read(&root.join("sub")).unwrap();
        assert_eq!(dirty.commit, clean.commit);
        assert_eq!(dirty.left_out, ["data.bin: 2097152 bytes"]);
        let patch = String::from_utf8_lossy(&dirty.patch);
        assert!(!patch.contains("word"), "{patch}");

        let other = tempfile::tempdir().unwrap();
        run(
            other.path(),
            &["clone", "-q", root.to_str().unwrap(), "copy"],
        );
        let copy = other.path().join("copy");
        fs::write(other.path().join("patch"), &dirty.patch).unwrap();
        run(&copy, &["apply", "../patch"]);
        for name in ["train.py", "sub/new one.py"] {
            assert_eq!(
                fs::read(copy.join(name)).unwrap(),
                fs::read(root.join(name)).unwrap()
            );
        }
    }

    #[test]
    fn addresses_lose_their_secrets() {
        for (url, shown) in [
            ("https://token@host/a", "https://host/a"),
            ("https://user:pass@host:8443/a", "https://host:8443/a"),
            ("ssh://git@host/a", "ssh://git@host/a"),
            ("ssh://git:pass@host/a", "ssh://git@host/a"),
            ("git@host:a/b.git", "git@host:a/b.git"),
            ("/srv/a", "/srv/a"),
            ("https://host", "https://host"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
