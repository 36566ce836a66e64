//! What waits, and how many workers it takes.

use std::time::Duration;

use scheduler_proto::v1::{self, Job};

use crate::world::{fields, job, start, submit};

#[tokio::test]
async fn stats_say_what_waits_by_queue_priority_and_type_and_how_many_workers_it_takes() {
    let (mut client, _drain) = start().await;
    for (queue, priority, job_type, jobs) in [
        ("mail", 2, "send", 30),
        ("mail", 2, "bounce", 10),
        ("bulk", 4, "send", 5),
    ] {
        for _ in 0..jobs {
            let job = Job {
                queue: queue.to_owned(),
                priority,
                r#type: job_type.to_owned(),
                ..job()
            };
            submit(&mut client, job).await.unwrap();
        }
    }
    let ask = |queue: &str, job_type: &str| v1::GetQueueStatsRequest {
        queue_filter: queue.to_owned(),
        type_filter: job_type.to_owned(),
        drain_target: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
        pool_size: 3,
        ..v1::GetQueueStatsRequest::default()
    };
    // Types are told within a second.
    let mut stats = v1::GetQueueStatsResponse::default();
    for _ in 0..200 {
        stats = client.get_queue_stats(ask("", "")).await.unwrap().into_inner();
        let typed = stats.lines.iter().flat_map(|line| &line.types);
        if typed.filter(|of_type| !of_type.r#type.is_empty()).count() == 3
            && stats.total.as_ref().unwrap().ready == 45
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let lines: Vec<(&str, i32, i64)> = stats
        .lines
        .iter()
        .map(|line| {
            (
                line.queue.as_str(),
                line.priority,
                line.figures.as_ref().unwrap().ready,
            )
        })
        .collect();
    assert_eq!(lines, [("bulk", 4, 5), ("mail", 2, 40)]);
    let types: Vec<(&str, i64)> = stats.lines[1]
        .types
        .iter()
        .map(|of_type| (of_type.r#type.as_str(), of_type.figures.as_ref().unwrap().ready))
        .collect();
    assert_eq!(types, [("bounce", 10), ("send", 30)]);
    let total = stats.total.unwrap();
    assert!(total.arrival_rate > 0.0 && total.mean_run_time.is_none());
    // 45 jobs of a second, as is assumed, in 5 s on pools of 3: three workers, and what arrivals as a rate add.
    assert!(
        total.desired_workers >= 3.0 && stats.desired_workers >= 3,
        "{total:?}"
    );
    assert_eq!(stats.pool_size, 3.0);

    let sent = client
        .get_queue_stats(ask("mail", "send"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((sent.lines.len(), sent.total.unwrap().ready), (1, 30));
    let nothing = client
        .get_queue_stats(ask("none", ""))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((nothing.lines.len(), nothing.desired_workers), (0, 0));
}

#[tokio::test]
async fn stats_refuse_what_is_out_of_bounds_by_the_name_of_its_field() {
    let (mut client, _drain) = start().await;
    let target = |seconds, nanos| v1::GetQueueStatsRequest {
        drain_target: Some(prost_types::Duration { seconds, nanos }),
        ..v1::GetQueueStatsRequest::default()
    };
    let pool = |pool_size| v1::GetQueueStatsRequest {
        pool_size,
        ..v1::GetQueueStatsRequest::default()
    };
    for good in [target(1, 0), target(86_400, 0), pool(0), pool(1), pool(10_000)] {
        client.get_queue_stats(good).await.unwrap();
    }
    let named = |queue: &str, job_type: &str, priority_filter| v1::GetQueueStatsRequest {
        queue_filter: queue.to_owned(),
        type_filter: job_type.to_owned(),
        priority_filter,
        ..v1::GetQueueStatsRequest::default()
    };
    for (bad, field) in [
        (target(0, 999_999_999), "drain_target"),
        (target(86_400, 1), "drain_target"),
        (target(-1, 0), "drain_target"),
        (pool(-1), "pool_size"),
        (pool(10_001), "pool_size"),
        (named("no queue", "", 0), "queue_filter"),
        (named("", "no type", 0), "type_filter"),
        (named("", "", 9), "priority_filter"),
    ] {
        let refused = client.get_queue_stats(bad).await.unwrap_err();
        assert_eq!(fields(&refused), [field]);
    }
}
