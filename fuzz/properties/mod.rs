//! What must hold of every parser that meets the outside, whatever bytes come.
//!
//! One function a target: it reads the bytes as the parser's input and panics when a promise is broken. `fuzz_targets` lets libFuzzer
//! search for such bytes (`cargo fuzz`); the crate's own tests compile this file too and run the seeds through it, with every input that
//! ever broke a promise among them.

mod answers;
mod http;
mod names;
mod params;
mod proofs;
mod tokens;

/// A parser and what it promises.
pub struct Target {
    /// Also the name of its file in `fuzz_targets` and of its folder in `seeds`.
    pub name: &'static str,
    pub holds: fn(&[u8]),
}

pub const TARGETS: [Target; 16] = [
    Target { name: "accept_language", holds: http::accept_language },
    Target { name: "claims_request", holds: params::claims_request },
    Target { name: "client_credentials", holds: params::client_credentials },
    Target { name: "code", holds: tokens::code },
    Target { name: "cookies", holds: http::cookies },
    Target { name: "dpop_proof", holds: proofs::dpop_proof },
    Target { name: "duration", holds: names::duration },
    Target { name: "forwarded", holds: http::forwarded },
    Target { name: "json", holds: params::json },
    Target { name: "jws", holds: tokens::jws },
    Target { name: "params", holds: params::params },
    Target { name: "pkce", holds: names::pkce },
    Target { name: "prompt", holds: names::prompt },
    Target { name: "redirect_uri", holds: answers::redirect_uri },
    Target { name: "refresh_token", holds: tokens::refresh_token },
    Target { name: "scope", holds: names::scope },
];

/// Runs one target; the targets of cargo-fuzz are this call.
pub fn holds(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("the name of a target");
    (target.holds)(data);
}

/// The input as text: what is no UTF-8 never reaches these parsers.
fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// The text up to the first line feed, and the rest: for targets that take two things.
fn halves(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
    }

    fn names_in(path: &Path) -> BTreeSet<String> {
        let stem = |entry: fs::DirEntry| entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
        fs::read_dir(path).unwrap().map(|entry| stem(entry.unwrap())).collect()
    }

    /// Every prefix of a seed is one more input, which costs nothing to write.
    #[test]
    fn the_seeds_break_no_promise() {
        for target in &TARGETS {
            let seeds: Vec<PathBuf> = fs::read_dir(folder("seeds").join(target.name)).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(!seeds.is_empty(), "{} has no seeds", target.name);
            for seed in seeds {
                let data = fs::read(&seed).unwrap();
                for end in 0..=data.len() {
                    let told = std::panic::catch_unwind(|| holds(target.name, &data[..end]));
                    assert!(told.is_ok(), "{}: the first {end} bytes of {}", target.name, seed.display());
                }
            }
        }
    }

    /// None of them is forgotten by cargo-fuzz.
    #[test]
    fn every_target_is_there() {
        let named: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
        assert_eq!(names_in(&folder("fuzz_targets")), named);
        assert_eq!(names_in(&folder("seeds")), named);
        let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
        for name in &named {
            assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name} is no [[bin]] of fuzz/Cargo.toml");
            let program = fs::read_to_string(folder("fuzz_targets").join(format!("{name}.rs"))).unwrap();
            assert!(program.contains(&format!("holds(\"{name}\", data)")), "fuzz_targets/{name}.rs runs another one");
        }
    }
}
