//! Waiting at the bells.

use std::sync::Arc;
use std::time::Duration;

use bb8::PooledConnection;
use redis::Value;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::RedisQueue;
use super::bells::ring;
use super::blocking::{Blocking, Manager};
use super::call::Call;
use super::codec::{read_bytes, read_token};
use super::link::{Link, unexpected};
use crate::{Error, Served, Woken, metrics as names};

/// A token taken, and the bell it came from.
struct Token {
    bell: String,
    says: Woken,
}

/// Blocks until a token comes. Who finds all connections in use waits for one no longer than for a token.
///
/// The caller may drop this at any moment, and a token must not go with it: the command runs in a task of its own that owns the
/// connection until the answer is there. When nobody wants the answer any more the server is asked to end the wait, and a
/// token that was taken nevertheless is put back.
pub(super) async fn wait(
    queue: &RedisQueue,
    served: &Served,
    longest: Duration,
) -> Result<Option<Woken>, Error> {
    const CONTEXT: &str = "waiting for work";
    let bells: Vec<String> = match served {
        Served::All => vec![queue.keys.any_bell()],
        Served::Only(queues) => queues.iter().map(|name| queue.keys.bell(name)).collect(),
    };
    if bells.is_empty() {
        tokio::time::sleep(longest).await;
        return Ok(None);
    }
    let begun = Instant::now();
    // The pool gives up on who waits in it, for it cannot tell a server that is gone from connections that are all in use. So
    // nobody waits in it.
    let Ok(place) = timeout(longest, Arc::clone(&queue.places).acquire_owned()).await else {
        return Ok(None);
    };
    let place = place.map_err(|error| Error::unavailable(CONTEXT, error))?;
    let connection = queue
        .pool
        .get_owned()
        .await
        .map_err(|error| Error::unavailable(CONTEXT, error))?;
    metrics::histogram!(names::POOL_WAIT).record(begun.elapsed());
    let longest = longest.saturating_sub(begun.elapsed());
    let (tell, told) = oneshot::channel();
    tokio::spawn(stand_at(
        (connection, place),
        bells,
        longest,
        Arc::clone(&queue.link),
        tell,
    ));
    let token = told.await.map_err(|error| Error::unavailable(CONTEXT, error))??;
    Ok(token.map(|token| token.says))
}

async fn stand_at(
    (mut connection, place): (PooledConnection<'static, Manager>, OwnedSemaphorePermit),
    bells: Vec<String>,
    longest: Duration,
    link: Arc<Link>,
    mut tell: oneshot::Sender<Result<Option<Token>, Error>>,
) {
    let id = connection.id;
    let taken = {
        let taking = take(&mut connection, &bells, longest);
        tokio::pin!(taking);
        tokio::select! {
            taken = &mut taking => taken,
            () = tell.closed() => {
                // It may come before the wait has begun on the server's side; then the wait lasts as long as it would have.
                let unblock = Call::command("CLIENT").arg("UNBLOCK").arg(id);
                if let Err(error) = link.ask("ending a wait", unblock).await {
                    debug!(%error, "a wait that nobody wants goes on until its time is up");
                }
                taking.await
            }
        }
    };
    // Back in the pool before the caller can ask for the next one.
    drop(connection);
    drop(place);
    if let Err(Ok(Some(token))) = tell.send(taken)
        && let Err(error) = link
            .ask(
                "putting a token back",
                ring(&[(token.bell, vec![(token.says, 1)])]),
            )
            .await
    {
        debug!(%error, "a token was lost");
    }
}

async fn take(
    connection: &mut Blocking,
    bells: &[String],
    longest: Duration,
) -> Result<Option<Token>, Error> {
    const CONTEXT: &str = "waiting for work";
    let answer = connection
        .pop(bells, longest)
        .await
        .map_err(|error| Error::unavailable(CONTEXT, error))?;
    match answer {
        Value::Nil => Ok(None),
        Value::Array(parts) => match parts.as_slice() {
            [bell, token] => {
                let bell = read_bytes(bell).and_then(|bell| std::str::from_utf8(bell).ok());
                let says = read_bytes(token).and_then(read_token);
                let (Some(bell), Some(says)) = (bell, says) else {
                    return Err(unexpected(CONTEXT));
                };
                Ok(Some(Token {
                    bell: bell.to_owned(),
                    says,
                }))
            }
            _ => Err(unexpected(CONTEXT)),
        },
        _ => Err(unexpected(CONTEXT)),
    }
}
