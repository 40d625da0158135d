//! In which order a list comes, and what is said where it cannot come so. Each order is one that an index has: a page of it is as fast as any other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Datelike;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum};

use super::problem::{Details, Problem, among, details};
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::domain::user::is_username;
use crate::service::admin::AdminError;
use crate::service::admin::listed::Order;

/// In which order a list comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Sort {
    /// What was there first comes first.
    CreatedAt,
    /// The newest comes first.
    CreatedAtDesc,
}

/// In which order users come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum UserSort {
    /// Who was created first comes first.
    CreatedAt,
    /// Who was created last comes first.
    CreatedAtDesc,
    /// By user name, in the order of its characters in Unicode.
    Username,
    /// By user name, backwards.
    UsernameDesc,
}

/// In which order groups come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum GroupSort {
    /// By name, in the order of its characters.
    Name,
    /// By name, backwards.
    NameDesc,
}

/// In which order consents come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ConsentSort {
    /// By the application's id.
    ClientId,
    /// By the application's id, backwards.
    ClientIdDesc,
}

/// In which order events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum EventSort {
    /// What happened first comes first.
    At,
    /// The newest comes first.
    AtDesc,
}

/// In which order clients come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ClientSort {
    /// By `client_id`.
    Id,
    /// By `client_id`, backwards.
    IdDesc,
    /// What was registered first comes first.
    CreatedAt,
    /// What was registered last comes first.
    CreatedAtDesc,
}

/// Of those that know one order, and that the other way round.
macro_rules! both_ways {
    ($($sort:ident: $ascending:ident, $descending:ident;)*) => {
        $(impl From<$sort> for Order {
            fn from(sort: $sort) -> Self {
                match sort {
                    $sort::$ascending => Self::Ascending,
                    $sort::$descending => Self::Descending,
                }
            }
        })*
    };
}

both_ways! {
    Sort: CreatedAt, CreatedAtDesc;
    GroupSort: Name, NameDesc;
    ConsentSort: ClientId, ClientIdDesc;
    EventSort: At, AtDesc;
}

/// The order of a list by time, as it is asked for, or else as it always was.
pub fn by_time(sort: Option<Sort>) -> Order {
    sort.map_or(Order::Ascending, Order::from)
}

/// What users are listed by.
pub enum UserOrder {
    Time(Order),
    Name(Order),
}

impl From<Option<UserSort>> for UserOrder {
    fn from(sort: Option<UserSort>) -> Self {
        match sort {
            None | Some(UserSort::CreatedAt) => Self::Time(Order::Ascending),
            Some(UserSort::CreatedAtDesc) => Self::Time(Order::Descending),
            Some(UserSort::Username) => Self::Name(Order::Ascending),
            Some(UserSort::UsernameDesc) => Self::Name(Order::Descending),
        }
    }
}

/// Where a list by name goes on. Neither a list by time nor a search takes it, and it takes nothing of theirs.
pub fn name_mark(username: &str) -> String {
    format!("name.{}", URL_SAFE_NO_PAD.encode(username))
}

pub fn name_marked(text: &str) -> Option<String> {
    let name = String::from_utf8(URL_SAFE_NO_PAD.decode(text.strip_prefix("name.")?).ok()?).ok()?;
    is_username(&name).then_some(name)
}

/// What clients are listed by.
pub enum ClientOrder {
    Id(Order),
    Time(Order),
}

impl From<Option<ClientSort>> for ClientOrder {
    fn from(sort: Option<ClientSort>) -> Self {
        match sort {
            None | Some(ClientSort::Id) => Self::Id(Order::Ascending),
            Some(ClientSort::IdDesc) => Self::Id(Order::Descending),
            Some(ClientSort::CreatedAt) => Self::Time(Order::Ascending),
            Some(ClientSort::CreatedAtDesc) => Self::Time(Order::Descending),
        }
    }
}

