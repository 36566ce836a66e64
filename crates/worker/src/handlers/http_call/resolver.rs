//! From names to addresses that may be connected to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard::{Guard, Refused};

/// Asks for the addresses of a name.
pub(super) type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// As the operating system resolves names.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|name| {
        // The port is that of the URL, which the client puts in for 0.
        async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }.boxed()
    })
}

/// Leaves out addresses that may not be called. The client connects to what this returns and asks nobody else.
pub(super) struct Guarded {
    guard: Guard,
    lookup: Lookup,
}

impl Guarded {
    pub(super) fn new(guard: Guard, lookup: Lookup) -> Self {
        Self { guard, lookup }
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, found) = (self.guard, (self.lookup)(name.as_str().to_owned()));
        async move { Ok(Box::new(allowed(guard, found.await?)?.into_iter()) as Addrs) }.boxed()
    }
}

/// Fails when there are addresses but none that may be called.
pub(super) fn allowed(guard: Guard, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
    let mut refused = None;
    let mut allowed = Vec::with_capacity(found.len());
    for address in found {
        match guard.check_address(address.ip()) {
            Ok(()) => allowed.push(address),
            Err(why) => refused = Some(why),
        }
    }
    match refused {
        Some(refused) if allowed.is_empty() => Err(refused),
        _ => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts
            .iter()
            .map(|text| SocketAddr::new(text.parse().unwrap(), 0))
            .collect()
    }

    #[test]
    fn addresses_that_may_not_be_called_are_left_out() {
        let found = addresses(&["10.0.0.1", "1.1.1.1", "::1", "2606:4700:4700::1111"]);
        let left = allowed(Guard::On, found.clone()).unwrap();
        assert_eq!(left, addresses(&["1.1.1.1", "2606:4700:4700::1111"]));
        assert_eq!(allowed(Guard::Off, found.clone()).unwrap(), found);
    }

    #[test]
    fn a_name_with_none_but_such_addresses_is_refused_and_one_without_any_is_not_found() {
        let refused = allowed(Guard::On, addresses(&["127.0.0.1", "fd00::1"])).unwrap_err();
        assert!(matches!(refused, Refused::Address { .. }));
        assert_eq!(allowed(Guard::On, Vec::new()).unwrap(), Vec::new());
    }

    #[tokio::test]
    async fn a_name_that_is_bound_anew_is_checked_anew() {
        let turn = AtomicUsize::new(0);
        let rebinding: Lookup = Arc::new(move |_| {
            let turn = turn.fetch_add(1, Ordering::SeqCst);
            async move { Ok(addresses(&[["1.1.1.1", "127.0.0.1"][turn]])) }.boxed()
        });
        let resolver = Guarded::new(Guard::On, rebinding);
        let resolve = || resolver.resolve("rebinding.example".parse().unwrap());
        let public: Vec<SocketAddr> = resolve().await.ok().unwrap().collect();
        assert_eq!(public, addresses(&["1.1.1.1"]));
        let refused = resolve().await.err().unwrap();
        assert!(refused.downcast_ref::<Refused>().is_some(), "{refused}");
    }
}
