//! Typed ids. Every id made here is a UUIDv7 (RFC 9562 §5.7), so that index order is insert order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::Timestamp;
use super::entropy::Entropy;

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id: the milliseconds of `now` and 74 random bits.
            pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Self {
                let mut random = [0u8; 10];
                entropy.fill(&mut random);
                let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

typed_id! {
    /// A person's account. It is the `sub` of every token of that user.
    UserId;
    /// A browser signed in. Never shown to a client: clients see a `sid` derived from it.
    SessionId;
    /// A refresh family, and also the grant that an authorization code opened (they share the id).
    GrantId;
    /// A one-time link.
    LinkId;
    /// An event. The order of these ids is the order of time, to the millisecond.
    EventId;
}

impl GrantId {
    /// The millisecond that it was made in, since 1970; `None` of an id that was made elsewhere.
    pub fn millisecond(self) -> Option<i64> {
        (self.0.get_version_num() == 7).then(|| i64::try_from(self.0.as_u128() >> 80).ok()).flatten()
    }

    /// The millisecond that the grant is of, since 1970: when its code was issued, by whose id it goes, whenever what came of the code was written. Or
    /// when that was, if it was earlier or the id tells nothing.
    pub fn given_in(self, written_at: Timestamp) -> i64 {
        let written_in = written_at.timestamp_millis();
        self.millisecond().map_or(written_in, |issued_in| issued_in.min(written_in))
    }
}

impl EventId {
    /// A fresh id of the `nth` event of one unit of work: they keep their order within the millisecond (RFC 9562 §6.2, method 1).
    pub fn generate_nth(now: Timestamp, nth: u16, entropy: &dyn Entropy) -> Self {
        let mut random = [0u8; 10];
        entropy.fill(&mut random);
        let [high, low] = nth.min(0x0fff).to_be_bytes();
        (random[0], random[1]) = (high, low);
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The first id that an event of this millisecond can have.
    pub fn first_at(at: Timestamp) -> Self {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
    }
}

/// An OAuth client's identifier (RFC 6749 §2.2): 1 to 128 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientId(String);

/// Why a text is not a client id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a client id has 1 to 128 letters, digits or the signs - . _ ~ : @ / and is not a UUID, the form of user ids")]
pub struct InvalidClientId;

impl ClientId {
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@/".contains(&b);
        // Not the form of a user id: in an access token either can be the `sub`.
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) && Uuid::parse_str(text).is_err() {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidClientId)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidClientId;
    fn try_from(text: String) -> Result<Self, InvalidClientId> {
        Self::parse(&text)
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> String {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({})", self.0)
    }
}
