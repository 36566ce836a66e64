//! Whatever a job asks to be called and whatever comes back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use scheduler_domain::limits;
use scheduler_fuzz::{any, bytes_near, check, text_near};
use url::{Host, Url};

use super::answer::{Answer, KEPT, text};
use super::guard::Guard;
use super::request::{Args, TRANSPORT};
use super::resolver::allowed;

const PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// Whether the standard library, which knows nothing of our table, says that no address on the internet is meant.
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => inside_v4(v4),
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            let carried = v6.to_ipv4().or_else(|| {
                // NAT64 and 6to4 carry one too.
                let [.., g, h] = v6.segments();
                let low = Ipv4Addr::from_bits(u32::from(g) << 16 | u32::from(h));
                let high = Ipv4Addr::from_bits(u32::from(b) << 16 | u32::from(v6.segments()[2]));
                match (a, b) {
                    (0x64, 0xff9b) => Some(low),
                    (0x2002, _) => Some(high),
                    _ => None,
                }
            });
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || carried.is_some_and(inside_v4)
        }
    }
}

fn inside_v4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || v4.is_unspecified()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        || (a, b & 0xc0) == (100, 64)
}

#[test]
fn a_url_that_passes_leads_to_a_name_or_a_public_address_however_it_is_spelled() {
    check!()
        .with_generator(text_near(&[
            "http://127.0.0.1/",
            "http://example.com:8080/path?query#fragment",
            "https://[2606:4700:4700::1111]:443/",
            "http://[::ffff:169.254.169.254]/latest",
            "http://0x7f.0.0.1/",
            "http://017700000001/",
            "http://2852039166/",
            "http://①②⑦.⓪.⓪.①/",
            "http://%31%32%37.0.0.1/",
            "http:\\\\10.0.0.1\\@example.com/",
            "http://user:password@example.com@127.0.0.1/",
            "http://xn--mnchen-3ya.example/",
            "http://169.254.169.254.nip.example./",
        ]))
        .for_each(|url| {
            let Ok(read) = Guard::On.check(url, &PORTS) else {
                return;
            };
            assert!(matches!(read.scheme(), "http" | "https"), "{read}");
            assert!(read.username().is_empty() && read.password().is_none(), "{read}");
            assert!(PORTS.contains(&read.port_or_known_default().unwrap()), "{read}");
            match read.host().unwrap() {
                Host::Ipv4(v4) => assert!(!is_inside(v4.into()), "{read}"),
                Host::Ipv6(v6) => assert!(!is_inside(v6.into()), "{read}"),
                // What a resolver would take for an address without asking anybody is no name.
                Host::Domain(name) => {
                    let last = name.strip_suffix('.').unwrap_or(name).rsplit('.').next().unwrap();
                    let number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())
                        || last
                            .strip_prefix("0x")
                            .is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
                    assert!(!number, "{read}");
                }
            }
            // The client is given the URL as it was read: reading it again must not lead elsewhere.
            assert_eq!(Url::parse(read.as_str()).unwrap(), read);
        });
}

#[test]
fn of_the_addresses_of_a_name_only_public_ones_are_left() {
    // Mapped, NAT64, 6to4, none of them, and all sixteen bytes as they come.
    const PREFIXES: [u128; 5] = [0xffff << 32, 0x64_ff9b << 96, 0x2002 << 112, 0, 0x2000 << 112];
    check!()
        .with_type::<(Vec<u32>, Vec<(u8, u128)>)>()
        .for_each(|(v4, v6)| {
            let v4 = v4.iter().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(*bits)));
            let v6 = v6.iter().map(|(kind, bits)| {
                let bits = match PREFIXES.get(usize::from(kind % 6)) {
                    Some(prefix) => prefix | bits >> 32 & !(0xffff << 112),
                    None => *bits,
                };
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            });
            let found: Vec<SocketAddr> = v4.chain(v6).map(|ip| SocketAddr::new(ip, 0)).collect();
            if let Ok(left) = allowed(Guard::On, found.clone()) {
                assert!(left.len() <= found.len());
                assert!(left.iter().all(|address| !is_inside(address.ip())), "{left:?}");
            }
        });
}

#[test]
fn a_payload_becomes_a_request_that_travels_as_the_client_decides_or_none() {
    check!()
        .with_generator(text_near(&[
            r#"{"url":"http://a.example","method":"post","headers":{"x":"y"},"body":{"n":12345678901234567890123}}"#,
            r#"{"url":"http://a.example","headers":{"Host":"169.254.169.254","Transfer-Encoding":"chunked"}}"#,
            r#"{"url":"http://a.example","method":"CONNECT","headers":{"x":"a\r\nb: c"},"body":"\u0000"}"#,
            r#"{"url":"http://a.example","body":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"#,
        ]))
        .for_each(|payload| {
            let Ok(args) = serde_json::from_str::<Args>(payload) else { return };
            let url = Url::parse("http://a.example").unwrap();
            match args.into_request(url.clone()) {
                Ok(request) => {
                    assert_eq!(request.url(), &url);
                    assert!(!["CONNECT", "TRACE"].contains(&request.method().as_str()));
                    for (name, value) in request.headers() {
                        assert!(!TRANSPORT.contains(&name.as_str()), "{name}");
                        assert!(!value.as_bytes().iter().any(|byte| b"\r\n\0".contains(byte)));
                    }
                }
                Err(refused) => assert_eq!(refused.kind, "invalid_payload"),
            }
        });
}

#[test]
fn whatever_is_answered_is_kept_as_text_that_fits_a_result() {
    check!()
        .with_generator(bytes_near(&[
            b"hello",
            b"{\"a\":1}",
            b"\xff\xfe\0\x01",
            &[0x01; 9_000],
            &[0xf0; 9_000],
        ]))
        .for_each(|body| {
            let (body, cut) = text(body);
            assert!(body.len() <= KEPT && !body.contains('\0'));
            let answer = Answer::of(200, body, cut);
            assert!(serde_json::to_string(&answer).unwrap().len() <= limits::MAX_RESULT_BYTES);
        });
    check!().with_generator(any::<u16>()).for_each(|status| {
        let judged = Answer::of(*status, String::new(), false).judge("http://a");
        assert_eq!(judged.is_ok(), *status < 400);
    });
}
