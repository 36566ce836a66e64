//! A group of processes that may not have more memory than they have.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Where cgroups are found: version 1 keeps memory in a tree of its own, version 2 has one tree.
const TREES: [(&str, &str, &str); 2] = [
    (
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.oom_control",
    ),
    ("/sys/fs/cgroup", "memory.max", "memory.events"),
];

/// A memory cgroup; removed when dropped, when the processes in it have ended. Only who may write the tree can have one.
#[derive(Debug)]
pub struct MemoryGroup {
    folder: PathBuf,
    limit: &'static str,
    events: &'static str,
}

impl MemoryGroup {
    /// Makes one.
    ///
    /// # Errors
    /// No tree can be written.
    pub fn create(name: &str) -> Result<Self> {
        let made = TREES.into_iter().find_map(|(tree, limit, events)| {
            let folder = Path::new(tree).join(format!("{name}-{}", std::process::id()));
            std::fs::create_dir(&folder).ok()?;
            let group = Self {
                folder,
                limit,
                events,
            };
            // Version 2 may not have given this tree its memory.
            group.folder.join(limit).exists().then_some(group)
        });
        made.context("a process that runs out of memory needs a memory cgroup that can be written: run it as root, or leave this fault out")
    }

    /// Takes a process in.
    ///
    /// # Errors
    /// It is gone, or not ours.
    pub fn take(&self, process: u32) -> Result<()> {
        self.write("cgroup.procs", &process.to_string())
    }

    /// How much memory its processes may add to what they had when they were taken in.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn limit(&self, bytes: u64) -> Result<()> {
        self.write(self.limit, &bytes.to_string())
    }

    /// How many of its processes were killed because it was full.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn killed(&self) -> Result<u64> {
        let events = std::fs::read_to_string(self.folder.join(self.events))?;
        let killed = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        Ok(killed.context("the kernel does not count them")?.trim().parse()?)
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.folder.join(file);
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // What ended a moment ago may still count as being in it.
        for _ in 0..50 {
            if std::fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
