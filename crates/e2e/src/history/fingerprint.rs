//! What stands for a text in a history.

/// FNV-1a. Tells whether two texts are the same, not what they are; the same in every build.
#[must_use]
pub fn fingerprint(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
