//! What somebody who misspelled a field probably meant.

/// How alike two names must be, 0 … 1, for one to be proposed for the other.
const LIKENESS: f64 = 0.6;
/// Longer than any path: nothing is like it, and to find that out would take long.
const LONGEST: usize = 200;

/// The path most like `wrong`: one with the same field name in another section, otherwise the most similar.
pub(super) fn nearest<'a>(wrong: &str, paths: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > LONGEST {
        return None;
    }
    let name = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let wrong_name = name(wrong);
    let likeness = |path: &str| {
        let whole = strsim::normalized_damerau_levenshtein(wrong, path);
        // A field under the wrong section, or under none, is a likelier mistake than another field's name.
        if name(path) == wrong_name {
            1.0 + whole
        } else {
            whole
        }
    };
    paths
        .map(|path| (likeness(path), path))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_field_that_was_meant_is_found() {
        let paths = [
            "api.port",
            "api.metrics_port",
            "worker.pool_size",
            "worker.metrics_port",
            "redis.port",
        ];
        let nearest = |wrong| nearest(wrong, paths.into_iter());
        assert_eq!(nearest("api.prot"), Some("api.port"));
        assert_eq!(nearest("worker.poolsize"), Some("worker.pool_size"));
        assert_eq!(nearest("pool_size"), Some("worker.pool_size"));
        assert_eq!(nearest("wrker.metrics_port"), Some("worker.metrics_port"));
        assert_eq!(nearest("something.else_entirely"), None);
    }
}
