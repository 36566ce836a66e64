//! One thing done to an example.

use bolero::TypeGenerator;

/// What a decoder may trip over.
const PIECES: &[&str] = &[
    "",
    "\0",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\"",
    "'",
    "\\",
    "/",
    ":",
    "::",
    ",",
    ".",
    "..",
    "=",
    "-",
    "+",
    "%",
    "@",
    "#",
    "&",
    "?",
    "*",
    "!",
    "<",
    "{",
    "}",
    "[",
    "]",
    "(",
    "$",
    "${HOME}",
    "%00",
    "%2e",
    "\u{0}\u{1}",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{feff}",
    "\u{e9}",
    "\u{ff10}",
    "\u{1f4a3}",
    "\u{10ffff}",
    "null",
    "true",
    "NaN",
    "inf",
    "-0",
    "0",
    "1",
    "9",
    "0x1f",
    "1e999",
    "1e-999",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "99999999999999999999999999999999999999999",
    "0.00000000000000000000000000000000000001",
    "ns",
    "ms",
    "s",
    "d",
    "y",
    "KiB",
    "\u{b5}s",
];

/// Longest that an edit makes anything, so that a run's time is bounded.
const MOST: usize = 1 << 16;

#[derive(Clone, Debug, TypeGenerator)]
pub(crate) enum Edit {
    Insert { at: u16, piece: u8 },
    Put { at: u16, byte: u8 },
    Flip { at: u16, bit: u8 },
    Remove { at: u16, count: u8 },
    Repeat { at: u16, count: u8, times: u8 },
    Cut { at: u16 },
    Raw { at: u16, bytes: Vec<u8> },
}

impl Edit {
    pub(crate) fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |at: u16| usize::from(at) % (bytes.len() + 1);
        match self {
            Self::Insert { at, piece } => {
                let at = place(*at);
                let piece = PIECES[usize::from(*piece) % PIECES.len()];
                bytes.splice(at..at, piece.bytes());
            }
            Self::Put { at, byte } => {
                let at = place(*at);
                bytes.insert(at, *byte);
            }
            Self::Flip { at, bit } => {
                let at = place(*at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Remove { at, count } => {
                let at = place(*at);
                let end = bytes.len().min(at + usize::from(*count));
                bytes.drain(at..end);
            }
            Self::Repeat { at, count, times } => {
                let at = place(*at);
                let end = bytes.len().min(at + usize::from(*count));
                let piece = bytes[at..end].repeat(usize::from(*times));
                bytes.splice(at..at, piece);
            }
            Self::Cut { at } => {
                let at = place(*at);
                bytes.truncate(at);
            }
            Self::Raw { at, bytes: raw } => {
                let at = place(*at);
                bytes.splice(at..at, raw.iter().copied());
            }
        }
        bytes.truncate(MOST);
    }
}
