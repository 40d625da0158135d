//! The files the pages load: the stylesheet, the theme's colours, the icon. Their names carry a hash of their bytes, so they may be kept for ever.

use sha2::{Digest, Sha256};

/// A file to serve.
#[derive(Debug, Clone, Copy)]
pub struct Asset<'a> {
    pub bytes: &'a [u8],
    pub content_type: &'static str,
    /// The address changes with the bytes: `Cache-Control: public, max-age=31536000, immutable`.
    pub immutable: bool,
}

/// A file and its address below the base path.
pub(super) struct Versioned {
    /// For example `assets/gatekey.0a1b2c3d4e5f6071.css`.
    pub path: String,
    bytes: Vec<u8>,
    content_type: &'static str,
}

impl Versioned {
    pub(super) fn new(stem: &str, extension: &str, content_type: &'static str, text: String) -> Self {
        let hash: String = Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { path: format!("assets/{stem}.{hash}.{extension}"), bytes: text.into_bytes(), content_type }
    }

    pub(super) fn asset(&self) -> Asset<'_> {
        Asset { bytes: &self.bytes, content_type: self.content_type, immutable: true }
    }
}
