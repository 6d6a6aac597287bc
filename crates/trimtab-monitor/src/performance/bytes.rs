//! [`Scored`] as bytes: `TSC`, a version, then whole numbers of 7 bits a byte (cells as steps from the one before) and the
//! losses as doubles. JSON of the same is five times as long and takes longer to read than the judging.

use super::Scored;

const MAGIC: &[u8; 3] = b"TSC";
const VERSION: u8 = 1;

/// The bytes are not such a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BytesError {
    #[error("the performance of a window has version {0}; this program reads up to {VERSION}")]
    Newer(u8),
    #[error("the stored performance of a window is damaged")]
    Damaged,
}

impl Scored {
    /// The bytes that are stored.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128 + 4 * self.cells.len());
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        bytes.push(u8::from(self.is_binary));
        put(&mut bytes, self.rows);
        put(&mut bytes, self.losses.len() as u64);
        for (sum, squares) in &self.losses {
            bytes.extend_from_slice(&sum.to_le_bytes());
            bytes.extend_from_slice(&squares.to_le_bytes());
        }
        put(&mut bytes, self.cells.len() as u64);
        let mut before = 0;
        for &(cell, no, yes) in &self.cells {
            put(&mut bytes, u64::from(cell - before));
            put(&mut bytes, no);
            put(&mut bytes, yes);
            before = cell;
        }
        bytes
    }

    /// The state that was stored.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, BytesError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(BytesError::Damaged)?;
        match rest.first() {
            Some(&VERSION) => read(&rest[1..]).ok_or(BytesError::Damaged),
            Some(&version) if version > VERSION => Err(BytesError::Newer(version)),
            Some(_) | None => Err(BytesError::Damaged),
        }
    }
}

fn read(mut bytes: &[u8]) -> Option<Scored> {
    let rest = &mut bytes;
    let is_binary = match take::<1>(rest)? {
        [0] => false,
        [1] => true,
        [_] => return None,
    };
    let rows = get(rest)?;
    let mut losses = Vec::new();
    for _ in 0..get(rest)? {
        losses.push((
            f64::from_le_bytes(take(rest)?),
            f64::from_le_bytes(take(rest)?),
        ));
    }
    let mut cells = Vec::new();
    let mut before: u32 = 0;
    for _ in 0..get(rest)? {
        let cell = before.checked_add(u32::try_from(get(rest)?).ok()?)?;
        cells.push((cell, get(rest)?, get(rest)?));
        before = cell;
    }
    rest.is_empty().then_some(Scored {
        rows,
        is_binary,
        cells,
        losses,
    })
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(0x80 | value.to_le_bytes()[0]);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

fn get(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(bytes)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}
