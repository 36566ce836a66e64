//! `[redis]`: the dispatch index.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::connection;
use super::field::section;

section! {
    /// Redis or Valkey. Holds nothing that cannot be rebuilt from the database.
    pub struct Redis at "redis" {
        /// Where Redis is: `redis://user:password@host:port/db`, or `rediss://` for TLS. When set, the parts below
        /// (host, port, username, password, db) are not used.
        url: Option<SecretString> = None;
        /// Host name or address.
        host: String = "localhost".to_owned();
        /// Port.
        port: u16 = 6379;
        /// User of Redis' access control list.
        username: Option<String> = None;
        /// Password.
        password: Option<SecretString> = None;
        /// Number of the database.
        db: u16 = 0;
        /// Sentinels to ask which server leads: `host:port` of each, 16 at most. Host and port of the server come from them
        /// alone, also in place of those in `url`; user, password, db and TLS stay what they are. Without any, the server
        /// above is the only one.
        sentinels: Vec<String> = Vec::new();
        /// What the Sentinels call the servers that they watch.
        sentinel_master: String = "mymaster".to_owned();
        /// Password of the Sentinels themselves.
        sentinel_password: Option<SecretString> = None;
        /// File with the certificate authorities of the server, for `rediss://`. Without it, the public ones are trusted.
        ssl_root_cert: Option<String> = None;
        /// Connections for commands that wait, at most.
        max_connections: u32 = 16, in 1..=1_000;
        /// Longest wait for a connection. Sentinels have equal shares of it.
        connect_timeout: Duration = Duration::from_secs(5), in Duration::from_millis(100)..=Duration::from_mins(5);
        /// Longest wait for a command's answer, beyond the time that the command itself asks to wait. With Sentinels also how
        /// long a command is sent again while no server leads.
        command_timeout: Duration = Duration::from_secs(2), in Duration::from_millis(10)..=Duration::from_mins(5);
        /// Begins the name of every key, so that several schedulers can share one Redis: `staging:`.
        key_prefix: String = String::new();
    }
}

impl Redis {
    /// Most Sentinels that are taken. More would only make each one's share of the connect timeout shorter.
    pub(super) const MOST_SENTINELS: usize = 16;

    /// The fields that a URL stands for.
    pub(super) const PARTS: &'static [&'static str] = &[
        "redis.host",
        "redis.port",
        "redis.username",
        "redis.password",
        "redis.db",
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
        if self.sentinels.is_empty() {
            connection::endpoint(&self.connection_url())
        } else {
            format!("{} of {}", self.sentinel_master, self.sentinels.join(","))
        }
    }

    /// Host and port of each Sentinel; `None` when one is neither, which loading has refused.
    #[must_use]
    pub fn sentinel_addresses(&self) -> Option<Vec<(String, u16)>> {
        self.sentinels
            .iter()
            .map(|text| connection::host_and_port(text))
            .collect()
    }

    /// The URL that the parts make; `None` when `host` cannot stand in one.
    pub(super) fn built_url(&self) -> Option<Url> {
        let mut url = connection::url("redis", &self.host, self.port)?;
        if let Some(user) = &self.username {
            url.set_username(user).ok()?;
        }
        url.set_password(self.password.as_ref().map(SecretString::expose_secret))
            .ok()?;
        url.set_path(&self.db.to_string());
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_make_a_url() {
        let shown = |redis: &Redis| redis.connection_url().expose_secret().to_owned();
        assert_eq!(shown(&Redis::default()), "redis://localhost:6379/0");
        let redis = Redis {
            password: Some("p@ss".into()),
            db: 3,
            ..Redis::default()
        };
        assert_eq!(shown(&redis), "redis://:p%40ss@localhost:6379/3");
        let redis = Redis {
            username: Some("app".to_owned()),
            ..redis
        };
        assert_eq!(shown(&redis), "redis://app:p%40ss@localhost:6379/3");
    }

    #[test]
    fn with_sentinels_they_are_the_endpoint() {
        let redis = Redis {
            sentinels: vec!["a:26379".to_owned(), "[::1]:5".to_owned()],
            password: Some("secret".into()),
            ..Redis::default()
        };
        assert_eq!(redis.endpoint(), "mymaster of a:26379,[::1]:5");
        let addresses = [("a".to_owned(), 26_379), ("::1".to_owned(), 5)];
        assert_eq!(redis.sentinel_addresses().unwrap(), addresses);
    }
}
