//! What a query says: nothing but what the document names, and nothing twice.

use poem::Request;

use super::described::Described;
use super::problem::Problem;

/// Longer names are not repeated: they may be something that was put there by mistake.
const REPEATED: usize = 40;

/// Every parameter is one of the operation's, and each is there once at most. (The framework passes over those that it does not know, and takes the
/// first of several: with a letter wrong everything would be listed, or an act done to something else.)
pub fn check(request: &Request) -> Result<(), Problem> {
    match request.uri().query() {
        None | Some("") => Ok(()),
        Some(query) => only_once(query, Described::by(request)?.query(request.method(), request.uri().path())),
    }
}

fn only_once(query: &str, known: &[String]) -> Result<(), Problem> {
    let mut seen: Vec<&str> = Vec::with_capacity(known.len());
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        let Some(name) = known.iter().find(|known| **known == name) else {
            return Err(Problem::malformed(format!("There is no parameter {} here: {}.", quoted(&name), listed(known))));
        };
        if seen.contains(&name.as_str()) {
            return Err(Problem::malformed(format!("The parameter `{name}` is given more than once.")));
        }
        seen.push(name);
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    let plain = name.len() <= REPEATED && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'`');
    if plain { format!("`{name}`") } else { "of this name".to_owned() }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "it takes none".to_owned();
    }
    format!("those that there are, are {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_or_there_twice_is_refused() {
        let known = ["client".to_owned(), "group".to_owned()];
        let judge = |query: &str| only_once(query, &known).is_ok();
        for fine in ["", "&", "client=notes", "group=staff&client=notes", "client=", "%63lient=x"] {
            assert!(judge(fine), "{fine}");
        }
        for wrong in ["clinet=notes", "Client=notes", "client=notes&client=x", "client=notes&%63lient=x", "client=notes&x", "="] {
            assert!(!judge(wrong), "{wrong}");
        }
        assert!(only_once("x=1", &[]).is_err() && only_once("", &[]).is_ok());
    }

    #[test]
    fn the_name_is_told_but_not_what_may_be_a_secret() {
        assert_eq!(quoted("clinet"), "`clinet`");
        for other in ["a b", "a`b", "zoë", "\n", "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.x"] {
            assert_eq!(quoted(other), "of this name", "{other}");
        }
    }
}
