//! From a message's description: a good example of it, and that with one field changed.

use std::collections::HashMap;

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use crate::values;

/// A request of which one field is not as in the example.
pub(crate) struct Case {
    /// Which, as refusals name it.
    pub(crate) path: String,
    /// The whole.
    message: DynamicMessage,
}

impl Case {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.message.encode_to_vec()
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.message.to_string();
        let end = text.floor_char_boundary(2_000);
        write!(f, "{}", &text[..end])
    }
}

/// A request that is good: the job it is about exists, and the job in it can be taken.
pub(crate) fn example(message: &MessageDescriptor, ids: &[String]) -> DynamicMessage {
    let mut example = DynamicMessage::new(message.clone());
    for field in message.fields() {
        let text = |text: &str| Some(Value::String(text.to_owned()));
        let value = match (message.name(), field.name(), field.kind()) {
            ("Job", "type", _) => text("noop"),
            ("Job", "priority", _) => Some(Value::EnumNumber(3)),
            ("Job", "payload_json", _) => text("{}"),
            ("SubmitJobRequest" | "BatchSubmitJobsRequest", _, Kind::Message(job)) => {
                let job = Value::Message(self::example(&job, ids));
                Some(if field.is_list() {
                    Value::List(vec![job])
                } else {
                    job
                })
            }
            // A job to be submitted has no id in the example, so that each is another job.
            (name, "job_id", _) if name != "Job" => ids.first().map(|id| Value::String(id.clone())),
            _ => None,
        };
        if let Some(value) = value {
            example.set_field(&field, value);
        }
    }
    example
}

/// The example with each field, however deep, changed to each value that a field of its kind is tried with.
pub(crate) fn cases(message: &MessageDescriptor, ids: &[String]) -> Vec<Case> {
    let example = example(message, ids);
    let mut cases: Vec<Case> = message
        .fields()
        .flat_map(|field| variants(&example, &field, field.name(), ids))
        .collect();
    cases.push(Case {
        path: String::new(),
        message: example,
    });
    cases
}

/// `whole` with `field` of it changed.
fn variants(whole: &DynamicMessage, field: &FieldDescriptor, path: &str, ids: &[String]) -> Vec<Case> {
    let with = |path: String, value: Value| {
        let mut message = whole.clone();
        message.set_field(field, value);
        Case { path, message }
    };
    let mut cases = Vec::new();
    if field.is_map() {
        cases.extend(
            maps(field, ids)
                .into_iter()
                .map(|map| with(path.to_owned(), Value::Map(map))),
        );
    } else if let Kind::Message(inner) = field.kind() {
        let now = whole.get_field(field);
        let element = match now.as_ref() {
            Value::List(list) => list.first().and_then(Value::as_message).cloned(),
            one => one.as_message().filter(|_| whole.has_field(field)).cloned(),
        };
        let element = element.unwrap_or_else(|| DynamicMessage::new(inner.clone()));
        let put = |message: DynamicMessage| match field.is_list() {
            true => Value::List(vec![Value::Message(message)]),
            false => Value::Message(message),
        };
        for deeper in inner.fields() {
            let path = format!("{path}.{}", deeper.name());
            let changed = variants(&element, &deeper, &path, ids);
            cases.extend(changed.into_iter().map(|case| with(case.path, put(case.message))));
        }
        // Nothing of it, and everything at once of times: seconds and their parts have signs of their own.
        cases.push(with(path.to_owned(), put(DynamicMessage::new(inner.clone()))));
        cases.extend(
            times(&inner)
                .into_iter()
                .map(|time| with(path.to_owned(), put(time))),
        );
        if field.is_list() {
            for count in [0, 2, 1_000, 1_001, 100_000] {
                let list = vec![Value::Message(element.clone()); count];
                cases.push(with(path.to_owned(), Value::List(list)));
            }
        }
    } else {
        cases.extend(
            values::of(&field.kind(), ids)
                .into_iter()
                .map(|value| with(path.to_owned(), value)),
        );
    }
    cases
}

fn times(message: &MessageDescriptor) -> Vec<DynamicMessage> {
    if !["google.protobuf.Duration", "google.protobuf.Timestamp"].contains(&message.full_name()) {
        return Vec::new();
    }
    let parts = [
        (-1, -1),
        (1, -1),
        (-1, 1),
        (0, 1),
        (0, 1_000_000),
        (0, 1_000_000_000),
        (86_400, 1),
        (i64::MAX, i32::MAX),
        (i64::MIN, i32::MIN),
    ];
    let time = |(seconds, nanos)| {
        let mut time = DynamicMessage::new(message.clone());
        time.set_field_by_name("seconds", Value::I64(seconds));
        time.set_field_by_name("nanos", Value::I32(nanos));
        time
    };
    parts.map(time).into()
}

/// Of texts, as all maps of the contract are: each text as a name and as a value, and too many of them.
fn maps(field: &FieldDescriptor, ids: &[String]) -> Vec<HashMap<MapKey, Value>> {
    let Kind::Message(entry) = field.kind() else {
        return Vec::new();
    };
    let (key, value) = (
        entry.map_entry_key_field().kind(),
        entry.map_entry_value_field().kind(),
    );
    assert!(
        key == Kind::String && value == Kind::String,
        "another map than of texts: try it here"
    );
    let one = |name: &str, value: Value| HashMap::from([(MapKey::String(name.to_owned()), value)]);
    let mut maps = Vec::new();
    for value in values::of(&value, ids) {
        if let Value::String(text) = &value {
            maps.push(one(text, Value::String("a".to_owned())));
        }
        maps.push(one("a", value));
    }
    for count in [0, 64, 65, 10_000] {
        let entry = |n: u32| (MapKey::String(format!("a{n}")), Value::String(String::new()));
        maps.push((0..count).map(entry).collect());
    }
    maps
}
