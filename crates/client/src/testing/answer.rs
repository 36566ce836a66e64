//! What the fake answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use scheduler_domain::State;
use scheduler_proto::v1;
use tonic::Status;

use super::refusal;
use super::world::{Inside, World};

/// The job's id, and whether it was there before.
pub(super) fn submit(inside: &mut Inside, job: v1::Job) -> Result<(String, bool), Status> {
    if job.r#type.is_empty() {
        return Err(refusal::invalid(
            "job.type",
            "must be 1-128 of ASCII letters, digits and . _ - : /",
        ));
    }
    let same_id = |known: &v1::Job| !job.job_id.is_empty() && known.job_id == job.job_id;
    let same_key =
        |known: &v1::Job| !job.idempotency_key.is_empty() && known.idempotency_key == job.idempotency_key;
    if let Some(known) = inside
        .records
        .iter()
        .map(|r| &r.job)
        .find(|known| same_id(known) || same_key(known))
    {
        if known.payload_json != job.payload_json || known.r#type != job.r#type {
            return Err(refusal::conflict(&known.job_id, "type, payload_json"));
        }
        return Ok((known.job_id.clone(), true));
    }
    let life = inside.life.clone();
    Ok((inside.insert(job, &life), false))
}

/// What becomes of one job of a batch.
pub(super) fn batch_result(inside: &mut Inside, job: v1::Job) -> v1::BatchSubmitResult {
    match submit(inside, job) {
        Ok((job_id, replayed)) => v1::BatchSubmitResult {
            job_id,
            replayed,
            ..Default::default()
        },
        Err(status) => v1::BatchSubmitResult {
            code: status.code().into(),
            message: status.message().to_owned(),
            reason: "REFUSED".to_owned(),
            fields: vec!["job.type".to_owned()],
            ..Default::default()
        },
    }
}

/// A page; its token is the number of jobs before it.
pub(super) fn list(inside: &Inside, query: &v1::ListJobsRequest) -> Result<v1::ListJobsResponse, Status> {
    let skip: usize = match query.page_token.as_str() {
        "" => 0,
        token => token
            .parse()
            .map_err(|_| refusal::invalid("page_token", "must be the next_page_token of a page"))?,
    };
    let size = usize::try_from(query.page_size).unwrap_or_default();
    let size = if size == 0 { 50 } else { size };
    let matches = |job: &&v1::JobStatus| {
        (query.state_filter == 0 || job.state == query.state_filter)
            && (query.priority_filter == 0 || job.priority == query.priority_filter)
            && (query.type_filter.is_empty() || job.r#type == query.type_filter)
            && (query.queue_filter.is_empty() || job.queue == query.queue_filter)
    };
    let all: Vec<&v1::JobStatus> = inside
        .records
        .iter()
        .rev()
        .map(|r| &r.status)
        .filter(matches)
        .collect();
    let jobs = all
        .iter()
        .skip(skip)
        .take(size)
        .map(|job| (*job).clone())
        .collect();
    let next = skip + size;
    let next_page_token = if next < all.len() {
        next.to_string()
    } else {
        String::new()
    };
    Ok(v1::ListJobsResponse {
        jobs,
        next_page_token,
    })
}

/// The same as load: one type in each line, of which nothing else is known.
pub(super) fn stats(inside: &Inside) -> v1::GetQueueStatsResponse {
    let line = |queue: &v1::Queue, depth: &v1::QueueDepth| {
        let figures = Some(v1::LoadFigures {
            ready: depth.ready,
            oldest_ready_age: depth.oldest_ready_age,
            ..Default::default()
        });
        v1::QueueStats {
            queue: queue.name.clone(),
            priority: depth.priority,
            figures,
            types: vec![v1::TypeStats {
                figures,
                ..Default::default()
            }],
        }
    };
    let queues = queues(inside).queues;
    let lines = queues
        .iter()
        .flat_map(|queue| queue.depths.iter().map(|depth| line(queue, depth)));
    v1::GetQueueStatsResponse {
        lines: lines.collect(),
        ..Default::default()
    }
}

/// What waits, as far as it is QUEUED.
pub(super) fn queues(inside: &Inside) -> v1::ListQueuesResponse {
    let mut queues: BTreeMap<&str, v1::Queue> = BTreeMap::new();
    for record in &inside.records {
        let name = record.status.queue.as_str();
        let queue = queues.entry(name).or_insert_with(|| v1::Queue {
            name: name.to_owned(),
            ..Default::default()
        });
        if record.state() == Some(State::Queued) {
            let age = Some(prost_types::Duration {
                seconds: 90,
                nanos: 0,
            });
            queue.ready += 1;
            queue.oldest_ready_age = age;
            queue.depths.push(v1::QueueDepth {
                priority: record.status.priority,
                ready: 1,
                oldest_ready_age: age,
            });
        }
    }
    v1::ListQueuesResponse {
        queues: queues.into_values().collect(),
        workers: inside.workers,
        ..Default::default()
    }
}

/// The next event after a sequence number, as soon as there is one; `None` at the end of the stream.
pub(super) async fn next_event(world: Arc<World>, job_id: String, after: i64) -> Option<v1::JobEvent> {
    let mut changes = world.changes();
    loop {
        let (event, over) = world.peek(|inside| {
            let record = inside.find(&job_id)?;
            let event = record.events.iter().find(|event| event.sequence > after).cloned();
            Some((event, record.state().is_some_and(State::is_final)))
        })?;
        if event.is_some() || over {
            return event;
        }
        changes.changed().await.ok()?;
    }
}
