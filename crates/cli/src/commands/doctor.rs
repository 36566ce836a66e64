//! `tsctl doctor`: does it answer, and does anybody work?

use std::process::ExitCode;

use scheduler_client::Client;

pub(crate) async fn run(client: &Client, address: &str) -> anyhow::Result<ExitCode> {
    let answer = client.queues().await?;
    println!(
        "ok    {address} answers (served by {})",
        answer.served_by.as_deref().unwrap_or("somebody unnamed")
    );
    let waiting: i64 = answer.queues.iter().map(|queue| queue.ready).sum();
    println!(
        "ok    {waiting} jobs wait, {} run, {} are delayed",
        answer.running, answer.delayed
    );
    if answer.workers == 0 {
        println!("FAIL  no worker's heartbeat arrives: nothing will run");
        println!(
            "      start one: scheduler-worker, or: kubectl -n task-scheduler scale deployment scheduler-worker --replicas=2"
        );
        return Ok(ExitCode::FAILURE);
    }
    println!("ok    {} workers", answer.workers);
    Ok(ExitCode::SUCCESS)
}
