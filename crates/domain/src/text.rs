//! Text that is kept for people.

/// At most `longest` bytes of `text`, cut at a character, and without NUL, which PostgreSQL text cannot hold.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    let end = (0..=longest.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    text[..end].replace('\0', "\u{fffd}")
}
