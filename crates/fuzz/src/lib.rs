//! What the fuzz targets share: input that is almost right.
//!
//! A decoder's deep paths are reached by input that passes its first checks, so a target names a few good examples and is given
//! those with something done to them, drawn by the engine. A target is an ordinary test beside the decoder; on failure bolero
//! prints the seed, which `BOLERO_RANDOM_SEED` repeats. `ci/fuzz.sh` runs them for longer.

mod edit;
mod near;

#[doc(hidden)]
pub use bolero;
pub use bolero::ValueGenerator as Generate;
pub use bolero::produce as any;
pub use near::{Near, bytes_near, text_near};

/// Inputs that a target is given beside the other tests. They are drawn anew in each run, so there are few: what is looked for on
/// purpose is looked for by `ci/fuzz.sh`, whose environment goes before this.
pub const INPUTS: usize = 100;

/// Begins a target.
#[macro_export]
macro_rules! check {
    () => {
        $crate::bolero::check!().with_iterations($crate::INPUTS)
    };
}
