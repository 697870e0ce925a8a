//! Renaming files to archives and back.

use std::{ffi::OsStr, io};

use common_fs::{Dir, FileId, FileKind, FsError, Overwrite, Stat, Sub, Timestamp};

use super::{SweepError, archive_folder};
use crate::{Folder, How, Move, file_name::ARCHIVE_FOLDER};

/// A directory of sessions and its folder of archives.
pub(crate) struct Moves<'d> {
    dir: &'d dyn Dir,
    archive: Option<Box<dyn Dir>>,
}

/// What stands at a name.
pub(crate) enum Stands {
    Nothing,
    /// The file that was meant.
    It,
    Other,
}

impl<'d> Moves<'d> {
    pub(crate) fn new(dir: &'d dyn Dir) -> Result<Self, SweepError> {
        let archive = match dir.open_dir(OsStr::new(ARCHIVE_FOLDER)) {
            Ok(archive) => Some(archive),
            Err(error) if error.is_not_found() => None,
            // Something else has that name; as long as nobody wants to use it, that is all right.
            Err(error) if error.is_link() || error.kind() == io::ErrorKind::NotADirectory => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { dir, archive })
    }

    /// Makes sure that the folder of archives is there if it is to be used.
    pub(crate) fn prepare(&mut self, folder: Folder) -> Result<(), SweepError> {
        if folder == Folder::Archive && self.archive.is_none() {
            self.archive = Some(archive_folder(self.dir)?);
        }
        Ok(())
    }

    /// The directory that is meant, if it is there.
    pub(crate) fn folder(&self, folder: Folder) -> Option<&dyn Dir> {
        match folder {
            Folder::Here => Some(self.dir),
            Folder::Archive => self.archive.as_deref(),
        }
    }

    /// Renames a file to its archive; nothing is overwritten.
    pub(crate) fn rename_away(&self, from: &str, to: &str, folder: Folder) -> Result<(), FsError> {
        let (from, to) = (OsStr::new(from), OsStr::new(to));
        match folder {
            Folder::Here => self.dir.rename(from, to, Overwrite::Refuse),
            Folder::Archive => self.dir.transfer(from, to, Sub::Into(OsStr::new(ARCHIVE_FOLDER))),
        }
    }

    /// Renames an archive to what it was; nothing is overwritten.
    pub(crate) fn rename_back(&self, from: &str, to: &str, folder: Folder) -> Result<(), FsError> {
        let (from, to) = (OsStr::new(from), OsStr::new(to));
        match folder {
            Folder::Here => self.dir.rename(to, from, Overwrite::Refuse),
            Folder::Archive => self.dir.transfer(to, from, Sub::OutOf(OsStr::new(ARCHIVE_FOLDER))),
        }
    }

    /// Flushes both directories.
    pub(crate) fn sync(&self) -> Result<(), FsError> {
        if let Some(archive) = &self.archive {
            archive.sync()?;
        }
        self.dir.sync()
    }

    /// Completes the archive of a file of which there is a compressed copy: the file goes, and then
    /// its copy gets its name, so that nobody ever sees both. If the file was changed since, it stays,
    /// and its copy goes.
    pub(crate) fn finish(&self, file: &Move) -> Result<(), SweepError> {
        match &file.how {
            How::Rename => match (stat(self.dir, OsStr::new(&file.from))?, self.archived(file)?) {
                (Some(now), Stands::Nothing) if is_as_noted(&now, file) => {
                    Ok(self.rename_away(&file.from, &file.to, file.folder)?)
                }
                (Some(now), Stands::Nothing) if now.id == file.id => Err(SweepError::Changed {
                    path: self.dir.path().join(&file.from),
                    why: "was written to since it was to be archived; it stays",
                }),
                _ => Ok(()),
            },
            How::Compress { copy } => self.finish_copy(file, copy),
        }
    }

