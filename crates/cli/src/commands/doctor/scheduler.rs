//! The scheduler itself, by what its public port says.

use scheduler_client::{Client, Error};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::Check;

const SERVICE: &str = "scheduler.v1.SchedulerService";

/// Whether it answers, is healthy, is a scheduler, and has workers. Ends early when nobody answers.
pub(super) async fn check(client: &Client) -> Vec<Check> {
    let address = &client.options().address;
    let answer = match client.queues().await {
        Ok(answer) => answer,
        Err(error) => return unreached(client, address, &error).await,
    };
    let by = answer
        .served_by
        .as_deref()
        .map(|by| format!(", served by {by}"))
        .unwrap_or_default();
    let mut checks = vec![Check::ok("address", format!("{address} answers{by}"))];
    checks.extend(side_services(client).await);
    let ready: i64 = answer.queues.iter().map(|queue| queue.ready).sum();
    let (running, delayed) = (answer.running, answer.delayed);
    checks.push(Check::ok(
        "queues",
        format!("waiting {ready} · running {running} · delayed {delayed}"),
    ));
    checks.push(match answer.workers {
        0 => Check::warning(
            "workers",
            "no workers are running: jobs wait",
            "start one: scheduler-worker, or tsctl dev",
        ),
        workers => Check::ok("workers", format!("{workers} at work")),
    });
    checks
}

/// What can be said when the queues cannot be read: is it nobody, somebody else, or a scheduler without its queue?
async fn unreached(client: &Client, address: &str, error: &Error) -> Vec<Check> {
    if error.is_connection() || matches!(error, Error::Timeout { .. }) {
        let fix = "start one: tsctl dev, or name another with --address";
        return vec![Check::failed("address", format!("{address}: {error}"), fix)];
    }
    let mut checks = side_services(client).await;
    checks.push(match error.code() {
        Code::Unimplemented => Check::failed(
            "address",
            format!("{address} is no {SERVICE}"),
            "name another with --address",
        ),
        Code::Unavailable => {
            let fix = "is Redis up? see: tsctl doctor --redis-url URL --database-url URL";
            Check::failed("queues", format!("{address} answers, but: {error}"), fix)
        }
        _ => Check::failed(
            "queues",
            format!("{address} answers, but: {error}"),
            "see the log of scheduler-api",
        ),
    });
    checks
}

async fn side_services(client: &Client) -> Vec<Check> {
    match client.channel().await {
        Ok(channel) => vec![health(channel.clone()).await, reflection(channel).await],
        Err(error) => vec![Check::failed("health", error.to_string(), "start one: tsctl dev")],
    }
}

async fn health(channel: Channel) -> Check {
    let request = HealthCheckRequest {
        service: SERVICE.to_owned(),
    };
    match HealthClient::new(channel)
        .check(request)
        .await
        .map(|answer| answer.into_inner().status())
    {
        Ok(ServingStatus::Serving) => Check::ok("health", "serving"),
        Ok(status) => {
            let fix = "it drains or lacks its database: see the log of scheduler-api";
            Check::failed(
                "health",
                status.as_str_name().to_lowercase().replace('_', " "),
                fix,
            )
        }
        Err(status) => odd("health", &status),
    }
}

async fn reflection(channel: Channel) -> Check {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    match services(channel, request).await {
        Ok(services) if services.iter().any(|service| service == SERVICE) => {
            Check::ok("reflection", format!("{} services listed", services.len()))
        }
        Ok(_) => Check::warning(
            "reflection",
            format!("{SERVICE} is not listed"),
            "name another with --address",
        ),
        Err(status) => odd("reflection", &status),
    }
}

async fn services(channel: Channel, request: ServerReflectionRequest) -> Result<Vec<String>, Status> {
    let requests = futures::stream::iter([request]);
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(requests)
        .await?
        .into_inner();
    match answers
        .message()
        .await?
        .and_then(|answer| answer.message_response)
    {
        Some(MessageResponse::ListServicesResponse(list)) => {
            Ok(list.service.into_iter().map(|service| service.name).collect())
        }
        _ => Err(Status::unknown("an answer to something else")),
    }
}

/// Not fatal: jobs run without these services.
fn odd(name: &'static str, status: &Status) -> Check {
    match status.code() {
        Code::Unimplemented => Check::warning(
            name,
            "not offered",
            "only tools miss it; --set api.reflection=true",
        ),
        _ => Check::warning(name, status.message().to_owned(), "see the log of scheduler-api"),
    }
}
