//! `docs/CONFIG.md` says what the code does.

use scheduler_service::config;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a switch for people, which no product code sees"
)]
fn the_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONFIG.md");
    let generated = config::markdown();
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::write(path, &generated).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == generated,
        "docs/CONFIG.md is out of date; run UPDATE_DOCS=1 cargo test -p scheduler-service"
    );
}

#[test]
fn every_field_is_documented_in_sentences() {
    for entry in config::reference() {
        assert!(entry.doc.ends_with('.'), "{}: {:?}", entry.path, entry.doc);
    }
}
