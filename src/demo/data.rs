//! Where the demo keeps its database and master key: a directory that the user names, or one that lives as long as the demo.

use std::path::{Path, PathBuf};

use super::DemoError;
use crate::domain::entropy::{self, SystemEntropy};

pub(super) enum Data {
    Kept(PathBuf),
    /// Removed when dropped.
    Temporary(PathBuf),
}

impl Data {
    pub fn open(named: Option<PathBuf>) -> Result<Self, DemoError> {
        match named {
            Some(path) => {
                std::fs::create_dir_all(&path).map_err(|error| DemoError::Data(path.clone(), error))?;
                Ok(Self::Kept(path))
            }
            None => {
                let unique = u64::from_be_bytes(entropy::random(&SystemEntropy));
                let path = std::env::temp_dir().join(format!("gatekey-demo-{unique:016x}"));
                let mut directory = std::fs::DirBuilder::new();
                // Others on this machine have no business with the keys, not even the demo's.
                #[cfg(unix)]
                std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
                directory.create(&path).map_err(|error| DemoError::Data(path.clone(), error))?;
                Ok(Self::Temporary(path))
            }
        }
    }

    pub fn path(&self) -> &Path {
        let (Self::Kept(path) | Self::Temporary(path)) = self;
        path
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if let Self::Temporary(path) = self {
            // The demo is over whether or not this succeeds.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_directory_goes_and_a_named_one_stays() {
        let temporary = Data::open(None).unwrap();
        let path = temporary.path().to_owned();
        std::fs::write(path.join("gatekey.db"), "x").unwrap();
        drop(temporary);
        assert!(!path.exists());

        let parent = tempfile::tempdir().unwrap();
        let named = parent.path().join("a/b");
        drop(Data::open(Some(named.clone())).unwrap());
        assert!(named.is_dir());
    }
}
