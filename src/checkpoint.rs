//! The checkpoint file of a search. One search at a time has it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use gapless_model::check::CheckpointFile;

use crate::failure::Failure;
use crate::files::{folder_of, new_beside};
use crate::input::Input;

/// The checkpoint file of a search.
pub struct Checkpoint {
    path: PathBuf,
    hold: Hold,
}

/// What keeps other searches from the file.
enum Hold {
    /// There is no file yet. Who writes the first one has it.
    Absent,
    /// A lock on the file that is there now.
    Locked(#[expect(dead_code, reason = "the lock goes with the file")] File),
    /// Nothing: there are no locks here.
    None,
}

impl Checkpoint {
    /// A checkpoint file, which may not be there yet. Whether it can be written is tried at once, and
    /// whether another search has it.
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
        let unread = |source| Failure::Read { input: Input::File(path.to_owned()), source };
        let place = place.map_err(unread)?;
        let hold = hold(&place).map_err(unread)?.ok_or_else(|| Failure::Usage {
            what: format!("another search is at work on {}", path.display()),
            help: "wait until it ends, or keep this one in another file".to_owned(),
        })?;
        let tried = new_beside(&place).map(drop);
        tried.map_err(|source| Failure::Write { path: path.to_owned(), source })?;
        Ok(Checkpoint { path: place, hold })
    }

    /// Removes it, if it is there. One that appeared meanwhile is another search's.
    pub fn remove(&self) -> Result<(), Failure> {
        if let Hold::Absent = self.hold {
            return Ok(());
        }
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
        // Locked before it has its name, so that there is no moment in which another search gets it.
        let hold = locked(file.as_file().try_clone()?)?.unwrap_or(Hold::None);
        let moved = match self.hold {
            Hold::Absent => file.persist_noclobber(&self.path),
            Hold::Locked(_) | Hold::None => file.persist(&self.path),
        };
        moved.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => io::Error::new(
                io::ErrorKind::AlreadyExists,
                "another search has written it meanwhile",
            ),
            _ => error.error,
        })?;
        self.hold = hold;
        // Not every system can do this for a folder. Without it the older file may come back.
        if let Ok(folder) = File::open(folder_of(&self.path)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// Takes hold of a file; `None` if another search has it.
fn hold(path: &Path) -> io::Result<Option<Hold>> {
    loop {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Hold::Absent)),
            opened => opened?,
        };
        let opened = identity(&file.metadata()?);
        let Some(hold) = locked(file)? else { return Ok(None) };
        // Another search may have replaced it just before, and be at work on the new one.
        match fs::metadata(path) {
            Ok(found) if identity(&found) == opened => return Ok(Some(hold)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
}

/// Locks a file; `None` if another process has locked it.
fn locked(file: File) -> io::Result<Option<Hold>> {
    // Elsewhere a lock also keeps others from reading, and an open file from being replaced.
    if !cfg!(unix) {
        return Ok(Some(Hold::None));
    }
    match file.try_lock() {
        Ok(()) => Ok(Some(Hold::Locked(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        // Some file systems have no locks.
        Err(TryLockError::Error(_)) => Ok(Some(Hold::None)),
    }
}

/// What tells a file from one that replaced it.
#[cfg(unix)]
fn identity(found: &fs::Metadata) -> impl PartialEq + use<> {
    use std::os::unix::fs::MetadataExt as _;
    (found.dev(), found.ino())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> impl PartialEq + use<> {}
