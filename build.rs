//! Tells builds of the command apart by the sources of the checker.
//!
//! A checkpoint file holds what a search has counted so far. A build with other steps, or another
//! normal form, would count on from there without a sign of error, and versions are not raised with
//! every commit. So the file carries this fingerprint, and another build refuses it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let mut files = vec![PathBuf::from("Cargo.lock")];
    list(Path::new("model/src"), &mut files)?;
    files.sort();
    let mut print = Fnv(0xcbf2_9ce4_8422_2325);
    for file in files.iter().filter(|file| file.exists()) {
        print.add(file.to_string_lossy().as_bytes());
        print.add(&fs::read(file)?);
    }
    println!("cargo:rustc-env=GAPLESS_BUILD={:016x}", print.0);
    println!("cargo:rerun-if-changed=model/src");
    println!("cargo:rerun-if-changed=Cargo.lock");
    Ok(())
}

/// Lists the files in a folder and those below it.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The hash of Fowler, Noll and Vo (FNV-1a): it stays the same, which the standard library's need
/// not.
struct Fnv(u64);

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}
