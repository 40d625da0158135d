//! Pages of a list: keyset pages, so that the thousandth is as fast as the first and nothing is shown twice or left out.

use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Datelike;
use poem::{Request, RequestBody};
use poem_openapi::param::Query;
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::problem::Problem;
use crate::domain::clock::Timestamp;
use crate::domain::secret::Digest;

/// How many items a page holds unless `limit` says otherwise.
pub fn default_limit() -> u32 {
    50
}

/// How many to ask the store for: one more than the page holds tells whether there is another.
pub const fn asked(limit: u32) -> u32 {
    limit.saturating_add(1)
}

/// The parameter `after`: where a list goes on, as `next` of the page before told. It holds what that page was asked for, in short, for a place in one
/// list is none in another: it would lead to a page that is empty, or lacks something.
pub struct After {
    place: Option<String>,
    asked: String,
}

impl After {
    /// The place, as the list knows it.
    pub fn place<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        self.place.as_deref().map(|place| read(place).ok_or_else(malformed)).transpose()
    }

    /// What the next page is asked by: that it goes on after this place.
    pub fn next(&self, place: impl Display) -> String {
        format!("{}.{place}", self.asked)
    }
}

fn malformed() -> Problem {
    Problem::malformed("The parameter `after` is malformed: pass `next` of the page before.".to_owned())
}

/// As the document shows one.
pub fn example(place: impl Display) -> String {
    format!("Zk3vXq0b.{place}")
}

/// How long [`list_of`] is: 48 bits, for nobody gains anything by finding another list with the same.
const ASKED: usize = 8;

/// What list it is, in short: all that was asked for, but where the page begins and how long it is. In whatever order the parameters come.
fn list_of(path: &str, query: &str) -> String {
    let mut parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| !matches!(&**name, "after" | "limit")).collect();
    parameters.sort();
    // Encoded once more, a name or a value ends where it seems to.
    let text = form_urlencoded::Serializer::new(format!("{path}?")).extend_pairs(parameters).finish();
    let Digest(bytes) = Digest::of(text.as_bytes());
    let mut short = URL_SAFE_NO_PAD.encode(bytes);
    short.truncate(ASKED);
    short
}

/// The place in what `next` was, if it is of the list that is asked for.
fn place(after: &str, asked: &str) -> Result<String, Problem> {
    match after.split_once('.') {
        Some((of, place)) if of == asked => Ok(place.to_owned()),
        Some((of, _)) if of.len() == ASKED => Err(Problem::malformed(
            "The parameter `after` is of another list: its page was asked for with other parameters. Pass `next` with those of its page; only `limit` may be another.".to_owned(),
        )),
        _ => Err(malformed()),
    }
}

impl<'a> ApiExtractor<'a> for After {
    const TYPES: &'static [ApiExtractorType] = <Query<Option<String>> as ApiExtractor>::TYPES;

    type ParamType = Option<String>;
    type ParamRawType = String;

    fn register(registry: &mut Registry) {
        <Query<Option<String>> as ApiExtractor>::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(<Option<String> as Type>::schema_ref())
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, options: ExtractParamOptions<Option<String>>) -> poem::Result<Self> {
        let Query(after) = <Query<Option<String>> as ApiExtractor>::from_request(request, body, options).await?;
        let asked = list_of(request.uri().path(), request.uri().query().unwrap_or_default());
        Ok(Self { place: after.map(|after| place(&after, &asked)).transpose()?, asked })
    }
}

/// A time that was asked for: of a year that both databases know, and that RFC 3339 can write.
pub fn time(name: &str, at: Option<Timestamp>) -> Result<Option<Timestamp>, Problem> {
    match at {
        Some(at) if !(0..=9999).contains(&at.year()) => {
            Err(Problem::malformed(format!("The parameter `{name}` is malformed: it must be of the years 0000 to 9999.")))
        }
        at => Ok(at),
    }
}

/// The items of the page, and where the next one begins: after the last of them.
pub fn cut<T, K>(mut found: Vec<T>, limit: u32, key: impl FnOnce(&T) -> K) -> (Vec<T>, Option<K>) {
    let limit = limit as usize;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = if more { found.last().map(key) } else { None };
    (found, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_in_its_list_alone() {
        let list = list_of("/users", "search=a&state=active");
        assert_eq!(list.len(), ASKED);
        for same in ["state=active&search=a", "search=a&limit=2&state=active&after=x", "search=%61&state=active", "&search=a&&state=active"] {
            assert_eq!(list_of("/users", same), list, "{same}");
        }
        for other in ["", "search=a", "search=b&state=active", "search=a&state=active&sort=username", "search=a%26state=active", "search=a=&state=active"] {
            assert_ne!(list_of("/users", other), list, "{other}");
        }
        assert_ne!(list_of("/clients", "search=a&state=active"), list);
        let next = After { place: None, asked: list.clone() }.next("a.b");
        assert_eq!(place(&next, &list).unwrap(), "a.b");
        let refusal = |after: &str| format!("{:?}", place(after, &list).unwrap_err());
        assert!(refusal(&After { place: None, asked: list_of("/users", "") }.next("a.b")).contains("another list"));
        for wrong in ["", ".", "a.b", "a", &list] {
            assert!(refusal(wrong).contains("malformed:"), "{wrong}");
        }
    }

    #[test]
    fn a_full_last_page_has_no_next() {
        assert_eq!(asked(2), 3);
        assert_eq!(cut(vec![1, 2, 3], 2, |n| *n), (vec![1, 2], Some(2)));
        assert_eq!(cut(vec![1, 2], 2, |n| *n), (vec![1, 2], None));
        assert_eq!(cut(Vec::<u8>::new(), 2, |n| *n), (vec![], None));
    }
}
