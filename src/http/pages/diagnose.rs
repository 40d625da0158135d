//! The page for developers that says what an application's silent renewal has and lacks.

use std::borrow::Cow;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::protocol::diagnosis::Finding;

/// What was found, in English as `gatekey doctor` says it.
#[derive(Debug, Clone, Serialize)]
pub struct FindingRow<'a> {
    pub code: &'static str,
    pub level: &'static str,
    pub text: Cow<'a, str>,
    pub change: Option<Cow<'a, str>>,
}

impl From<&Finding> for FindingRow<'_> {
    fn from(finding: &Finding) -> Self {
        // Pages show no Markdown.
        let plain = |text: &str| Cow::Owned(text.replace('`', ""));
        Self { code: finding.code.as_str(), level: finding.level().as_str(), text: plain(&finding.text), change: finding.change.as_deref().map(plain) }
    }
}

/// Says what the server knows; its script adds what only the browser does.
#[derive(Debug, Clone, Copy)]
pub struct Diagnose<'a> {
    pub client: &'a str,
    pub application: &'a str,
    pub issuer: &'a str,
    /// Of the application's page, if the request says it.
    pub origin: Option<&'a str>,
    /// Of the application and its page.
    pub page: &'a [FindingRow<'a>],
    /// Of the way from the browser to the server.
    pub way: &'a [FindingRow<'a>],
}

impl Diagnose<'_> {
    /// The same for everybody, so that a policy can name it by its hash.
    pub const SCRIPT: &'static str = include_str!("scripts/diagnose.js");
}

impl Serialize for Diagnose<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_struct("Diagnose", 7)?;
        page.serialize_field("client", self.client)?;
        page.serialize_field("application", self.application)?;
        page.serialize_field("issuer", self.issuer)?;
        page.serialize_field("origin", &self.origin)?;
        page.serialize_field("page", self.page)?;
        page.serialize_field("way", self.way)?;
        page.serialize_field("script", Self::SCRIPT)?;
        page.end()
    }
}
