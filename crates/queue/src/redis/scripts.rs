//! The scripts, one file each in `lua/`, whose heads state what they take and give.
//!
//! Each ends with all of its work done or, when a key is not of its type, fails before its first write that matters; see
//! `mend.lua` for what follows. Scripts that give memory back also run when the server has none left (`allow-oom`).

use std::sync::LazyLock;

/// A script and the hash by which the server knows it.
pub(super) struct Script {
    pub(super) source: &'static str,
    pub(super) hash: String,
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self {
            source,
            hash: redis::Script::new(source).get_hash().to_owned(),
        }
    }
}

macro_rules! scripts {
    ($($name:ident = $file:literal, $flags:literal;)*) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(
                "#!lua flags=", $flags, "\n",
                include_str!("lua/prelude.lua"),
                include_str!(concat!("lua/", $file, ".lua"))
            ))
        });)*

        /// Every script, for tests.
        #[cfg(test)]
        pub(super) fn all() -> Vec<&'static Script> {
            vec![$(&*$name),*]
        }
    };
}

scripts! {
    PUSH = "push", "";
    CLAIM = "claim", "allow-oom";
    ACK = "ack", "allow-oom";
    RELEASE = "release", "allow-oom";
    REMOVE = "remove", "allow-oom";
    EXTEND = "extend", "allow-oom";
    PROMOTE = "promote", "allow-oom";
    EXPIRED = "expired", "allow-oom";
    FORGET = "forget", "allow-oom";
    UNKNOWN = "unknown", "no-writes";
    ELECT = "elect", "allow-oom";
    INHERIT = "inherit", "allow-oom";
    INCARNATION = "incarnation", "allow-oom";
    RING = "ring", "allow-oom";
    DEPTHS = "depths", "no-writes";
    SIZES = "sizes", "no-writes";
    REPORT = "report", "allow-oom";
    REPORTS = "reports", "allow-oom";
    MEND = "mend", "allow-oom";
}
