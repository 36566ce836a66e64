//! Reads Kubernetes objects, JSON of one per line, and says which of them have fields that this version of Kubernetes does not know,
//! or values of another type: each has to come back whole from the type of its kind.
//!
//! `cargo run --features v1_37 <objects`. Objects of kinds that are not Kubernetes' own are counted and left out.

use std::io::BufRead as _;
use std::process::ExitCode;

use k8s_openapi::api;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

type Checked = Result<(), String>;

fn main() -> ExitCode {
    let (mut checked, mut foreign, mut wrong) = (0, 0, 0);
    for line in std::io::stdin().lock().lines() {
        let read = line.map_err(|error| error.to_string()).and_then(|line| {
            serde_json::from_str::<Value>(&line).map_err(|error| format!("no JSON: {error}"))
        });
        let object = match read {
            Ok(object) => object,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        match check(&object) {
            None => foreign += 1,
            Some(Ok(())) => checked += 1,
            Some(Err(why)) => {
                wrong += 1;
                let name = object.pointer("/metadata/name").and_then(Value::as_str);
                let kind = object["kind"].as_str();
                eprintln!("{} {}: {why}", kind.unwrap_or("?"), name.unwrap_or("?"));
            }
        }
    }
    println!(
        "{checked} objects known to this version, {foreign} of kinds that are not Kubernetes' own, {wrong} wrong"
    );
    if wrong == 0 && checked > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// `None` for an object of a kind that only operators bring. One of Kubernetes' own that is not named here is wrong, so that
/// nothing new goes unchecked.
fn check(object: &Value) -> Option<Checked> {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let kind = object["kind"].as_str().unwrap_or_default();
    Some(match (version, kind) {
        ("v1", "ConfigMap") => whole::<api::core::v1::ConfigMap>(object),
        ("v1", "Pod") => whole::<api::core::v1::Pod>(object),
        ("v1", "Secret") => whole::<api::core::v1::Secret>(object),
        ("v1", "Service") => whole::<api::core::v1::Service>(object),
        ("v1", "ServiceAccount") => whole::<api::core::v1::ServiceAccount>(object),
        ("apps/v1", "Deployment") => whole::<api::apps::v1::Deployment>(object),
        ("apps/v1", "StatefulSet") => whole::<api::apps::v1::StatefulSet>(object),
        ("autoscaling/v2", "HorizontalPodAutoscaler") => {
            whole::<api::autoscaling::v2::HorizontalPodAutoscaler>(object)
        }
        ("batch/v1", "Job") => whole::<api::batch::v1::Job>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => whole::<api::networking::v1::NetworkPolicy>(object),
        ("policy/v1", "PodDisruptionBudget") => whole::<api::policy::v1::PodDisruptionBudget>(object),
        ("rbac.authorization.k8s.io/v1", "Role") => whole::<api::rbac::v1::Role>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => whole::<api::rbac::v1::RoleBinding>(object),
        (version, _) if is_foreign(version) => return None,
        (version, kind) => Err(format!(
            "{version} {kind} is not among the kinds that are checked"
        )),
    })
}

/// Whether a group is somebody else's.
fn is_foreign(version: &str) -> bool {
    let Some((group, _)) = version.split_once('/') else {
        return false;
    };
    group.contains('.') && (!group.ends_with(".k8s.io") || group == "gateway.networking.k8s.io")
}

/// Whether `object` comes back as it is.
fn whole<T: DeserializeOwned + Serialize>(object: &Value) -> Checked {
    let typed: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let back = serde_json::to_value(&typed).map_err(|error| error.to_string())?;
    same("", object, &back)
}

/// What is in `sent` is in `back`; `null` and what is empty count as not there.
fn same(path: &str, sent: &Value, back: &Value) -> Checked {
    match (sent, back) {
        (Value::Object(sent), Value::Object(back)) => sent.iter().try_for_each(|(name, value)| {
            let path = format!("{path}.{name}");
            match back.get(name) {
                Some(there) => same(&path, value, there),
                None if is_nothing(value) => Ok(()),
                None => Err(format!("{path} is not known")),
            }
        }),
        (Value::Array(sent), Value::Array(back)) if sent.len() == back.len() => {
            let mut pairs = sent.iter().zip(back).enumerate();
            pairs.try_for_each(|(i, (sent, back))| same(&format!("{path}[{i}]"), sent, back))
        }
        (sent, back) if sent == back => Ok(()),
        (sent, back) => Err(format!("{path} is {sent}, and was read as {back}")),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(change: impl FnOnce(&mut Value)) -> Option<Checked> {
        let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {
            "template": {"spec": {"containers": [{"name": "c", "image": "i", "env": [], "securityContext": null}]}}
        }});
        change(&mut job);
        check(&job)
    }

    #[test]
    fn an_object_that_is_known_whole_passes() {
        assert_eq!(job(|_| {}), Some(Ok(())));
    }

    #[test]
    fn a_field_that_is_not_known_is_named() {
        let found = job(|job| job["spec"]["template"]["spec"]["containers"][0]["iamge"] = json!("x"));
        let path = ".spec.template.spec.containers[0].iamge is not known";
        assert_eq!(found, Some(Err(path.to_owned())));
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        assert!(matches!(
            job(|job| job["spec"]["backoffLimit"] = json!("3")),
            Some(Err(_))
        ));
    }

    #[test]
    fn only_kinds_of_others_are_left_out() {
        let object = |version: &str| check(&json!({"apiVersion": version, "kind": "X"}));
        assert_eq!(object("keda.sh/v1alpha1"), None);
        assert_eq!(object("gateway.networking.k8s.io/v1"), None);
        assert!(matches!(object("apps/v1"), Some(Err(_))));
        assert!(matches!(object("v1"), Some(Err(_))));
        assert!(matches!(object("storage.k8s.io/v1"), Some(Err(_))));
    }
}
