//! Reading inputs, and writing results whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write, stdin};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

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

/// Tries at once whether these files can be written later, before a search that takes hours. Those
/// that exist stay as they are.
pub fn try_files<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), Failure> {
    for path in paths {
        let tried = Place::of(path).and_then(|place| match place {
            Place::File(path) => new_beside(&path).map(drop),
            Place::Device(_) => Ok(()),
        });
        tried.map_err(|source| Failure::Write { path: path.clone(), source })?;
    }
    Ok(())
}

/// Tries at once whether files can be written to these folders later. Creates none of them.
pub fn try_folders<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), Failure> {
    for path in paths {
        let exists = |folder: &&Path| folder.as_os_str().is_empty() || folder.exists();
        let folder = path.ancestors().find(exists).unwrap_or(Path::new("."));
        let tried = new_beside(&folder.join("a file")).map(drop);
        tried.map_err(|source| Failure::Write { path: path.clone(), source })?;
    }
    Ok(())
}

/// Writes a file beside its place and moves it there, so that no reader sees half of it.
pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = Place::of(path).and_then(|place| match place {
        Place::File(path) => {
            let mut file = new_beside(&path)?;
            file.write_all(text.as_bytes())?;
            file.persist(path).map_err(|error| error.error).map(drop)
        }
        Place::Device(path) => {
            OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
        }
    });
    written.map_err(|source| Failure::Write { path: path.to_owned(), source })
}

/// What a path leads to.
enum Place {
    /// A file, which need not be there yet. What a link leads to is replaced, and not the link.
    File(PathBuf),
    /// A pipe or a device, such as a terminal: it is written to, and never replaced.
    Device(PathBuf),
}

impl Place {
    fn of(path: &Path) -> io::Result<Place> {
        match fs::metadata(path) {
            Ok(found) if found.is_file() => Ok(Place::File(fs::canonicalize(path)?)),
            Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(_) => Ok(Place::Device(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Place::File(path.to_owned()))
            }
            Err(error) => Err(error),
        }
    }
}

/// An empty file in the same folder, whose name says what it belongs to: one that a killed process
/// leaves behind can be deleted. It has the permissions of the file that it will replace, or else
/// those that the umask gives any new file.
pub fn new_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder_of(path))?;
    if let Ok(replaced) = fs::metadata(path) {
        file.as_file().set_permissions(replaced.permissions())?;
    }
    Ok(file)
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Tries whether files can be created in a folder.
pub fn try_folder(path: &Path) -> Result<(), Failure> {
    let tried = tempfile::tempfile_in(path).map(drop);
    tried.map_err(|source| Failure::Write { path: path.to_owned(), source })
}
