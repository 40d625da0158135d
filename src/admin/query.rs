//! What a query says, where one that is misread would do harm.

use super::problem::Problem;

/// Every parameter is one of these, and each is there once at most. (The framework passes over those that it does not know, and takes the first of
/// several: with a letter wrong, an act would be done to something else.)
pub fn only_once(query: &str, known: &[&str]) -> Result<(), Problem> {
    let mut seen: Vec<&str> = Vec::with_capacity(known.len());
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        let Some(name) = known.iter().find(|known| **known == name) else {
            return Err(Problem::malformed(format!("There is no such parameter: those that there are, are {}.", listed(known))));
        };
        if seen.contains(name) {
            return Err(Problem::malformed(format!("The parameter `{name}` is given more than once.")));
        }
        seen.push(name);
    }
    Ok(())
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_or_there_twice_is_refused() {
        let judge = |query: &str| only_once(query, &["client", "group"]).is_ok();
        for fine in ["", "client=notes", "group=staff&client=notes", "client=", "%63lient=x"] {
            assert!(judge(fine), "{fine}");
        }
        for wrong in ["clinet=notes", "Client=notes", "client=notes&client=x", "client=notes&%63lient=x", "client=notes&x", "="] {
            assert!(!judge(wrong), "{wrong}");
        }
    }
}
