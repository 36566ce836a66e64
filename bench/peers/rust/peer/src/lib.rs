//! What the peers written in Rust share: the modes of `bench/README.md` over an adapter.

use std::env;
use std::fmt::Write as _;
use std::future::Future;
use std::io::Write as _;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::sync::mpsc;

/// The argument of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Payload {
    pub k: String,
    pub pad: String,
    #[serde(default)]
    pub at: i64,
    #[serde(default)]
    pub ms: u64,
}

/// A peer.
pub trait Adapter: Send + Sync + 'static {
    type Producer: Producer;

    /// Makes the schema.
    fn setup(&self) -> impl Future<Output = Result<()>> + Send;
    fn producer(&self) -> impl Future<Output = Result<Self::Producer>> + Send;
    /// Works until it is dropped or aborted; says when it has begun.
    fn work(&self, handler: Handler, concurrency: usize) -> impl Future<Output = Result<()>> + Send;
}

/// Enqueues.
pub trait Producer: Clone + Send + Sync + 'static {
    /// Enqueues `n` equal jobs through the peer's bulk call.
    fn add(&self, job: &Payload, n: usize) -> impl Future<Output = Result<()>> + Send;
}

/// What a job does.
#[derive(Debug, Clone)]
pub struct Handler(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    n: AtomicUsize,
    first: AtomicI64,
    late: Mutex<Vec<i64>>,
    stamps: String,
    begun: Option<mpsc::UnboundedSender<i64>>,
}

impl Handler {
    fn new(begun: Option<mpsc::UnboundedSender<i64>>) -> Self {
        Self(Arc::new(Seen {
            n: AtomicUsize::new(0),
            first: AtomicI64::new(0),
            late: Mutex::default(),
            stamps: setting("STAMPS", ""),
            begun,
        }))
    }

    /// Runs a job.
    pub async fn run(&self, job: &Payload) {
        let seen = &self.0;
        if seen.first.load(Relaxed) == 0 {
            let _ = seen.first.compare_exchange(0, now(), Relaxed, Relaxed);
        }
        if let Some(begun) = &seen.begun {
            let _ = begun.send(now());
        }
        match job.k.as_str() {
            "stamp" => seen.late.lock().unwrap().push(now() - job.at * 1000),
            "hold" => {
                append(&seen.stamps, &format!("{} {}\n", std::process::id(), now()));
                tokio::time::sleep(Duration::from_millis(job.ms)).await;
            }
            _ => {}
        }
        seen.n.fetch_add(1, Relaxed);
    }
}

fn append(path: &str, text: &str) {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Reads a setting.
pub fn setting(name: &str, otherwise: &str) -> String {
    env::var(name)
        .ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| otherwise.to_owned())
}

/// Reads a setting that is a number.
pub fn number(name: &str, otherwise: u64) -> u64 {
    setting(name, "")
        .parse::<f64>()
        .map_or(otherwise, |number| number as u64)
}

/// Microseconds since 1970.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros() as i64
}

/// Prints a line of the contract.
pub fn say(line: &serde_json::Value) {
    println!("{line}");
}

/// The argument that the settings ask for.
pub fn payload() -> Payload {
    let k = setting("KIND", "noop");
    Payload {
        ms: if k == "hold" { number("HOLD_MS", 600_000) } else { 0 },
        pad: "x".repeat(number("PAD", 100) as usize),
        at: number("RUN_AT_MS", 0) as i64,
        k,
    }
}

