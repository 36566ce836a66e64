//! That something goes on, for those who watch.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar or a spinner on standard error; nothing when nobody watches. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn start(visible: bool, what: &'static str, total: Option<usize>) -> Self {
        if !visible {
            return Self(ProgressBar::hidden());
        }
        let (bar, template) = match total {
            Some(total) => {
                let total = u64::try_from(total).unwrap_or(u64::MAX);
                (
                    ProgressBar::new(total),
                    "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}",
                )
            }
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}"),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Some steps are done.
    pub(crate) fn advance(&self, steps: usize) {
        self.0.inc(u64::try_from(steps).unwrap_or(u64::MAX));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
