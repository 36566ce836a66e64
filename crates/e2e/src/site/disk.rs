//! A small disk, so that it can be filled.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A file system of some hundred MiB in a file, mounted; unmounted when dropped. Only root may do that.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one in `folder`.
    ///
    /// # Errors
    /// We are not root, or a tool is missing.
    pub fn mount(folder: &Path, mebibytes: u64) -> Result<Self> {
        let image = folder.join("disk.img");
        let at = folder.join("disk");
        std::fs::create_dir_all(&at)?;
        std::fs::File::create(&image)?.set_len(mebibytes << 20)?;
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&at))
            .context("a disk that can be filled needs root")?;
        Ok(Self(at))
    }

    /// An empty folder on it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self) -> Result<PathBuf> {
        let folder = self.0.join("database");
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever wrote there may take a moment to end.
        for _ in 0..50 {
            let unmounted = Command::new("umount").arg(&self.0).output();
            if unmounted.is_ok_and(|done| done.status.success()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

fn run(command: &mut Command) -> Result<()> {
    let done = command
        .output()
        .with_context(|| format!("{} is missing", command.get_program().display()))?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(
        done.status.success(),
        "{}: {said}",
        command.get_program().display()
    );
    Ok(())
}
