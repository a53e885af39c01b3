//! Bytes in blocks with checksums, so that damage is found before it is understood as something.
//!
//! A block is its length, its bytes, and the checksum of everything up to there, the header
//! included. The last block is empty.

use std::io::{self, Read, Write};

use crc32fast::Hasher;

use super::super::engine::invalid;

/// The most bytes in one block.
const MOST: usize = 1 << 20;

/// Writes blocks.
pub(super) struct BlockWriter<'a> {
    out: &'a mut dyn Write,
    block: Vec<u8>,
    sum: Hasher,
}

impl<'a> BlockWriter<'a> {
    /// Writes blocks after a header.
    pub(super) fn after(header: &[u8], out: &'a mut dyn Write) -> Self {
        let mut sum = Hasher::new();
        sum.update(header);
        BlockWriter { out, block: Vec::with_capacity(MOST), sum }
    }

    /// Writes what is left, and the last block.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        self.end_block()
    }

    fn end_block(&mut self) -> io::Result<()> {
        let length = (self.block.len() as u32).to_le_bytes();
        self.sum.update(&length);
        self.sum.update(&self.block);
        self.out.write_all(&length)?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&self.sum.clone().finalize().to_le_bytes())?;
        self.block.clear();
        Ok(())
    }
}

impl Write for BlockWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.len() == MOST {
            self.end_block()?;
        }
        let taken = bytes.len().min(MOST - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads blocks.
pub(super) struct BlockReader<'a> {
    from: &'a mut dyn Read,
    block: Vec<u8>,
    at: usize,
    sum: Hasher,
    ended: bool,
}

impl<'a> BlockReader<'a> {
    /// Reads the blocks after a header.
    pub(super) fn after(header: &[u8], from: &'a mut dyn Read) -> Self {
        let mut sum = Hasher::new();
        sum.update(header);
        BlockReader { from, block: Vec::new(), at: 0, sum, ended: false }
    }

    /// Verifies that everything was read, and that nothing follows the last block.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.read(&mut [0])? > 0 || self.from.read(&mut [0])? > 0 {
            return Err(invalid("something follows its end"));
        }
        Ok(())
    }

    fn next_block(&mut self) -> io::Result<()> {
        let length = self.four_bytes()?;
        let count = u32::from_le_bytes(length) as usize;
        if count > MOST {
            return Err(invalid("a block has an impossible length"));
        }
        self.block.resize(count, 0);
        self.from.read_exact(&mut self.block)?;
        self.sum.update(&length);
        self.sum.update(&self.block);
        if self.four_bytes()? != self.sum.clone().finalize().to_le_bytes() {
            return Err(invalid("a checksum does not match"));
        }
        (self.at, self.ended) = (0, count == 0);
        Ok(())
    }

    fn four_bytes(&mut self) -> io::Result<[u8; 4]> {
        let mut bytes = [0; 4];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for BlockReader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() && !self.ended {
            self.next_block()?;
        }
        let taken = bytes.len().min(self.block.len() - self.at);
        bytes[..taken].copy_from_slice(&self.block[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}
