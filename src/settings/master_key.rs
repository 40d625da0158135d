//! The master key's text: where it is, and the file it lives in. What it means is the business of `jose`.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::known::{Key, Kind, key};
use crate::domain::secret::Secret;

pub(super) const KEYS: &[Key] = &[key("master_key_file", Kind::Text, "\"/etc/gatekey/master.key\"")];

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    File(PathBuf),
    /// `GATEKEY_MASTER_KEY`, which wins over the file.
    Text(Secret<String>),
}

impl Default for MasterKeySource {
    fn default() -> Self {
        Self::File(PathBuf::from("gatekey.key"))
    }
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The caller may create one, if nothing has been sealed under the lost one.
    #[error("there is no master key file `{0}`: restore the one this database was made with, or name it with `master_key_file` or GATEKEY_MASTER_KEY")]
    Missing(PathBuf),
    #[error("others can read the master key file `{0}` (mode {1:04o}): run `chmod 600 {0}`")]
    Exposed(PathBuf, u32),
    #[error("the master key file `{0}` cannot be read ({1}): make it readable for this user, and only for it")]
    Unreadable(PathBuf, std::io::Error),
    #[error("the master key file `{0}` is empty: restore the one this database was made with")]
    Empty(PathBuf),
    #[error("the master key file `{0}` exists already and is left as it is: remove it first if it was never used")]
    Exists(PathBuf),
    #[error("the master key file `{0}` cannot be written ({1}): make its directory writable for this user, or name another with `master_key_file`")]
    Unwritable(PathBuf, std::io::Error),
    #[error("the master key comes from GATEKEY_MASTER_KEY, so no file is made")]
    NotAFile,
}

impl MasterKeySource {
    /// The key's text.
    pub fn load(&self) -> Result<Secret<String>, MasterKeyError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => read(path),
        }
    }

    /// Writes a new file of mode 0600 with `text`; never over one that is there. Under the name there is always all of a key or nothing,
    /// whoever else makes one at the same moment and whenever the process ends.
    pub fn create(&self, text: &Secret<String>) -> Result<(), MasterKeyError> {
        let Self::File(path) = self else { return Err(MasterKeyError::NotAFile) };
        let unwritable = |error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => MasterKeyError::Exists(path.clone()),
            _ => MasterKeyError::Unwritable(path.clone(), error),
        };
        // Under a name of this key's own, which tells nothing of it: two that make keys at once never meet in one draft.
        let [a, b, c, d, ..] = text.digest().0;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{a:02x}{b:02x}{c:02x}{d:02x}"));
        let draft = path.with_file_name(name);
        let written = write(&draft, text).and_then(|()| publish(&draft, path));
        let _ = std::fs::remove_file(&draft);
        written.map_err(unwritable)?;
        // The directory entry too must be on disk before anything is sealed under this key.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent).and_then(|directory| directory.sync_all()).map_err(unwritable)
    }
}

fn write(draft: &Path, text: &Secret<String>) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // The mode is given at creation: there is no moment at which others could open it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    file.write_all(text.expose().as_bytes()).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all())
}

/// Gives the draft its name, which a link does in one step and never over another file.
fn publish(draft: &Path, path: &Path) -> std::io::Result<()> {
    match std::fs::hard_link(draft, path) {
        // A file system without links, such as FAT: the next best.
        Err(error) if error.kind() != ErrorKind::AlreadyExists && !path.exists() => std::fs::rename(draft, path),
        result => result,
    }
}

fn read(path: &Path) -> Result<Secret<String>, MasterKeyError> {
    let unreadable = |error| MasterKeyError::Unreadable(path.to_owned(), error);
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => MasterKeyError::Missing(path.to_owned()),
        _ => unreadable(error),
    })?;
    // Of the opened file, not of the name: what is judged is what is read.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Exposed(path.to_owned(), mode));
        }
    }
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).map_err(unreadable)?;
    let text = Secret::new(text);
    match text.expose().trim() {
        "" => Err(MasterKeyError::Empty(path.to_owned())),
        trimmed => Ok(Secret::new(trimmed.to_owned())),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn is_created_for_the_owner_alone_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gatekey.key");
        let source = MasterKeySource::File(path.clone());
        assert!(matches!(source.load(), Err(MasterKeyError::Missing(_))));
        source.create(&Secret::new("first".to_owned())).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(source.load().unwrap().expose(), "first");
        assert!(matches!(source.create(&Secret::new("second".to_owned())), Err(MasterKeyError::Exists(_))));
        assert_eq!(source.load().unwrap().expose(), "first");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
    }

    /// Of many that make one at once, one does; and whoever did not finds a whole key at once.
    #[test]
    fn one_of_many_creates_it() {
        let directory = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let source = MasterKeySource::File(directory.path().join(format!("{round}.key")));
            let barrier = std::sync::Barrier::new(8);
            let created: usize = std::thread::scope(|scope| {
                let makers: Vec<_> = (0..8)
                    .map(|maker| {
                        let (source, barrier) = (&source, &barrier);
                        scope.spawn(move || {
                            let mine = format!("the key of maker {maker}");
                            barrier.wait();
                            let created = source.create(&Secret::new(mine.clone()));
                            let there = source.load().unwrap();
                            assert_eq!(created.is_ok(), *there.expose() == mine);
                            usize::from(created.is_ok())
                        })
                    })
                    .collect();
                makers.into_iter().map(|maker| maker.join().unwrap()).sum()
            });
            assert_eq!(created, 1);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 50, "no draft is left");
    }

    #[test]
    fn a_file_others_can_read_is_refused_with_the_command_that_mends_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gatekey.key");
        std::fs::write(&path, "key").unwrap();
        for mode in [0o644, 0o640, 0o604, 0o622] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let message = MasterKeySource::File(path.clone()).load().unwrap_err().to_string();
            assert!(message.contains(&format!("chmod 600 {}", path.display())), "{message}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(MasterKeySource::File(path).load().unwrap().expose(), "key");
    }
}
