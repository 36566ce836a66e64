//! PostgreSQL's protocol, as far as a proxy has to know it to tell statements apart.

mod converse;
mod frames;
mod statements;

pub(super) use converse::{Ends, converse};
pub(super) use frames::Frames;
pub use statements::{On, Statements, Trouble};
