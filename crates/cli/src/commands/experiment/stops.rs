//! Ctrl-C or SIGTERM: the first ends the measuring, the second the cleaning up. What was measured is written in any case.

use scheduler_experiment::Stops;
use tokio::signal::unix::{SignalKind, signal};

use crate::output::Console;

pub(super) fn stops(console: &Console) -> std::io::Result<Stops> {
    let stops = Stops::default();
    let (told, speaks) = (stops.clone(), !console.is_quiet());
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        let farewells = [
            (
                &told.measuring,
                "stopping: what was installed is uninstalled, what was measured is written; once more to leave it",
            ),
            (&told.cleaning, "left as it is"),
        ];
        for (token, farewell) in farewells {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if speaks {
                eprintln!("{farewell}");
            }
            token.cancel();
        }
    });
    Ok(stops)
}