/// Where a list of clients by time goes on. No id has a comma in it, so a list by id does not take this, and it takes no id.
pub fn client_mark((at, id): &(Timestamp, ClientId)) -> String {
    format!("time,{},{id}", at.timestamp_micros())
}

pub fn client_marked(text: &str) -> Option<(Timestamp, ClientId)> {
    let (micros, id) = text.strip_prefix("time,")?.split_once(',')?;
    let at = Timestamp::from_timestamp_micros(micros.parse().ok()?).filter(|at| (0..=9999).contains(&at.year()))?;
    let place = (at, ClientId::parse(id).ok()?);
    // In one way only, as it was given.
    (client_mark(&place) == text).then_some(place)
}

/// A refusal or a failure of a list that cannot come in every order.
#[derive(Debug, ApiResponse)]
pub enum ListProblem {
    /// The request is malformed: `request-malformed`.
    #[oai(status = 400, content_type = "application/problem+json")]
    Malformed(Json<Box<Details>>),
    /// No access token, or one that is expired, ended, of another issuer or for another audience: `token-missing`, `token-invalid`.
    /// Or its user signed in too long ago for what is dangerous: `authentication-too-old`.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(
        Json<Box<Details>>,
        /// How to authenticate (RFC 6750 §3); with `max_age` in seconds if it is only too long ago (RFC 9470 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// The token's scope or user does not suffice: `scope-insufficient`, `administrator-required`, `privilege-exceeded`.
    #[oai(status = 403, content_type = "application/problem+json")]
    Forbidden(
        Json<Box<Details>>,
        /// What would suffice (RFC 6750 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// There is no such thing: `not-found`.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Box<Details>>),
    /// No index has what is asked for in the order that `sort` says: `invalid`. `detail` tells what to leave out.
    #[oai(status = 422, content_type = "application/problem+json")]
    Invalid(Json<Box<Details>>),
    /// The server made a mistake; its log has the rest under the `X-Request-Id` of the response: `internal`.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Box<Details>>),
    /// Nothing was done; it is worth another try: `unavailable`.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(
        Json<Box<Details>>,
        /// Seconds to wait before the next try.
        #[oai(header = "Retry-After")]
        u32,
    ),
}

impl ListProblem {
    /// What is asked for beside the parameter `sort` does not go with it.
    pub fn sort(detail: &str) -> Self {
        Self::Invalid(Json(details(422, "invalid", format!("The parameter `sort` does not go with the others: {detail}"))))
    }
}

among!(Problem => ListProblem);

impl From<AdminError> for ListProblem {
    fn from(error: AdminError) -> Self {
        Problem::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_leads_back_to_its_name() {
        assert_eq!(name_marked(&name_mark("zoë")).as_deref(), Some("zoë"));
        for other in ["", "zoë", "name.", "name.!", "name.AA", "0198c5f2-7d3e-7b52-8c3a-61f02e4d9a18.YW5u", &name_mark("a\0"), &name_mark("a b")] {
            assert_eq!(name_marked(other), None, "{other}");
        }
    }

    #[test]
    fn a_mark_of_a_client_leads_back_to_its_place() {
        let place = (Timestamp::from_timestamp_micros(1_767_256_200_000_001).unwrap(), ClientId::parse("a.b/c@d").unwrap());
        assert_eq!(client_mark(&place), "time,1767256200000001,a.b/c@d");
        assert_eq!(client_marked(&client_mark(&place)), Some(place));
        for other in [
            "",
            "notes",
            "time",
            "time,",
            "time,1",
            "time,1,",
            "time,1,a b",
            "time,1,a\0",
            "time,1,a,b",
            "time,+1,a",
            "time,01,a",
            "time,x,a",
            "time,9223372036854775807,a",
            "time,253402300800000000,a",
            "name.YW5u",
        ] {
            assert_eq!(client_marked(other), None, "{other}");
        }
        assert!(ClientId::parse("time,1,a").is_err(), "nor is it the id of a client");
    }
}