    /// Whether anything has happened to any of these files.
    pub(crate) fn has_begun(&self, files: &[Move]) -> Result<bool, SweepError> {
        for file in files {
            let is_there = matches!(self.at(Folder::Here, &file.from, file.id)?, Stands::It);
            let folder = self.folder(file.folder);
            let archive = folder.map(|folder| stat(folder, OsStr::new(&file.to))).transpose()?;
            if !is_there || archive.flatten().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn finish_copy(&self, file: &Move, copy: &str) -> Result<(), SweepError> {
        let Some(folder) = self.folder(file.folder) else { return Ok(()) };
        let copy = OsStr::new(copy);
        let is_named = stat(folder, copy)?.is_none();
        if is_named && stat(folder, OsStr::new(&file.to))?.is_none() {
            return Ok(());
        }
        match stat(self.dir, OsStr::new(&file.from))? {
            Some(now) if now.id == file.id && !is_as_noted(&now, file) => {
                remove(folder, copy)?;
                return Err(SweepError::Changed {
                    path: self.dir.path().join(&file.from),
                    why: "was written to while it was archived; it stays",
                });
            }
            // Whatever of this a power cut keeps: the copy is on storage, and the journal knows of it.
            Some(now) if now.id == file.id => self.dir.remove(OsStr::new(&file.from))?,
            // What is copied is gone, whatever has that name now: the copy is all there is of it.
            Some(_) | None => (),
        }
        if !is_named {
            folder.rename(copy, OsStr::new(&file.to), Overwrite::Refuse)?;
        }
        Ok(())
    }

    /// Puts a file back that was archived, or was about to be.
    pub(crate) fn undo(&self, file: &Move) -> Result<(), SweepError> {
        match &file.how {
            How::Rename => {
                match (self.archived(file)?, self.at(Folder::Here, &file.from, file.id)?) {
                    (Stands::It, Stands::Nothing) => {
                        Ok(self.rename_back(&file.from, &file.to, file.folder)?)
                    }
                    (Stands::It, Stands::Other) => Err(SweepError::Changed {
                        path: self.dir.path().join(&file.from),
                        why: "is there again; what it was before is beside it as an archive",
                    }),
                    _ => Ok(()),
                }
            }
            How::Compress { copy } => {
                let original = stat(self.dir, OsStr::new(&file.from))?;
                match (original, self.folder(file.folder)) {
                    (Some(now), Some(folder)) if now.id == file.id => {
                        Ok(remove(folder, OsStr::new(copy))?)
                    }
                    // It is the copy or nothing.
                    _ => self.finish_copy(file, copy),
                }
            }
        }
    }

    /// Whether there is no archive of that name any more.
    pub(crate) fn is_gone(&self, file: &Move) -> bool {
        let folder = self.folder(file.folder);
        folder.is_none_or(|folder| matches!(stat(folder, OsStr::new(&file.to)), Ok(None)))
    }

    fn archived(&self, file: &Move) -> Result<Stands, SweepError> {
        self.at(file.folder, &file.to, file.id)
    }

    fn at(&self, folder: Folder, name: &str, id: FileId) -> Result<Stands, SweepError> {
        let Some(dir) = self.folder(folder) else { return Ok(Stands::Nothing) };
        Ok(match stat(dir, OsStr::new(name))? {
            None => Stands::Nothing,
            Some(stat) if stat.id == id => Stands::It,
            Some(_) => Stands::Other,
        })
    }

    /// Removes an archive, and all that is in it if it is a directory.
    pub(crate) fn remove(
        &self,
        folder: Folder,
        name: &OsStr,
        kind: FileKind,
    ) -> Result<(), FsError> {
        let Some(dir) = self.folder(folder) else { return Ok(()) };
        match kind {
            FileKind::Dir => remove_tree(dir, name),
            _ => remove(dir, name),
        }
    }
}

/// Whether a file is as it was when its copy was made.
fn is_as_noted(now: &Stat, noted: &Move) -> bool {
    if now.kind == FileKind::Dir {
        return now.id == noted.id;
    }
    (now.id, now.size_bytes, now.modified)
        == (noted.id, noted.size_bytes, Timestamp::from_unix_nanos(noted.modified_ns))
}

fn stat(dir: &dyn Dir, name: &OsStr) -> Result<Option<Stat>, FsError> {
    match dir.stat(name) {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a name, if it is there.
pub(crate) fn remove(dir: &dyn Dir, name: &OsStr) -> Result<(), FsError> {
    match dir.remove(name) {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes a directory and all that is in it; what is linked to is left alone.
fn remove_tree(dir: &dyn Dir, name: &OsStr) -> Result<(), FsError> {
    let below = match dir.open_dir(name) {
        Ok(below) => below,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in below.list()? {
        match entry.kind {
            FileKind::Dir => remove_tree(below.as_ref(), &entry.name)?,
            _ => remove(below.as_ref(), &entry.name)?,
        }
    }
    dir.remove_dir(name)
}