/// `produce`.
pub async fn produce<P: Producer>(producer: P) -> Result<()> {
    let (chunk, most) = (number("CHUNK", 1000), number("JOBS", u64::MAX));
    let (seconds, limit) = (number("SECONDS", 0), number("LIMIT", 0));
    let handled = Arc::new(AtomicUsize::new(0));
    if limit > 0 {
        let handled = handled.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(tokio::io::stdin()).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(n) = line.parse() {
                    handled.store(n, Relaxed);
                }
            }
        });
    }
    let (taken, sent) = (Arc::new(Mutex::new(0_u64)), Arc::new(AtomicUsize::new(0)));
    let (job, start) = (payload(), Instant::now());
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..number("PRODUCERS", 1) {
        let (handled, taken, sent) = (handled.clone(), taken.clone(), sent.clone());
        let (producer, job) = (producer.clone(), job.clone());
        loops.spawn(async move {
            while seconds == 0 || start.elapsed() < Duration::from_secs(seconds) {
                let size = {
                    let mut taken = taken.lock().unwrap();
                    let size = chunk.min(most - *taken);
                    let open = (*taken + size).saturating_sub(handled.load(Relaxed) as u64);
                    if limit == 0 || open <= limit {
                        *taken += size;
                        Some(size as usize)
                    } else {
                        None
                    }
                };
                match size {
                    Some(0) => break,
                    Some(size) => {
                        producer.add(&job, size).await?;
                        sent.fetch_add(size, Relaxed);
                    }
                    None => tokio::time::sleep(Duration::from_millis(1)).await,
                }
            }
            Result::<()>::Ok(())
        });
    }
    while let Some(ended) = loops.join_next().await {
        ended??;
    }
    let jobs = sent.load(Relaxed);
    say(&json!({"mode": "produce", "jobs": jobs, "seconds": start.elapsed().as_secs_f64()}));
    Ok(())
}

async fn work<A: Adapter>(adapter: Arc<A>) -> Result<()> {
    let handler = Handler::new(None);
    let seen = handler.0.clone();
    let concurrency = number("CONCURRENCY", 10) as usize;
    let working = tokio::spawn(async move { adapter.work(handler, concurrency).await });
    say(&json!({"ready": now()}));
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let eof = async {
        let mut stdin = tokio::io::stdin();
        let mut buffer = [0; 1024];
        while matches!(stdin.read(&mut buffer).await, Ok(n) if n > 0) {}
    };
    let mut told = usize::MAX;
    let mut tell = || {
        let n = seen.n.load(Relaxed);
        if n != told {
            say(&json!({"n": n, "us": now(), "first": seen.first.load(Relaxed)}));
            told = n;
        }
    };
    let mut ticks = tokio::time::interval(Duration::from_millis(25));
    tokio::pin!(eof);
    loop {
        tokio::select! {
            _ = ticks.tick() => tell(),
            _ = term.recv() => break,
            () = &mut eof => break,
        }
        if working.is_finished() {
            working.await??;
            bail!("the worker ended by itself");
        }
    }
    tell();
    let late = std::mem::take(&mut *seen.late.lock().unwrap());
    if !late.is_empty() {
        let mut text = String::new();
        for us in late {
            let _ = writeln!(text, "{} {us}", std::process::id());
        }
        append(&seen.stamps, &text);
    }
    Ok(())
}

async fn latency<A: Adapter>(adapter: Arc<A>) -> Result<()> {
    let (sender, mut begun) = mpsc::unbounded_channel();
    let handler = Handler::new(Some(sender));
    let producer = adapter.producer().await?;
    let concurrency = number("CONCURRENCY", 10) as usize;
    tokio::spawn(async move { adapter.work(handler, concurrency).await });
    let (mut samples, mut whole) = (Vec::new(), Vec::new());
    let (job, warm) = (payload(), 20);
    for i in 0..warm + number("SAMPLES", 500) {
        let called = now();
        producer.add(&job, 1).await?;
        let acknowledged = now();
        let start = tokio::time::timeout(Duration::from_secs(60), begun.recv())
            .await?
            .context("no worker")?;
        if i >= warm {
            samples.push(start - acknowledged);
            whole.push(start - called);
        }
        tokio::time::sleep(Duration::from_millis(number("REST_MS", 20))).await;
    }
    say(&json!({"mode": "latency", "us": samples, "whole_us": whole}));
    Ok(())
}

/// Runs the mode that the command line names.
pub async fn main<A: Adapter>(adapter: A) -> Result<()> {
    let adapter = Arc::new(adapter);
    match env::args().nth(1).as_deref() {
        Some("setup") => adapter.setup().await?,
        Some("produce") => produce(adapter.producer().await?).await?,
        Some("work") => work(adapter).await?,
        Some("latency") => latency(adapter).await?,
        other => bail!("no such mode: {other:?}"),
    }
    std::process::exit(0);
}
