//! `tsctl version`

use std::process::ExitCode;

use scheduler_service::version::{REVISION, VERSION};
use serde::Serialize;

use crate::output::{Console, Item};

#[derive(Debug, Serialize)]
struct Version {
    version: &'static str,
    revision: &'static str,
}

impl Item for Version {
    fn name(&self) -> &str {
        self.version
    }

    fn text(&self, _: bool) -> String {
        format!("tsctl {} ({})", self.version, self.revision)
    }
}

pub(super) fn run(console: &Console) -> anyhow::Result<ExitCode> {
    console.item(&Version {
        version: VERSION,
        revision: REVISION,
    })?;
    Ok(ExitCode::SUCCESS)
}
