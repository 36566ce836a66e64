//! Building connection URLs from parts.

use std::net::Ipv6Addr;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// `scheme://host:port`; `None` when `host` cannot stand in a URL. Takes IPv6 addresses without brackets.
pub(super) fn url(scheme: &str, host: &str, port: u16) -> Option<Url> {
    let host = match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    };
    // Checked apart from the URL, in which `a/b` or `a:1` would quietly become more than a host.
    let host = Host::parse_opaque(&host).ok()?.to_string();
    let mut url = Url::parse(&format!("{scheme}://host")).ok()?;
    url.set_host(Some(&host)).ok()?;
    url.set_port(Some(port)).ok()?;
    (!host.is_empty()).then_some(url)
}

/// The parts of `host:port`, an IPv6 address in brackets and given without them; `None` when it is not that.
pub(super) fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.to_string(),
        None => url("redis", host, port).and_then(|_| (!host.contains(':')).then(|| host.to_owned()))?,
    };
    Some((host, port))
}

/// Where `url` leads, without credentials and options, for logs: `db:26257/scheduler`.
pub(super) fn endpoint(url: &SecretString) -> String {
    let Ok(url) = Url::parse(url.expose_secret()) else {
        return "unknown".to_owned();
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}{}", url.host_str().unwrap_or_default(), url.path())
}

#[cfg(test)]
mod tests {
    use super::{endpoint, host_and_port, url};

    #[test]
    fn an_endpoint_tells_no_secret() {
        assert_eq!(
            endpoint(&"postgres://me:secret@db:26257/jobs?password=secret".into()),
            "db:26257/jobs"
        );
        assert_eq!(endpoint(&"redis://:secret@[::1]/0".into()), "[::1]/0");
        assert_eq!(endpoint(&"no url, maybe a secret".into()), "unknown");
    }

    #[test]
    fn a_host_goes_with_a_port() {
        let parts = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(host_and_port("a.b.svc:1"), parts("a.b.svc", 1));
        assert_eq!(host_and_port("10.0.0.1:65535"), parts("10.0.0.1", 65_535));
        assert_eq!(host_and_port("[::1]:26379"), parts("::1", 26_379));
        for bad in [
            "", "a", ":1", "a:", "a:0", "a:65536", "a:b", "a b:1", "::1", "::1:1", "[a]:1", "[::1]",
            "r://a:1",
        ] {
            assert_eq!(host_and_port(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_hosts_are_taken_for_hosts() {
        for good in ["localhost", "db-0.db.svc", "10.0.0.1", "::1"] {
            assert!(url("postgres", good, 1).is_some(), "{good}");
        }
        for bad in ["", "a b", "a/b", "a?b", "a:1", "user@host"] {
            assert!(url("postgres", bad, 1).is_none(), "{bad}");
        }
    }
}
