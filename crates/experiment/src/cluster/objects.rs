//! From what kubectl prints to what is asked for.

use std::collections::{BTreeMap, BTreeSet};

use scheduler_client::Timestamp;
use serde_json::Value;

use super::quantity::cores;
use super::{Component, Event};

const INSTANCE: &str = "/metadata/labels/app.kubernetes.io~1instance";
const COMPONENT: &str = "/metadata/labels/app.kubernetes.io~1component";
/// A label of the autoscalers that KEDA makes.
const OF_KEDA: &str = "/metadata/labels/scaledobject.keda.sh~1name";
/// Of all that a cluster tells, what explains a curve.
const REASONS: [&str; 7] = [
    "SuccessfulRescale",
    "KEDAScaleTargetActivated",
    "KEDAScaleTargetDeactivated",
    "KEDAScalerFailed",
    "FailedScheduling",
    "BackOff",
    "OOMKilling",
];

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn count(object: &Value, pointer: &str) -> u64 {
    object
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_default()
}

/// The components of `release` among deployments and pods.
pub(super) fn components(list: &Value, release: &str) -> Vec<Component> {
    let ours: Vec<&Value> = items(list)
        .filter(|object| text(object, INSTANCE) == release)
        .collect();
    let deployments = ours.iter().filter(|object| text(object, "/kind") == "Deployment");
    deployments
        .map(|deployment| {
            let name = text(deployment, COMPONENT);
            let placed = |pod: &&&Value| {
                text(pod, "/kind") == "Pod"
                    && text(pod, COMPONENT) == name
                    && !text(pod, "/spec/nodeName").is_empty()
                    && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
            };
            Component {
                name: name.to_owned(),
                wanted: count(deployment, "/spec/replicas"),
                ready: count(deployment, "/status/readyReplicas"),
                pods: u64::try_from(ours.iter().filter(placed).count()).unwrap_or_default(),
            }
        })
        .collect()
}

/// The least number of pods that autoscalers and KEDA's objects keep, by component. KEDA's own figure counts, which can be
/// below that of the autoscaler that it makes.
pub(super) fn least(list: &Value, release: &str) -> BTreeMap<String, u64> {
    let mut least = BTreeMap::new();
    for object in items(list).filter(|object| text(object, INSTANCE) == release) {
        let fewest = match text(object, "/kind") {
            "ScaledObject" => count(object, "/spec/minReplicaCount"),
            "HorizontalPodAutoscaler" if text(object, OF_KEDA).is_empty() => object
                .pointer("/spec/minReplicas")
                .and_then(Value::as_u64)
                .unwrap_or(1),
            _ => continue,
        };
        least.insert(text(object, COMPONENT).to_owned(), fewest);
    }
    least
}

/// Cores by component, from the metrics API.
pub(super) fn usage(list: &Value, release: &str) -> BTreeMap<String, f64> {
    let mut usage = BTreeMap::new();
    for pod in items(list).filter(|pod| text(pod, INSTANCE) == release) {
        let containers = pod["containers"].as_array().into_iter().flatten();
        let used: f64 = containers
            .filter_map(|container| cores(text(container, "/usage/cpu")))
            .sum();
        *usage.entry(text(pod, COMPONENT).to_owned()).or_default() += used;
    }
    usage
}

