//! Spans as people say them.

use std::time::Duration;

use chrono::TimeDelta;

/// One unit, the largest that fits: `42s`, `7m`, `3h`, `12d`. Nothing is younger than `0s`.
pub(super) fn age(span: TimeDelta) -> String {
    let seconds = span.num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// To the millisecond below a minute, to the second above: `under 1ms`, `32ms`, `1s 500ms`, `2m 3s`.
pub(super) fn exact(span: TimeDelta) -> String {
    let span = span.to_std().unwrap_or_default();
    if span < Duration::from_millis(1) {
        return "under 1ms".to_owned();
    }
    let coarse = if span < Duration::from_secs(60) {
        Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs(span.as_secs())
    };
    humantime::format_duration(coarse).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let table = [
            (-5, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_800, "2d"),
        ];
        for (seconds, expected) in table {
            assert_eq!(age(TimeDelta::seconds(seconds)), expected);
        }
    }

    #[test]
    fn a_span_is_no_finer_than_anybody_reads() {
        let table = [
            (0, "under 1ms"),
            (32, "32ms"),
            (1_500, "1s 500ms"),
            (123_456, "2m 3s"),
        ];
        for (millis, expected) in table {
            assert_eq!(exact(TimeDelta::milliseconds(millis)), expected);
        }
    }
}
