//! `tsctl dev` as a process.

use std::io::{BufRead as _, BufReader};
use std::process::Child;

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
