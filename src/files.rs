//! Reading inputs, and writing results whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write, stdin};
use std::path::{Path, PathBuf};

use gapless_model::check::CheckpointFile;
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
fn new_beside(path: &Path) -> io::Result<NamedTempFile> {
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

fn folder_of(path: &Path) -> &Path {
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

/// The checkpoint file of a search.
pub struct Checkpoint {
    path: PathBuf,
}

impl Checkpoint {
    /// A checkpoint file, which may not be there yet. Whether it can be written is tried at once.
    pub fn at(path: &Path) -> Result<Checkpoint, Failure> {
        let place = match fs::metadata(path) {
            Ok(found) if found.is_file() => fs::canonicalize(path),
            Ok(found) => {
                let what = if found.is_dir() { "a folder" } else { "not a file" };
                return Err(Failure::Usage {
                    what: format!("{} is {what}, and --checkpoint needs a file", path.display()),
                    help: "give the name of a file, which need not be there yet".to_owned(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
            Err(error) => Err(error),
        };
        // What a link leads to is replaced, and not the link.
        let input = Input::File(path.to_owned());
        let checkpoint =
            Checkpoint { path: place.map_err(|source| Failure::Read { input, source })? };
        let tried = new_beside(&checkpoint.path).map(drop);
        tried.map_err(|source| Failure::Write { path: path.to_owned(), source })?;
        Ok(checkpoint)
    }

    /// Removes it, if it is there.
    pub fn remove(&self) -> Result<(), Failure> {
        match fs::remove_file(&self.path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Failure::Remove { path: self.path.clone(), source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl CheckpointFile for Checkpoint {
    fn open(&mut self) -> io::Result<Option<Box<dyn Read>>> {
        match File::open(&self.path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn replace(
        &mut self,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut file = new_beside(&self.path)?;
        write(file.as_file_mut())?;
        // After a power cut the name must not lead to a file whose bytes never reached the disk.
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        // Not every system can do this for a folder. Without it the older file may come back.
        if let Ok(folder) = File::open(folder_of(&self.path)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}
