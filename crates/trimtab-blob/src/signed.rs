//! Words that only this store can have written: the right to one transfer, to be carried in a URL.

use std::{
    io::{self, Write},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;

const CODE: usize = 32;

/// The key that signs; it stays in the store's folder and in no backup.
#[derive(Clone)]
pub(crate) struct Signer([u8; 32]);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Reads the key, or makes it.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let path = root.join("signing-key");
        if let Ok(bytes) = std::fs::read(&path)
            && let Ok(key) = bytes.try_into()
        {
            return Ok(Self(key));
        }
        let mut key = [0; 32];
        rand::rng().fill_bytes(&mut key);
        let temporary = root.join("signing-key.new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &path)?;
        Ok(Self(key))
    }

    /// The text with its code, in letters that a URL takes.
    pub(crate) fn sign(&self, text: &str) -> String {
        let mut bytes = blake3::keyed_hash(&self.0, text.as_bytes())
            .as_bytes()
            .to_vec();
        bytes.extend_from_slice(text.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The text, if it is one of ours.
    pub(crate) fn open_text(&self, signed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(signed).ok()?;
        let (code, text) = bytes.split_at_checked(CODE)?;
        let code: [u8; CODE] = code.try_into().ok()?;
        // `Hash` compares in constant time.
        let is_ours = blake3::keyed_hash(&self.0, text) == blake3::Hash::from_bytes(code);
        is_ours.then(|| String::from_utf8(text.to_vec()).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_words_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::open(folder.path()).unwrap();
        let signed = signer.sign("put a/b");
        assert_eq!(signer.open_text(&signed).as_deref(), Some("put a/b"));
        let again = Signer::open(folder.path()).unwrap();
        assert_eq!(again.open_text(&signed).as_deref(), Some("put a/b"));
        let other = tempfile::tempdir().unwrap();
        assert_eq!(Signer::open(other.path()).unwrap().open_text(&signed), None);
        for place in 0..signed.len() {
            let mut bytes = signed.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            assert_ne!(
                signer.open_text(&forged).as_deref(),
                Some("put a/b"),
                "{place}"
            );
        }
        for bad in ["", "A", "not base64!", &signed[..40]] {
            assert_eq!(signer.open_text(bad), None, "{bad}");
        }
    }
}
