//! Files of a run: a process that was killed cuts its last line, and a disk that was full cuts any. A history is read and judged,
//! or the file is named, and what was not told never becomes a clean verdict by a panic that somebody swallowed.

use std::fs;

use scheduler_fuzz::{check, text_near};

use super::{Event, Folder, Setup, judge};

const EVENT: &str = r#"{"run":"r","seed":1,"process":"w","seq":4,"mono_ns":5,"wall_ns":6,"kind":"note","op":"beat","code":"F1","worker":"w-1","epoch":-1,"args":{"sent_ns":1e400},"reply":[null]}"#;
const EVENTS: &str = concat!(
    r#"{"run":"r","seed":1,"process":"c","seq":1,"mono_ns":1000,"wall_ns":2000,"kind":"invoke","op":"submit","job":"00000000-0000-0000-0000-00000000000a"}"#,
    "\n",
    r#"{"run":"r","seed":1,"process":"c","seq":2,"mono_ns":2000,"wall_ns":3000,"kind":"ok","op":"submit","call":1,"job":"00000000-0000-0000-0000-00000000000a"}"#,
    "\n",
    r#"{"run":"r","seed":1,"process":"w","seq":3,"mono_ns":3000,"wall_ns":4000,"kind":"note","op":"start","job":"00000000-0000-0000-0000-00000000000a","epoch":1,"worker":"w-1"}"#,
    "\n",
    r#"{"run":"r","seed":1,"process":"w","seq":4,"mono_ns":18446744073709551615,"wall_ns":0,"kind":"note","op":"beat","worker":"w-1","args":{"sent_ns":9223372036854775808,"held":1,"lost":0}}"#,
    "\n",
);
const ROWS: &str = concat!(
    r#"{"n":1,"job":"00000000-0000-0000-0000-00000000000a","old":null,"new":{"state":1,"epoch":1,"attempts":0,"crashes":0,"max_attempts":3,"run_at_ns":1000},"worker":null,"txid":1,"at_ns":3000}"#,
    "\n",
);
const SHOWN: &str = concat!(
    r#"{"job":"00000000-0000-0000-0000-00000000000a","state":3,"attempts":1,"sequence":3,"result":null}"#,
    "\n",
);

#[test]
fn an_event_is_refused_or_written_as_it_was_read() {
    check!().with_generator(text_near(&[EVENT])).for_each(|line| {
        if let Ok(event) = serde_json::from_str::<Event>(line) {
            let written = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&written).unwrap(), event);
        }
    });
}

#[test]
fn a_run_is_judged_or_the_file_that_cannot_be_read_is_named() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(place.path().join("run"), &Setup::new("test", 1)).unwrap();
    check!()
        .with_generator((text_near(&[EVENTS]), text_near(&[ROWS]), text_near(&[SHOWN])))
        .for_each(|(events, rows, shown)| {
            fs::write(folder.events().join("c.jsonl"), events).unwrap();
            for (file, text) in [
                ("rows.jsonl", rows),
                ("final.jsonl", rows),
                ("shown.jsonl", shown),
            ] {
                fs::write(folder.path().join(file), text).unwrap();
            }
            if let Err(error) = judge(&folder) {
                assert!(format!("{error:#}").contains(".jsonl"), "{error:#}");
            }
        });
}
