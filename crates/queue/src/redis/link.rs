//! The way to the server for commands that do not block: one connection that all callers share.
//!
//! Every call of the queue may be sent twice without harm, so a call that meets a broken connection, or a server that has become a
//! replica, is sent again over a new one: the first call after a restart does not fail. With Sentinels it is sent until a leader
//! takes it, for as long as a command may take: no call fails while the leader hands over.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, Pipeline, RedisError,
    RedisResult, ServerErrorKind, TlsCertificates, Value,
};
use scheduler_domain::{Entropy as _, SystemEntropy};
use tokio::time::Instant;
use tracing::{info, warn};

use super::call::{About, Call};
use super::keys::{Keys, ShardKeys};
use super::leader::Route;
use super::shared::{Answers, Connection, Shared};
use super::{RedisOptions, scripts};
use crate::{Error, metrics as names};

/// A peer that does not acknowledge for so long is gone, whatever TCP hopes.
const PEER_PATIENCE: Duration = Duration::from_secs(5);
/// First and longest pause before a call is sent to whoever leads by then.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(320));

/// Where the server is, with sockets set up for small messages and lost peers.
pub(super) fn address(options: &RedisOptions) -> RedisResult<ConnectionInfo> {
    let keepalive = TcpKeepalive::new()
        .with_time(PEER_PATIENCE)
        .with_interval(PEER_PATIENCE);
    let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(PEER_PATIENCE);
    let address = options.url.as_str().into_connection_info()?.set_tcp_settings(tcp);
    if matches!(address.addr(), ConnectionAddr::TcpTls { .. }) {
        return encrypted(address, options.ssl_root_cert.as_deref());
    }
    Ok(address)
}

/// The same address, with what its certificate is to be checked by.
fn encrypted(address: ConnectionInfo, authorities: Option<&Path>) -> RedisResult<ConnectionInfo> {
    // Other crates of the process bring another provider, and rustls does not choose among several. Whichever is there already does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: authorities.map(std::fs::read).transpose()?,
    };
    let client = Client::build_with_tls(address, certificates)?;
    Ok(client.get_connection_info().clone())
}

/// The shared connection.
pub(super) struct Link {
    shared: Shared,
    /// Whether there are Sentinels to ask.
    moves: bool,
    command_timeout: Duration,
    keys: Arc<Keys>,
}

impl Link {
    /// Does not connect before the first command.
    pub(super) fn new(route: &Arc<Route>, options: &RedisOptions, keys: Arc<Keys>) -> Self {
        Self {
            shared: Shared::new(Arc::clone(route), options),
            moves: route.moves(),
            command_timeout: options.command_timeout,
            keys,
        }
    }

    /// Sends one call.
    pub(super) async fn ask(&self, context: &'static str, call: Call) -> Result<Value, Error> {
        self.try_ask(call)
            .await
            .map_err(|error| Error::unavailable(context, error))
    }

    /// Sends one call, for a caller whose next step depends on how it fails.
    pub(super) async fn try_ask(&self, call: Call) -> RedisResult<Value> {
        self.try_all(vec![call])
            .await
            .map(|mut answers| answers.pop().unwrap_or_default())
    }

    /// Sends calls in one round trip; the answers of all of them, in order, or the first failure.
    pub(super) async fn ask_all(&self, context: &'static str, calls: Vec<Call>) -> Result<Vec<Value>, Error> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        self.try_all(calls)
            .await
            .map_err(|error| Error::unavailable(context, error))
    }

    async fn try_all(&self, calls: Vec<Call>) -> RedisResult<Vec<Value>> {
        let (commands, about): (Vec<Cmd>, Vec<About>) =
            calls.into_iter().map(|call| (call.command, call.about)).unzip();
        let commands = pipeline(commands);
        let answers = if self.moves {
            self.follow(&commands, &about).await?
        } else {
            self.stay(&commands, &about).await?
        };
        self.mend(&about, &answers).await;
        answers.into_iter().collect()
    }

    /// Where one address leads to whoever leads: sends once more after the connection broke, or led to a replica.
    async fn stay(&self, commands: &Pipeline, about: &[About]) -> RedisResult<Answers> {
        let (used, answers) = self.shared.send(commands).await;
        let answers = match answers {
            Err(error) if error.is_unrecoverable_error() => self.send(commands).await?,
            Ok(answers)
                if answers
                    .iter()
                    .any(|answer| is_kind(answer, ServerErrorKind::ReadOnly)) =>
            {
                // After a failover the name in the URL leads to another server, while this connection still leads to the old one,
                // which goes on answering.
                info!("the server has become a replica, connecting anew");
                self.shared.replace(&used);
                self.send(commands).await?
            }
            answers => answers?,
        };
        self.teach(commands, about, answers).await
    }

