//! Reading inputs, and writing results whole or not at all.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read as _, Write as _, stdin};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::input::Input;

/// Reads all of an input as text.
pub fn read(input: &Input) -> Result<String, Failure> {
    let text = match input {
        Input::Stdin => {
            let mut text = String::new();
            stdin().read_to_string(&mut text).map(|_| text)
        }
        Input::File(path) => fs::read_to_string(path),
    };
    text.map_err(|source| Failure::Read { input: input.clone(), source })
}

/// Opens an input to be read line by line.
pub fn open(input: &Input) -> Result<Box<dyn BufRead + Send>, Failure> {
    match input {
        Input::Stdin => Ok(Box::new(BufReader::new(stdin()))),
        Input::File(path) => {
            let opened = File::open(path);
            let file = opened.map_err(|source| Failure::Read { input: input.clone(), source })?;
            Ok(Box::new(BufReader::new(file)))
        }
    }
}

/// Creates a folder, and those above it, unless they exist.
pub fn create_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|source| Failure::Write { path: path.to_owned(), source })
}

/// Writes a file beside its place and moves it there, so that no reader sees half of it.
pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let write_and_move = || {
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path).map_err(|error| error.error).map(drop)
    };
    write_and_move().map_err(|source| Failure::Write { path: path.to_owned(), source })
}
