//! A server on memory backends, for the tests that each bring this file in by its path.

use std::net::SocketAddr;

use scheduler_api::{Deps, Limits, TokenKey, serve};
use scheduler_engine::{Keep, connect};
use scheduler_service::config::Config;
use scheduler_service::shutdown::Stop;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Serves until `stop` says so; where, and what ends when it has ended.
pub(crate) async fn start(limits: Limits, stop: Stop) -> (SocketAddr, JoinHandle<anyhow::Result<()>>) {
    let engine = connect(&Config::default(), Keep::InMemory, Keep::InMemory, "api-0")
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let deps = Deps {
        engine,
        tokens: TokenKey::from_secret("test"),
        instance: "api-0".to_owned(),
        limits,
    };
    (address, tokio::spawn(serve(listener, deps, stop)))
}
