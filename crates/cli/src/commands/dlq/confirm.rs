//! Asking before much is changed.

use std::io::{BufRead, Write};

use anyhow::Context as _;

/// Asks; whether the answer was `yes`.
pub(super) fn confirmed(mut ask: impl Write, mut answers: impl BufRead) -> anyhow::Result<bool> {
    write!(ask, "type yes to go on: ")
        .and_then(|()| ask.flush())
        .context("asking")?;
    let mut answer = String::new();
    answers.read_line(&mut answer).context("reading the answer")?;
    Ok(answer.trim() == "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_yes_is_yes() {
        assert!(confirmed(Vec::new(), "yes\n".as_bytes()).unwrap());
        for answer in ["", "\n", "y\n", "YES\n", "no\n", "yes please\n"] {
            assert!(!confirmed(Vec::new(), answer.as_bytes()).unwrap(), "{answer:?}");
        }
    }
}
