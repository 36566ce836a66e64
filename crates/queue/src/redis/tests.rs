//! What only a server can get wrong: faults, foreign writes, and how much memory it takes. Each test has a server of its own.

mod cluster;
mod faults;
mod footprint;
mod foreign;
mod sentinel;
mod server;
mod tls;

use super::scripts;
use server::Server;

#[tokio::test]
async fn every_script_states_its_contract_and_is_accepted() {
    let Some(server) = Server::start().await else {
        return;
    };
    for script in scripts::all() {
        let hash: String = redis::cmd("SCRIPT")
            .arg("LOAD")
            .arg(script.source)
            .query_async(&mut server.admin().await)
            .await
            .unwrap();
        assert_eq!(hash, script.hash);
        let head: Vec<&str> = script
            .source
            .lines()
            .filter(|line| line.starts_with("--"))
            .collect();
        assert!(
            head.iter().any(|line| line.contains("KEYS[1]"))
                && head.iter().any(|line| line.starts_with("-- ->"))
        );
    }
}
