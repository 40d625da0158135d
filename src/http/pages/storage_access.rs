//! The page that asks the browser for its cookies in a frame, where a click is needed.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// In a frame: tries at once, shows one button where that is refused, and tells the application. In a window of its own: says where it belongs.
#[derive(Debug, Clone, Copy)]
pub struct StorageAccess<'a> {
    pub application: &'a str,
    /// Of the application's page, which is registered: who is told.
    pub origin: &'a str,
    /// Where the frame goes when the cookies are there: a path of this server, or empty.
    pub next: &'a str,
    pub framed: bool,
}

impl StorageAccess<'_> {
    /// The same for everybody, so that a policy can name it by its hash.
    pub const SCRIPT: &'static str = include_str!("scripts/storage_access.js");
}

impl Serialize for StorageAccess<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_struct("StorageAccess", 5)?;
        page.serialize_field("application", self.application)?;
        page.serialize_field("origin", self.origin)?;
        page.serialize_field("next", self.next)?;
        page.serialize_field("framed", &self.framed)?;
        page.serialize_field("script", Self::SCRIPT)?;
        page.end()
    }
}
