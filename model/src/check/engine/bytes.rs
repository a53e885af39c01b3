//! Numbers as bytes, and bytes that are none.

use std::io::{self, ErrorKind, Read, Write};

pub(super) fn write_number(number: u64, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&number.to_le_bytes())
}

pub(super) fn read_number(from: &mut dyn Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// The error for bytes that are not what was written.
pub(in crate::check) fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
