//! The wire contract: messages, client and server of `scheduler.v1`, and their descriptor set.
//!
//! The contract is `proto/scheduler/v1/scheduler.proto`. The Rust code is generated from it by a pure-Rust compiler
//! and checked in, so that builds need no `protoc` and reviews see what changes; a test fails when it is stale.

/// Package `scheduler.v1`.
#[expect(clippy::allow_attributes, reason = "generated code")]
pub mod v1 {
    include!("generated/scheduler.v1.rs");
}

/// Package `externalscaler`: what KEDA asks of a scaler. Theirs, see the head of its file.
#[expect(clippy::allow_attributes, reason = "generated code")]
pub mod externalscaler {
    include!("generated/externalscaler.rs");
}

/// The encoded `FileDescriptorSet` of `scheduler.v1` and what it imports: for reflection and transcoding.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.binpb");
