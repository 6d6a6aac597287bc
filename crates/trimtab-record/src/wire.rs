//! Fields of a protobuf message, as far as foreign files are read
//! (<https://protobuf.dev/programming-guides/encoding/>).

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'m> {
    /// A whole number.
    Varint(u64),
    /// Eight bytes, little-endian.
    Fixed64(u64),
    /// Bytes, text, a message or packed numbers.
    Bytes(&'m [u8]),
    /// Four bytes, little-endian.
    Fixed32(u32),
}

impl<'m> Value<'m> {
    /// The text, where it is text.
    pub(crate) fn text(self) -> Option<&'m str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Varint(_) | Self::Fixed64(_) | Self::Fixed32(_) => None,
        }
    }

    /// The message, where it may be one.
    pub(crate) fn message(self) -> &'m [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Varint(_) | Self::Fixed64(_) | Self::Fixed32(_) => &[],
        }
    }

    /// The whole number in two's complement, where it is one.
    pub(crate) fn integer(self) -> i64 {
        match self {
            Self::Varint(number) | Self::Fixed64(number) => number.cast_signed(),
            Self::Fixed32(number) => i64::from(number),
            Self::Bytes(_) => 0,
        }
    }
}

/// The fields of a message in their order; they end where the bytes are no message.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'m> {
    rest: &'m [u8],
}

/// Reads a message.
pub(crate) fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

impl<'m> Fields<'m> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for place in 0..10 {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Value<'m>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

impl<'m> Iterator for Fields<'m> {
    type Item = (u64, Value<'m>);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        field
    }
}

/// The last field of that number, which is the one that counts.
pub(crate) fn last(message: &[u8], number: u64) -> Option<Value<'_>> {
    fields(message)
        .filter(|(found, _)| *found == number)
        .last()
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_field() {
        // The specification's examples: a = 150, b = "testing".
        assert_eq!(last(&[0x08, 0x96, 0x01], 1), Some(Value::Varint(150)));
        let text = [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67];
        assert_eq!(last(&text, 2).unwrap().text(), Some("testing"));
        let minus = [
            0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ];
        assert_eq!(last(&minus, 1).unwrap().integer(), -2);
        let twice = [0x08, 1, 0x15, 0, 0, 0x80, 0x3f, 0x08, 2];
        assert_eq!(last(&twice, 1), Some(Value::Varint(2)));
        assert_eq!(last(&twice, 2), Some(Value::Fixed32(1.0_f32.to_bits())));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(fields(&bytes).count() <= bytes.len());
        }
    }
}
