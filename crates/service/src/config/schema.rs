//! The configuration file as JSON Schema, for editors and for the chart.

use serde_json::{Map, Number, Value as Json, json};

use super::Config;
use super::field::{Bounds, Field, Section, Visitor};
use super::reference::{limits, paragraph};
use super::setting::Setting;

/// The schema of the configuration file (draft 2020-12). Unknown fields are refused, as they are at load.
#[must_use]
pub fn schema() -> Json {
    let mut builder = Builder {
        root: object(""),
        section: "",
    };
    Config::default().visit(&mut builder);
    builder.root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    builder.root["title"] = json!("Configuration of the task scheduler");
    builder.root
}

struct Builder {
    root: Json,
    section: &'static str,
}

impl Builder {
    /// The properties of the section at `path`, which is made where it is missing.
    fn properties(&mut self, path: &str) -> &mut Json {
        let keys = path.split('.').filter(|key| !key.is_empty());
        let section = keys.fold(&mut self.root, |section, key| {
            let section = &mut section["properties"][key];
            if section.is_null() {
                *section = object("");
            }
            section
        });
        &mut section["properties"]
    }
}

impl Visitor for Builder {
    fn section(&mut self, path: &'static str, doc: &'static [&'static str]) {
        self.section = path;
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        if !name.is_empty() {
            self.properties(parent)[name] = object(&paragraph(doc));
        }
    }

    fn field<T: Setting>(&mut self, field: Field<T>, value: &mut T) {
        let mut schema = T::schema();
        let mut description = paragraph(field.doc);
        if let Some((least, greatest)) = field.bounds.as_ref().and_then(Bounds::ends) {
            match (number(&least), number(&greatest)) {
                (Some(least), Some(greatest)) => {
                    schema["minimum"] = least;
                    schema["maximum"] = greatest;
                }
                // JSON Schema knows no order of texts, so an editor can only show these.
                _ => description.extend(limits(&field).map(|limits| format!(" ({limits})"))),
            }
        }
        schema["description"] = json!(description);
        if let Some(default) = value.show() {
            schema["default"] = json(default);
        }
        // A secret may instead be named by the file that holds it.
        let by_file =
            T::SECRET.then(|| json!({"type": "string", "description": "File that holds the secret."}));
        let name = field.path.rsplit('.').next().unwrap_or(field.path);
        let section = self.section;
        let properties = self.properties(section);
        properties[name] = schema;
        if let Some(by_file) = by_file {
            properties[format!("{name}_file")] = by_file;
        }
    }
}

fn object(description: &str) -> Json {
    let mut object = json!({"type": "object", "additionalProperties": false, "properties": {}});
    if !description.is_empty() {
        object["description"] = json!(description);
    }
    object
}

fn number(value: &toml::Value) -> Option<Json> {
    match value {
        toml::Value::Integer(_) | toml::Value::Float(_) => Some(json(value.clone())),
        _ => None,
    }
}

fn json(value: toml::Value) -> Json {
    match value {
        toml::Value::String(text) => Json::String(text),
        toml::Value::Integer(number) => Json::from(number),
        toml::Value::Float(number) => Number::from_f64(number).map_or(Json::Null, Json::Number),
        toml::Value::Boolean(flag) => Json::Bool(flag),
        toml::Value::Datetime(time) => Json::String(time.to_string()),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, json(value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reference;

    #[test]
    fn every_field_has_a_described_property_and_nothing_else_is_taken() {
        let schema = schema();
        for entry in reference() {
            let pointer = format!("/properties/{}", entry.path.replace('.', "/properties/"));
            let property = schema
                .pointer(&pointer)
                .unwrap_or_else(|| panic!("{pointer} is missing"));
            assert!(
                property["description"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{pointer}"
            );
            assert_eq!(
                property.get("default").is_some(),
                entry.default.is_some(),
                "{pointer}"
            );
        }
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(
            schema["properties"]["worker"]["properties"]["http_call"]["additionalProperties"],
            json!(false)
        );
        assert_eq!(
            schema["properties"]["worker"]["properties"]["pool_size"]["maximum"],
            json!(10_000)
        );
    }
}
