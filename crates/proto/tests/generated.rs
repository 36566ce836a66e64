//! Generates the Rust code again and compares: fails when the checked-in code is stale.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use prost::Message;

/// Compiles `proto`, and compares what comes of it with the `files` that are checked in.
fn compare(proto: &str, files: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = tempfile::tempdir().unwrap();
    let descriptors = protox::compile([proto], [root.join("proto")]).unwrap();
    std::fs::write(
        fresh.path().join("descriptors.binpb"),
        descriptors.encode_to_vec(),
    )
    .unwrap();
    tonic_prost_build::configure()
        .out_dir(fresh.path())
        .compile_fds(descriptors)
        .unwrap();

    let checked_in = root.join("src/generated");
    for file in files {
        let new = std::fs::read(fresh.path().join(file)).unwrap();
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(checked_in.join(file), &new).unwrap();
        }
        let old = std::fs::read(checked_in.join(file)).unwrap_or_default();
        assert!(
            old == new,
            "{file} is stale: UPDATE_GENERATED=1 cargo test -p scheduler-proto, then commit it"
        );
    }
}

#[test]
fn the_checked_in_code_is_what_the_proto_files_generate() {
    compare(
        "scheduler/v1/scheduler.proto",
        &["scheduler.v1.rs", "descriptors.binpb"],
    );
}

#[test]
fn the_checked_in_code_for_keda_is_what_its_proto_file_generates() {
    compare("externalscaler/externalscaler.proto", &["externalscaler.rs"]);
}
