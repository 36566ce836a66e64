//! Ctrl-C: the first ends the sending, the second the following. What was measured is written in any case.

use scheduler_load::Stops;

use crate::output::Console;

pub(super) fn stops(console: &Console) -> Stops {
    let stops = Stops::default();
    let (told, speaks) = (stops.clone(), !console.is_quiet());
    tokio::spawn(async move {
        let farewells = [
            (
                &told.sending,
                "no more is sent; Ctrl-C again to follow no more what was sent",
            ),
            (&told.following, "following ends"),
        ];
        for (token, farewell) in farewells {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            if speaks {
                eprintln!("{farewell}");
            }
            token.cancel();
        }
    });
    stops
}
