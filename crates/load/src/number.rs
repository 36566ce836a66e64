//! Numbers as people type them: `5k`, `3m`, `1%`, `64..2048`.

/// A count such as `500`, `5k`, `1.5m`.
///
/// # Errors
/// What would have been understood.
pub fn count(text: &str) -> Result<u64, String> {
    let number = rate(text).map_err(|_| "must be a count, such as 500, 5k or 3m".to_owned())?;
    Ok(whole(number))
}

/// A rate per second such as `0.5`, `500`, `5k`.
///
/// # Errors
/// What would have been understood.
pub fn rate(text: &str) -> Result<f64, String> {
    let wrong = || "must be a number, such as 0.5, 500 or 5k".to_owned();
    let (digits, unit) = match text.trim().to_ascii_lowercase() {
        text if text.ends_with('k') => (text[..text.len() - 1].to_owned(), 1e3),
        text if text.ends_with('m') => (text[..text.len() - 1].to_owned(), 1e6),
        text => (text, 1.0),
    };
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    if (0.0..=1e15).contains(&number) {
        Ok(number * unit)
    } else {
        Err(wrong())
    }
}

/// A share such as `1%` or `0.01`.
///
/// # Errors
/// What would have been understood.
pub fn share(text: &str) -> Result<f64, String> {
    let wrong = || "must be a share, such as 1% or 0.01".to_owned();
    let (digits, unit) = text
        .strip_suffix('%')
        .map_or((text, 1.0), |digits| (digits, 100.0));
    let number: f64 = digits.trim().parse().map_err(|_| wrong())?;
    let share = number / unit;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(wrong())
    }
}

/// One size, or the least and the greatest: `128`, `64..2048`, `1k`.
///
/// # Errors
/// What would have been understood.
pub fn sizes(text: &str) -> Result<(usize, usize), String> {
    let wrong = || "must be a size or a range of sizes, such as 128 or 64..2048".to_owned();
    let size = |text: &str| count(text).ok().and_then(|n| usize::try_from(n).ok());
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    match (size(least), size(most)) {
        (Some(least), Some(most)) if least <= most => Ok((least, most)),
        _ => Err(wrong()),
    }
}

/// The whole number nearest to `number`, which is held between 0 and what fits.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, and this is the one place that relies on it"
)]
pub(crate) fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_know_thousands_and_millions() {
        for (text, expected) in [("500", 500), ("5k", 5_000), ("1.5K", 1_500), ("3m", 3_000_000)] {
            assert_eq!(count(text), Ok(expected), "{text}");
        }
        for text in ["", "k", "-5", "5g", "nan", "inf"] {
            assert!(count(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_share_is_a_percentage_or_a_fraction() {
        assert_eq!(share("1%"), Ok(0.01));
        assert_eq!(share("0.5"), Ok(0.5));
        assert!(share("101%").is_err() && share("-1%").is_err() && share("").is_err());
    }

    #[test]
    fn a_size_alone_is_a_range_of_one() {
        assert_eq!(sizes("128"), Ok((128, 128)));
        assert_eq!(sizes("64..2k"), Ok((64, 2_000)));
        assert!(sizes("9..8").is_err() && sizes("..").is_err());
    }
}
