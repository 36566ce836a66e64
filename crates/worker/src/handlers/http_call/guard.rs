//! Which URLs may be called.
//!
//! Hosts that are addresses are checked here, names where they are resolved ([`super::resolver`]): the address that was checked
//! is then the one that is connected to, so a name cannot be re-bound in between.

use std::error::Error as _;
use std::net::IpAddr;

use url::{Host, Url};

use super::reserved;

/// Whether calls are confined to the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// They are.
    On,
    /// Any address and port may be called.
    Off,
}

/// Why a URL or an address may not be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the URL cannot be read: {0}")]
    Unreadable(#[from] url::ParseError),
    #[error("the URL must begin with http:// or https://")]
    Scheme,
    #[error("the URL must not hold a user name or a password")]
    Credentials,
    #[error("port {port} may not be called, only {}", listed(allowed))]
    Port { port: u16, allowed: Vec<u16> },
    #[error("address {address} may not be called: {range}")]
    Address { address: IpAddr, range: &'static str },
}

fn listed(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    ports.join(", ")
}

impl Refused {
    /// Looks for one behind the error of a client.
    pub(super) fn among_sources(error: &reqwest::Error) -> Option<&Self> {
        let mut source = error.source();
        while let Some(error) = source {
            if let Some(refused) = error.downcast_ref() {
                return Some(refused);
            }
            source = error.source();
        }
        None
    }
}

impl Guard {
    /// Reads a URL that may be called: on one of `ports`, unless the guard is off.
    pub(super) fn check(self, url: &str, ports: &[u16]) -> Result<Url, Refused> {
        // By the rules that browsers follow, which make 0x7f.1 and 2130706433 the addresses that they are.
        let url = Url::parse(url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(address.into())?,
            Some(Host::Ipv6(address)) => self.check_address(address.into())?,
            // With a part that is empty it is no name, and `10.0.0.1..` is one that a resolver may take for an address.
            Some(Host::Domain(name))
                if name
                    .strip_suffix('.')
                    .unwrap_or(name)
                    .split('.')
                    .any(str::is_empty) =>
            {
                return Err(url::ParseError::InvalidDomainCharacter.into());
            }
            Some(Host::Domain(_)) => {}
            None => return Err(url::ParseError::EmptyHost.into()),
        }
        match url.port_or_known_default() {
            Some(port) if self == Self::On && !ports.contains(&port) => Err(Refused::Port {
                port,
                allowed: ports.to_vec(),
            }),
            _ => Ok(url),
        }
    }

    /// Checks an address that is about to be connected to.
    pub(super) fn check_address(self, address: IpAddr) -> Result<(), Refused> {
        match reserved::range_of(address) {
            Some(range) if self == Self::On => Err(Refused::Address { address, range }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: [u16; 4] = [80, 443, 8080, 8443];

    #[test]
    fn the_ports_that_may_be_called_are_those_configured() {
        let url = "http://example.com:9000/";
        assert!(Guard::On.check(url, &[80, 9000]).is_ok());
        let refused = Guard::On.check(url, &[80, 443]).unwrap_err();
        assert_eq!(refused.to_string(), "port 9000 may not be called, only 80, 443");
    }

    /// Each with a word of why it is refused.
    const REFUSED: &[(&str, &str)] = &[
        // What is no HTTP URL.
        ("", "cannot be read"),
        ("//example.com", "cannot be read"),
        ("http://", "cannot be read"),
        ("http://exa mple.com", "cannot be read"),
        ("http://[::1", "cannot be read"),
        ("http://[fe80::1%25eth0]/", "cannot be read"),
        ("http://1.2.3.4.5/", "cannot be read"),
        ("http://256.1.1.1/", "cannot be read"),
        ("http://10.0.0.1../", "cannot be read"),
        ("http://example..com/", "cannot be read"),
        ("http://0x100000000/", "cannot be read"),
        ("http://example.com:65536/", "cannot be read"),
        ("ftp://example.com", "http://"),
        ("file:///etc/passwd", "http://"),
        ("gopher://127.0.0.1:6379/_INFO", "http://"),
        ("unix:///run/docker.sock", "http://"),
        ("data:text/plain,x", "http://"),
        ("http://user@example.com/", "user name"),
        ("http://user:password@example.com/", "user name"),
        ("http://:password@example.com/", "user name"),
        ("http://example.com@127.0.0.1/", "user name"),
        // Ports.
        ("http://example.com:22/", "port 22"),
        ("http://example.com:0/", "port 0"),
        ("http://example.com:6379/", "port 6379"),
        ("https://example.com:26257/", "port 26257"),
        // Loopback, in every spelling.
        ("http://127.0.0.1/", "loopback"),
        ("http://127.255.255.254:8080/", "loopback"),
        ("http://127.1/", "loopback"),
        ("http://2130706433/", "loopback"),
        ("http://0x7f000001/", "loopback"),
        ("http://0x7f.0.0.1/", "loopback"),
        ("http://0177.0.0.1/", "loopback"),
        ("http://017700000001/", "loopback"),
        ("http://127.0.0.1./", "loopback"),
        ("http://127.0.0.1\u{3002}/", "loopback"),
        ("http://①②⑦.⓪.⓪.①/", "loopback"),
        ("http://%31%32%37.0.0.1/", "loopback"),
        ("http:\\\\127.0.0.1\\", "loopback"),
        ("http:127.0.0.1", "loopback"),
        (" http://127.0.0.1/", "loopback"),
        ("http://127.0.0.1#@example.com/", "loopback"),
        ("http://[::1]/", "not public"),
        ("http://[0:0:0:0:0:0:0:1]/", "not public"),
        ("http://[::]/", "not public"),
        ("http://0/", "this network"),
        ("http://0.0.0.0/", "this network"),
        // Private, shared, link-local, metadata.
        ("http://10.0.0.1/", "private"),
        ("http://172.16.0.1/", "private"),
        ("http://172.31.255.255/", "private"),
        ("http://192.168.1.1/", "private"),
        ("http://0xC0A80101/", "private"),
        ("http://100.64.0.1/", "shared"),
        ("http://100.100.100.200/", "shared"),
        ("http://100.127.255.255/", "shared"),
        ("http://169.254.169.254/latest/meta-data/", "link-local"),
        ("http://2852039166/", "link-local"),
        ("http://169.254.170.2/", "link-local"),
        ("http://168.63.129.16/", "cloud platform"),
        ("http://192.0.0.192/", "protocol assignments"),
        // Not anybody's.
        ("http://192.0.2.1/", "documentation"),
        ("http://198.51.100.1/", "documentation"),
        ("http://203.0.113.1/", "documentation"),
        ("http://198.18.0.1/", "benchmarks"),
        ("http://198.19.255.255/", "benchmarks"),
        ("http://192.88.99.1/", "6to4 relays"),
        ("http://224.0.0.1/", "multicast"),
        ("http://239.255.255.255/", "multicast"),
        ("http://240.0.0.1/", "reserved"),
        ("http://255.255.255.255/", "reserved"),
        // IPv6, above all what carries an IPv4 address.
        ("http://[::ffff:127.0.0.1]/", "not public"),
        ("http://[::ffff:7f00:1]/", "not public"),
        ("http://[::ffff:169.254.169.254]/", "not public"),
        ("http://[::127.0.0.1]/", "not public"),
        ("http://[64:ff9b::a9fe:a9fe]/", "not public"),
        ("http://[64:ff9b::127.0.0.1]/", "not public"),
        ("http://[64:ff9b:1::1]/", "not public"),
        ("http://[2002:7f00:1::]/", "6to4"),
        ("http://[2002:a9fe:a9fe::1]/", "6to4"),
        ("http://[2001::1]/", "protocol assignments"),
        ("http://[2001:db8::1]/", "documentation"),
        ("http://[3fff::1]/", "documentation"),
        ("http://[100::1]/", "not public"),
        ("http://[5f00::1]/", "not public"),
        ("http://[fc00::1]/", "not public"),
        ("http://[fd00:ec2::254]/", "not public"),
        ("http://[fe80::1]/", "not public"),
        ("http://[fec0::1]/", "not public"),
        ("http://[ff02::1]/", "not public"),
    ];

    const ALLOWED: &[&str] = &[
        "http://example.com",
        "https://example.com/path?query#fragment",
        "HTTPS://EXAMPLE.COM:8443/",
        "http://example.com:8080/",
        "http://localhost.example.com/",
        "http://1.1.1.1/",
        "http://8.8.8.8/",
        "http://172.15.255.255/",
        "http://172.32.0.1/",
        "http://100.63.255.255/",
        "http://100.128.0.1/",
        "http://169.253.0.1/",
        "http://192.0.1.1/",
        "http://223.255.255.255/",
        "http://[2606:4700:4700::1111]/",
        "https://[2a00:1450:4001:81b::200e]:443/",
    ];

    #[test]
    fn only_public_http_urls_pass() {
        assert!(REFUSED.len() >= 60);
        for (url, why) in REFUSED {
            match Guard::On.check(url, &PORTS) {
                Ok(read) => panic!("{url} passed as {read}"),
                Err(refused) => assert!(refused.to_string().contains(why), "{url}: {refused}"),
            }
        }
        for url in ALLOWED {
            assert_eq!(Guard::On.check(url, &PORTS).err(), None, "{url}");
        }
    }

    #[test]
    fn a_guard_that_is_off_still_takes_http_without_credentials_only() {
        for url in [
            "http://127.0.0.1:9/",
            "http://[::1]:3000/",
            "http://169.254.169.254/",
            "http://10.0.0.1:22/",
        ] {
            assert!(Guard::Off.check(url, &PORTS).is_ok(), "{url}");
        }
        for url in ["file:///etc/passwd", "http://user@127.0.0.1/"] {
            assert!(Guard::Off.check(url, &PORTS).is_err(), "{url}");
        }
    }
}
