//! What every store must do, as plain functions over a [`Harness`].
//!
//! [`conformance!`](crate::conformance!) lists them once and stamps a test per function on a backend.
