//! Files that somebody wrote for an experiment.

use std::fs;

use scheduler_fuzz::{check, text_near};

use crate::{Error, Profile, Side};

#[test]
fn a_profile_is_read_and_becomes_a_load_or_the_field_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("profile.yaml");
    check!()
        .with_generator(text_near(&[
            "stages: [0s:5, 20s:5, 0s:200, 25s:200]\narrivals: poisson\nmix: sleep:200ms=90,sleep:5s=10\n\
             priorities: default=80,critical=20\npayload_bytes: 64..512\nseed: 7\n",
            "batch: 1000\nconnections: 65535\nreconnect: 584554531y\nqueue: a\n",
            "stages: [500000000000y:1, 500000000000y:1]\n",
            "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nmix: *c\n",
            "payload_bytes: 1e15m\n",
        ]))
        .for_each(|text| {
            fs::write(&file, text).unwrap();
            let profile = match Profile::read(&file) {
                Ok(profile) => profile,
                Err(Error::Invalid(said)) => return assert!(said.contains("profile.yaml"), "{said}"),
                Err(other) => panic!("{other}"),
            };
            let _ = profile.length();
            if let Err(said) = profile.load() {
                let (field, _) = said.split_once(':').unwrap();
                let known = [
                    "stages",
                    "mix",
                    "priorities",
                    "payload_bytes",
                    "connections",
                    "reconnect",
                ];
                assert!(known.contains(&field), "{said}");
            }
        });
}

#[test]
fn a_values_file_is_a_map_or_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("side.yaml");
    check!()
        .with_generator(text_near(&[
            "worker: {poolSize: 20}\n",
            "# nothing\n",
            "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b]\n\
             d: [*c, *c, *c, *c]\n",
            "a: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\n",
            "a: !!binary aGVsbG8=\n<<: {b: 1}\n? [x]\n: y\n",
        ]))
        .for_each(|text| {
            fs::write(&file, text).unwrap();
            match Side::read(&file) {
                Ok(side) => assert_eq!((side.name.as_str(), &side.text), ("side", text)),
                Err(Error::Invalid(said)) => assert!(said.contains("side.yaml"), "{said}"),
                Err(other) => panic!("{other}"),
            }
        });
}

#[test]
fn aliases_that_unfold_without_end_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bomb.yaml");
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let below = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![below; 9].join(", "));
    }
    fs::write(&file, text).unwrap();
    assert!(matches!(Side::read(&file), Err(Error::Invalid(said)) if said.contains("bomb.yaml")));
}
