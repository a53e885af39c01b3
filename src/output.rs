//! Standard output of the commands that judge.

use std::io::{self, ErrorKind, StdoutLock, Write, stdout};

/// Standard output for a verdict. Its reader may close it early, as `head` does: then the rest is left
/// out, and the exit status is that of the verdict all the same.
pub fn verdict() -> Verdict<StdoutLock<'static>> {
    Verdict { to: stdout().lock(), is_open: true }
}

/// A writer that takes what is not read any more.
pub struct Verdict<W> {
    to: W,
    is_open: bool,
}

impl<W> Verdict<W> {
    fn unless_closed<T>(&mut self, written: io::Result<T>, unread: T) -> io::Result<T> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_open = false;
                Ok(unread)
            }
            written => written,
        }
    }
}

impl<W: Write> Write for Verdict<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_open {
            return Ok(bytes.len());
        }
        let written = self.to.write(bytes);
        self.unless_closed(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.is_open {
            return Ok(());
        }
        let flushed = self.to.flush();
        self.unless_closed(flushed, ())
    }
}
