//! `tsctl dev` as a process.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::tsctl;

/// A running one, which does not outlive its test.
pub(crate) struct Dev {
    pub(crate) process: Child,
    /// Where it serves gRPC, as a URL.
    pub(crate) address: String,
    /// Where it serves `/metrics`: host and port, if asked for.
    pub(crate) metrics: String,
}

impl Dev {
    /// On free ports, with these arguments too. Returns when it serves.
    pub(crate) fn start(args: &[&str]) -> Self {
        let args = [&["dev", "--port", "0"], args].concat();
        let mut process = tsctl("", &args).spawn().unwrap();
        let said = BufReader::new(process.stderr.take().unwrap());
        let mut dev = Self {
            process,
            address: String::new(),
            metrics: String::new(),
        };
        for line in said.lines().map_while(Result::ok) {
            let port = |word: &str| Some(line.split_once(word)?.1.split([' ', '/']).next()?.to_owned());
            if let Some(port) = port("gRPC    localhost:") {
                dev.address = format!("http://localhost:{port}");
            }
            if let Some(port) = port("metrics http://localhost:") {
                dev.metrics = format!("127.0.0.1:{port}");
            }
            if line.starts_with("Ctrl-C") {
                return dev;
            }
        }
        panic!("it ended before it served");
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "measures a process")]
fn an_idle_one_stops_at_once_even_with_a_silent_connection() {
    let mut dev = Dev::start(&[]);
    let _silent = TcpStream::connect(dev.address.trim_start_matches("http://")).unwrap();
    // In the backlog it would not count. Connections are accepted in turn, so it is in once a later one is answered.
    assert!(
        tsctl(&dev.address, &["queues", "list"])
            .status()
            .unwrap()
            .success()
    );
    let pid = dev.process.id().to_string();
    let begun = Instant::now();
    assert!(
        Command::new("kill")
            .args(["-s", "INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(dev.process.wait().unwrap().code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
}