    /// Where Sentinels say who leads: sends until a leader takes it, each time to the one that leads by then.
    async fn follow(&self, commands: &Pipeline, about: &[About]) -> RedisResult<Answers> {
        let deadline = Instant::now() + self.command_timeout;
        let mut pause = PAUSE.0;
        loop {
            let (used, mut answers) = self.shared.send(commands).await;
            if let Ok(heard) = answers {
                answers = self.teach(commands, about, heard).await;
            }
            if !astray(&answers) {
                return answers;
            }
            self.leave(&used, &answers);
            // Anything up to the pause, so that callers do not come back all at once.
            let rest = pause.mul_f64(SystemEntropy.unit());
            if Instant::now() + rest >= deadline {
                return answers;
            }
            tokio::time::sleep(rest).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Also when a command's time is up: a server that hangs keeps its connections, while another leads.
    fn leave(&self, used: &Connection, answers: &RedisResult<Answers>) {
        let mine = self.shared.replace(used);
        // Once for each leader that is lost; not for each try while there is none.
        if mine && matches!(used.peek(), Some(Ok(_))) {
            let said = match answers {
                Err(error) => Some(error),
                Ok(answers) => answers.iter().find_map(|answer| answer.as_ref().err()),
            };
            info!(
                said = said.map(tracing::field::display),
                "asking the Sentinels who leads"
            );
        }
    }

    async fn send(&self, pipeline: &Pipeline) -> RedisResult<Answers> {
        self.shared.send(pipeline).await.1
    }

    /// Sends scripts that the server does not know again, with their text. Only those: the others have done their work.
    async fn teach(
        &self,
        commands: &Pipeline,
        about: &[About],
        mut answers: Answers,
    ) -> RedisResult<Answers> {
        let strange: Vec<usize> = (0..answers.len())
            .filter(|i| is_kind(&answers[*i], ServerErrorKind::NoScript))
            .collect();
        if strange.is_empty() {
            return Ok(answers);
        }
        let commands: Vec<&Cmd> = commands.cmd_iter().collect();
        let again = pipeline(strange.iter().filter_map(|i| about[*i].with_source(commands[*i])));
        for (i, answer) in strange.into_iter().zip(self.send(&again).await?) {
            answers[i] = answer;
        }
        Ok(answers)
    }

    /// Where a key turned out to be of another type (somebody else wrote it), drops it, so that only this call fails. What was
    /// in it is lost, and the reconciler learns that from the incarnation.
    async fn mend(&self, about: &[About], answers: &[RedisResult<Value>]) {
        let broken = about
            .iter()
            .zip(answers)
            .filter(|(_, answer)| is_wrong_type(answer));
        for (shard, lines) in broken.filter_map(|(about, _)| Some((about.shard?, &about.lines))) {
            let ShardKeys {
                life,
                ready,
                lines: set,
                delayed,
                leases,
                workers,
                claims,
                elect,
            } = self.keys.of(shard);
            let mend = Call::script(
                &scripts::MEND,
                &[set, delayed, leases, workers, claims, elect, life],
            )
            .arg(ready)
            .arg(lines);
            let forget = redis::cmd("DEL").arg(self.keys.incarnation()).take();
            let repair = pipeline(mend.about.with_source(&mend.command).into_iter().chain([forget]));
            match self.send(&repair).await {
                Ok(_) => {
                    metrics::counter!(names::MENDED).increment(1);
                    warn!(%shard, "a key of this shard was of the wrong type and was dropped");
                }
                Err(error) => {
                    warn!(%shard, %error, "a key of this shard is of the wrong type and could not be dropped");
                }
            }
        }
    }
}

/// A pipeline that answers for each command by itself.
fn pipeline(commands: impl IntoIterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline.ignore_errors();
    pipeline
}

fn is_kind(answer: &RedisResult<Value>, kind: ServerErrorKind) -> bool {
    matches!(answer, Err(error) if error.kind() == ErrorKind::Server(kind))
}

/// Whether whoever answered, or did not, is not the leader: a replica, or a leader that its replicas have left for another.
fn astray(answers: &RedisResult<Answers>) -> bool {
    match answers {
        Err(_) => true,
        Ok(answers) => answers.iter().any(|answer| {
            let code = answer.as_ref().err().and_then(RedisError::code);
            code.is_some_and(|code| ["READONLY", "NOREPLICAS", "MASTERDOWN"].contains(&code))
        }),
    }
}

fn is_wrong_type(answer: &RedisResult<Value>) -> bool {
    matches!(answer, Err(error) if error.code() == Some("WRONGTYPE"))
}

/// An answer that no server of ours gives.
pub(super) fn unexpected(context: &'static str) -> Error {
    let error = RedisError::from((
        ErrorKind::UnexpectedReturnType,
        "an answer of another shape was expected",
    ));
    Error::unavailable(context, error)
}

/// Bounds the time that connecting takes.
pub(super) async fn within<T>(
    longest: Duration,
    connecting: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    match tokio::time::timeout(longest, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(RedisError::from(std::io::Error::from(
            std::io::ErrorKind::TimedOut,
        ))),
    }
}