/// What the autoscalers did and what kept pods from running, in the order of time.
pub(super) fn events(list: &Value) -> Vec<Event> {
    let told = items(list).filter(|event| REASONS.contains(&text(event, "/reason")));
    let mut events: Vec<Event> = told
        .filter_map(|event| {
            let times = ["/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
            let at = times
                .iter()
                .find_map(|at| text(event, at).parse::<Timestamp>().ok())?;
            let object = text(event, "/involvedObject/name");
            Some(Event {
                at,
                object: format!("{} {object}", text(event, "/involvedObject/kind")),
                reason: text(event, "/reason").to_owned(),
                message: text(event, "/message").to_owned(),
            })
        })
        .collect();
    events.sort_by_key(|event| event.at);
    events
}

/// Names of the releases that these Secrets of Helm's stand for.
pub(super) fn releases(list: &Value) -> BTreeSet<String> {
    items(list)
        .map(|secret| text(secret, "/metadata/labels/name").to_owned())
        .collect()
}

/// Names of the objects.
pub(super) fn names(list: &Value) -> Vec<String> {
    items(list)
        .map(|object| text(object, "/metadata/name").to_owned())
        .collect()
}

/// Name and port of the Service that clients call: the gateway's, or the API's where there is no gateway.
pub(super) fn entrance(list: &Value, release: &str) -> Option<(String, u64)> {
    let called = |component: &str| {
        items(list).find(|service| {
            text(service, INSTANCE) == release
                && text(service, COMPONENT) == component
                && text(service, "/spec/clusterIP") != "None"
        })
    };
    let service = called("gateway").or_else(|| called("api"))?;
    let ports = service.pointer("/spec/ports").and_then(Value::as_array)?;
    let grpc = ports
        .iter()
        .find(|port| text(port, "/name") == "grpc")
        .or(ports.first())?;
    Some((text(service, "/metadata/name").to_owned(), count(grpc, "/port")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(component: &str) -> Value {
        json!({"app.kubernetes.io/instance": "exp", "app.kubernetes.io/component": component})
    }

    fn pod(component: &str, node: Option<&str>, phase: &str) -> Value {
        json!({"kind": "Pod", "metadata": {"labels": labels(component)},
            "spec": {"nodeName": node}, "status": {"phase": phase}})
    }

    #[test]
    fn pods_count_from_their_place_on_a_node_until_they_are_gone() {
        let list = json!({"items": [
            {"kind": "Deployment", "metadata": {"labels": labels("worker")}, "spec": {"replicas": 3}, "status": {"readyReplicas": 1}},
            {"kind": "Deployment", "metadata": {"labels": {"app.kubernetes.io/instance": "another"}}, "spec": {"replicas": 9}},
            {"kind": "Deployment", "metadata": {"labels": labels("api")}, "spec": {"replicas": 0}, "status": {}},
            pod("worker", Some("node"), "Running"),
            pod("worker", Some("node"), "Pending"),
            pod("worker", None, "Pending"),
            pod("worker", Some("node"), "Succeeded"),
            pod("migrate", Some("node"), "Running"),
        ]});
        let seen = components(&list, "exp");
        let of = |name: &str, wanted, ready, pods| Component {
            name: name.to_owned(),
            wanted,
            ready,
            pods,
        };
        assert_eq!(seen, [of("worker", 3, 1, 2), of("api", 0, 0, 0)]);
    }

    #[test]
    fn the_least_is_kedas_own_where_keda_scales() {
        let mut of_keda = labels("worker");
        of_keda["scaledobject.keda.sh/name"] = json!("scheduler-worker");
        let list = json!({"items": [
            {"kind": "HorizontalPodAutoscaler", "metadata": {"labels": labels("api")}, "spec": {"minReplicas": 2}},
            {"kind": "HorizontalPodAutoscaler", "metadata": {"labels": of_keda}, "spec": {"minReplicas": 1}},
            {"kind": "ScaledObject", "metadata": {"labels": labels("worker")}, "spec": {"minReplicaCount": 0}},
        ]});
        assert_eq!(
            least(&list, "exp"),
            [("api".to_owned(), 2), ("worker".to_owned(), 0)].into()
        );
    }

    #[test]
    fn cores_of_all_containers_are_summed_by_component() {
        let metrics = |component: &str, cpu: &[&str]| {
            let containers: Vec<Value> = cpu.iter().map(|cpu| json!({"usage": {"cpu": cpu}})).collect();
            json!({"metadata": {"labels": labels(component)}, "containers": containers})
        };
        let list = json!({"items": [metrics("worker", &["250m", "50m"]), metrics("worker", &["1"]), metrics("api", &["0"])]});
        let usage = usage(&list, "exp");
        assert!(
            (usage["worker"] - 1.3).abs() < 1e-9 && usage["api"] < 1e-9,
            "{usage:?}"
        );
    }

    #[test]
    fn events_that_explain_a_curve_come_in_the_order_of_time() {
        let event = |reason: &str, at: &str| {
            json!({"reason": reason, "message": "New size: 4", "lastTimestamp": at,
            "involvedObject": {"kind": "HorizontalPodAutoscaler", "name": "scheduler-worker"}})
        };
        let list = json!({"items": [event("SuccessfulRescale", "2026-11-27T10:00:09Z"), event("Pulled", "2026-11-27T10:00:01Z"),
            event("BackOff", "2026-11-27T10:00:05Z")]});
        let told: Vec<String> = events(&list).into_iter().map(|event| event.reason).collect();
        assert_eq!(told, ["BackOff", "SuccessfulRescale"]);
    }

    #[test]
    fn clients_call_the_gateway_or_the_api_where_there_is_none() {
        let service = |component: &str, ip: &str| {
            json!({"metadata": {"name": component, "labels": labels(component)},
            "spec": {"clusterIP": ip, "ports": [{"name": "metrics", "port": 2112}, {"name": "grpc", "port": 8081}]}})
        };
        let all = json!({"items": [service("api", "None"), service("api", "10.0.0.2"), service("gateway", "10.0.0.1")]});
        assert_eq!(entrance(&all, "exp"), Some(("gateway".to_owned(), 8081)));
        let api = json!({"items": [service("api", "None"), service("api", "10.0.0.2")]});
        assert_eq!(entrance(&api, "exp"), Some(("api".to_owned(), 8081)));
        assert_eq!(entrance(&json!({"items": []}), "exp"), None);
    }
}
