//! Rebuilds the crate when a migration is added: `sqlx::migrate!` embeds the folder and cannot say so itself.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
