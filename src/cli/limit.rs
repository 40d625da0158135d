//! A limit and what it becomes, as a flag: `session_idle=PT1H`, `session_idle=default`.

use std::str::FromStr;

use crate::domain::duration::Lifetime;
use crate::domain::lifetime::{Limit, check};

#[derive(Debug, Clone, Copy)]
pub(super) struct LimitChange {
    pub(super) limit: Limit,
    /// `None` takes it away: then it comes from elsewhere.
    pub(super) value: Option<Lifetime>,
}

impl FromStr for LimitChange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("write NAME=DURATION, such as session_idle=PT1H")?;
        let limit: Limit = name.parse()?;
        if value == "default" {
            return Ok(Self { limit, value: None });
        }
        let value: Lifetime = value.parse().map_err(|error: crate::domain::duration::InvalidLifetime| error.to_string())?;
        check(limit, value).map_err(|why| why.to_string())?;
        Ok(Self { limit, value: Some(value) })
    }
}
