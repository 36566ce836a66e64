//! What kubectl prints.

use scheduler_fuzz::{check, text_near};

use super::{objects, quantity};

#[test]
fn a_quantity_is_a_number_of_cores_or_none() {
    check!()
        .with_generator(text_near(&["2", "250m", "12000000n", "1e9", "inf", "NaN", "-1"]))
        .for_each(|text| {
            if let Some(cores) = quantity::cores(text) {
                assert!(cores.is_finite() && cores >= 0.0, "{text}");
            }
        });
}

#[test]
fn whatever_a_list_holds_no_object_of_it_does_harm() {
    check!()
        .with_generator(text_near(&[
            r#"{"items":[{"kind":"Deployment","metadata":{"name":"a","labels":{"app.kubernetes.io/instance":"r","app.kubernetes.io/component":"worker"}},"spec":{"replicas":-1},"status":{"readyReplicas":18446744073709551615}}]}"#,
            r#"{"items":[{"metadata":{"labels":{"app.kubernetes.io/instance":"r"}},"containers":[{"usage":{"cpu":"1e308"}},{"usage":{"cpu":"1e308"}}]}]}"#,
            r#"{"items":[{"reason":"SuccessfulRescale","lastTimestamp":"2027-01-02T03:04:05Z","involvedObject":{"kind":"Pod","name":"x"},"message":"m"}]}"#,
            "null",
        ]))
        .for_each(|text| {
            let Ok(list) = serde_json::from_str(text) else { return };
            let _ = (objects::components(&list, "r"), objects::least(&list, "r"));
            assert!(objects::usage(&list, "r").values().all(|cores| cores.is_finite()));
            assert!(objects::events(&list).is_sorted_by_key(|event| event.at));
            let _ = (objects::releases(&list), objects::names(&list));
        });
}
