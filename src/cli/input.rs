//! What commands are told: passwords, from a prompt or from standard input, never from an argument (others could read those).

use std::io::{BufRead, IsTerminal, Write};

use super::{Done, Failure};
use crate::domain::secret::Secret;
use crate::service::passwords::MAX_BYTES;

/// A new password: typed twice at a terminal, or the first line of standard input.
pub(super) fn new_password() -> Result<Secret<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return first_line(std::io::stdin().lock());
    }
    let first = Secret::new(rpassword::prompt_password("New password: ")?);
    let second = Secret::new(rpassword::prompt_password("The same again: ")?);
    if first.expose() != second.expose() {
        return Err(Failure("the two passwords differ: nothing was changed, run the command again".to_owned()));
    }
    Ok(first)
}

/// Whether someone sits there to be asked.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks before what cannot be undone. A script is not asked: it knows what it does.
pub(super) fn confirm(question: &str) -> Done {
    if !can_ask() {
        return Ok(());
    }
    // Not on standard output: that may go elsewhere.
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    agreed(std::io::stdin().lock())
}

fn agreed(mut input: impl BufRead) -> Done {
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure("nothing was deleted".to_owned())),
    }
}

/// The line without its end and otherwise as it is: a space may be part of a password.
fn first_line(input: impl BufRead) -> Result<Secret<String>, Failure> {
    let mut line = Vec::with_capacity(MAX_BYTES + 2);
    let most = u64::try_from(MAX_BYTES + 2).unwrap_or(u64::MAX);
    input.take(most).read_until(b'\n', &mut line)?;
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    if line.is_empty() {
        return Err(Failure("no password on standard input: type it at a terminal, or send it as one line".to_owned()));
    }
    String::from_utf8(line).map(Secret::new).map_err(|_| Failure("the password on standard input is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for (answer, yes) in [("y\n", true), ("YES\r\n", true), (" y ", true), ("\n", false), ("", false), ("no\n", false), ("yess\n", false)] {
            assert_eq!(agreed(answer.as_bytes()).is_ok(), yes, "{answer:?}");
        }
    }

    #[test]
    fn a_line_is_taken_as_it_is() {
        for (input, password) in [(" a b \n", " a b "), ("x\r\ny", "x"), ("no end", "no end")] {
            assert_eq!(first_line(input.as_bytes()).map(|p| p.expose().clone()).map_err(|f| f.0), Ok(password.to_owned()));
        }
        assert!(first_line("\n".as_bytes()).is_err());
        assert!(first_line(&b"\xff\n"[..]).is_err());
        assert_eq!(first_line("x".repeat(5000).as_bytes()).map(|p| p.expose().len()).map_err(|f| f.0), Ok(MAX_BYTES + 2));
    }
}
