//! `[database]`: the record of jobs.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::connection;
use super::field::section;
use super::setting::choice;

section! {
    /// CockroachDB or PostgreSQL.
    pub struct Database at "database" {
        /// Where the database is: `postgres://user:password@host:port/database?sslmode=…`. When set, the parts
        /// below (host, port, user, password, database, sslmode, ssl_root_cert) are not used.
        url: Option<SecretString> = None;
        /// Host name or address.
        host: String = "localhost".to_owned();
        /// Port.
        port: u16 = 26257;
        /// User.
        user: String = "root".to_owned();
        /// The user's password.
        password: Option<SecretString> = None;
        /// Name of the database.
        database: String = "scheduler".to_owned();
        /// Whether the connection is encrypted and the server's certificate checked.
        sslmode: SslMode = SslMode::Disable;
        /// File with the certificate authority of the server.
        ssl_root_cert: Option<String> = None;
        /// Connections this process opens, at most.
        max_connections: u32 = 16, in 1..=1_000;
        /// Connections this process keeps open.
        min_connections: u32 = 2, in 0..=1_000;
        /// Longest that one try to connect at the start may take.
        connect_timeout: Duration = Duration::from_secs(5), in Duration::from_millis(100)..=Duration::from_mins(5);
        /// How long a process that starts waits for the database before it ends with an error. Until then it is alive and not
        /// ready, and says what it waits for. A user or password that the database does not take ends it at once.
        start_timeout: Duration = Duration::from_mins(1), in Duration::from_millis(100)..=Duration::from_hours(1);
        /// Longest that one statement may take.
        statement_timeout: Duration = Duration::from_secs(10), in Duration::from_millis(100)..=Duration::from_mins(10);
        /// Age at which a connection is replaced, so that new database nodes get their share.
        max_lifetime: Duration = Duration::from_mins(30), in Duration::from_secs(10)..=Duration::from_hours(24);
        /// Batches of submitted jobs written at once; a further one only while a whole batch of 1,000 calls waits for it.
        submit_lanes: usize = 2, in 1..=64;
        /// Batches of finished attempts written at once; a further one only while a whole batch of 1,000 waits for it.
        finish_lanes: usize = 2, in 1..=64;
        /// Whether the schema is brought up to date at start.
        migrate_on_start: bool = true;
    }
}

choice! {
    /// How a connection to the database is protected.
    pub enum SslMode {
        /// Not encrypted.
        Disable = "disable",
        /// Encrypted if the server insists.
        Allow = "allow",
        /// Encrypted if the server can.
        Prefer = "prefer",
        /// Encrypted; any certificate will do.
        Require = "require",
        /// Encrypted, and the certificate is signed by a known authority.
        VerifyCa = "verify-ca",
        /// Encrypted, and the certificate is signed by a known authority for this host.
        VerifyFull = "verify-full",
    }
}

impl Database {
    /// The fields that a URL stands for.
    pub(super) const PARTS: &'static [&'static str] = &[
        "database.host",
        "database.port",
        "database.user",
        "database.password",
        "database.database",
        "database.sslmode",
        "database.ssl_root_cert",
    ];

    /// Where to connect: `url` if it is set, otherwise built from the parts, each escaped as it must be.
    ///
    /// Empty when `host` cannot stand in a URL, which loading has refused.
    #[must_use]
    pub fn connection_url(&self) -> SecretString {
        self.url
            .clone()
            .unwrap_or_else(|| self.built_url().map(String::from).unwrap_or_default().into())
    }

    /// Where to connect, without credentials and options, for logs.
    #[must_use]
    pub fn endpoint(&self) -> String {
        connection::endpoint(&self.connection_url())
    }

    /// The URL that the parts make; `None` when `host` cannot stand in one.
    pub(super) fn built_url(&self) -> Option<Url> {
        let mut url = connection::url("postgres", &self.host, self.port)?;
        url.set_username(&self.user).ok()?;
        url.set_password(self.password.as_ref().map(SecretString::expose_secret))
            .ok()?;
        url.path_segments_mut().ok()?.push(&self.database);
        url.query_pairs_mut()
            .append_pair("sslmode", self.sslmode.as_str());
        if let Some(file) = &self.ssl_root_cert {
            url.query_pairs_mut().append_pair("sslrootcert", file);
        }
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(database: &Database) -> String {
        database.connection_url().expose_secret().to_owned()
    }

    #[test]
    fn the_parts_make_a_url() {
        assert_eq!(
            shown(&Database::default()),
            "postgres://root@localhost:26257/scheduler?sslmode=disable"
        );
    }

    #[test]
    fn special_characters_in_the_parts_are_escaped() {
        let database = Database {
            host: "::1".to_owned(),
            user: "a@b".to_owned(),
            password: Some("p/w:?#".into()),
            database: "my db".to_owned(),
            sslmode: SslMode::VerifyFull,
            ssl_root_cert: Some("/certs/ca.crt".to_owned()),
            ..Database::default()
        };
        assert_eq!(
            shown(&database),
            "postgres://a%40b:p%2Fw%3A%3F%23@[::1]:26257/my%20db?sslmode=verify-full&sslrootcert=%2Fcerts%2Fca.crt"
        );
    }

    #[test]
    fn a_url_is_taken_as_it_is() {
        let database = Database {
            url: Some("postgres://x/y".into()),
            ..Database::default()
        };
        assert_eq!(shown(&database), "postgres://x/y");
    }
}
