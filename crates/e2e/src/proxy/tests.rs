//! Each behaviour, on an echo server and on a real PostgreSQL.

mod bytes;
mod postgres;
