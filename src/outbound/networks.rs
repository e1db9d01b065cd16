//! To which addresses requests may go. Names are looked up here, and connections go to the addresses that were looked at: what
//! a name leads to a moment later does not matter.

use std::{
    error::Error,
    fmt,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    vec,
};

use hyper_util::client::legacy::connect::dns::Name;
use ipnet::IpNet;
use tower::Service;
use url::Host;

/// What is not public (IANA's registries of special-purpose addresses), and addresses of clouds that answer their own machines
/// alone though they look public. Of IPv6, all beyond [`PUBLIC_IPV6`] is not, NAT64 among it.
static NOT_PUBLIC: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    const NETWORKS: [&str; 20] = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    ];
    let networks = NETWORKS.iter();
    networks
        .map(|network| network.parse().expect("a network"))
        .collect()
});

static PUBLIC_IPV6: LazyLock<IpNet> = LazyLock::new(|| "2000::/3".parse().expect("a network"));

type Addresses = vec::IntoIter<SocketAddr>;
type Failed = Box<dyn Error + Send + Sync>;

/// Addresses that requests may go to.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    allowed: Arc<[IpNet]>,
    with_public: bool,
}

/// Requests may not go to an address, or to any of those that a name leads to.
#[derive(Debug)]
pub struct Forbidden(String);

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Forbidden {}

impl Networks {
    pub fn public_and(allowed: Arc<[IpNet]>) -> Self {
        Self {
            allowed,
            with_public: true,
        }
    }

    pub fn only(allowed: Arc<[IpNet]>) -> Self {
        Self {
            allowed,
            with_public: false,
        }
    }

    fn have(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut allowed = self.allowed.iter();
        allowed.any(|network| network.contains(&address)) || self.with_public && is_public(address)
    }

    /// Fails when `host` is an address that is none of these.
    pub fn check_host(&self, host: Option<Host<&str>>) -> Result<(), Forbidden> {
        let address: IpAddr = match host {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        match self.have(address) {
            true => Ok(()),
            false => Err(self.forbid(format!("{address} is"))),
        }
    }

    fn forbid(&self, what: String) -> Forbidden {
        Forbidden(match self.with_public {
            true => format!("{what} neither public nor in WEBHOOK_NETWORKS"),
            false => {
                format!("{what} not in WEBHOOK_NETWORKS, outside of which only https:// is allowed")
            }
        })
    }

    /// Those of the addresses of `name` that requests may go to; the port is left to the caller.
    async fn look_up(self, name: Name) -> Result<Addresses, Failed> {
        let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
        let mut addresses = found.clone();
        addresses.retain(|address| self.have(address.ip()));
        match (addresses.is_empty(), found.first()) {
            (true, Some(first)) => {
                let what = format!("{} leads to {}, which is", name.as_str(), first.ip());
                Err(self.forbid(what).into())
            }
            _ => Ok(addresses.into_iter()),
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    let is_special = NOT_PUBLIC.iter().any(|network| network.contains(&address));
    !is_special && (address.is_ipv4() || PUBLIC_IPV6.contains(&address))
}

/// Looks names up, for a connector.
#[derive(Clone, Debug)]
pub(super) struct Resolver(pub Networks);

impl Service<Name> for Resolver {
    type Response = Addresses;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Addresses, Failed>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.0.clone().look_up(name))
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn addresses_inside_are_told_from_public_ones_however_they_are_written() {
        let networks = Networks::public_and(Arc::new([]));
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://0.0.0.0/",
            "https://10.1.2.3/",
            "https://100.64.0.1/",
            "https://100.100.100.200/",
            "https://168.63.129.16/",
            "https://169.254.169.254/",
            "https://172.31.255.255/",
            "https://192.0.0.192/",
            "https://192.168.0.1/",
            "https://198.19.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::]/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[64:ff9b:1::a00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001:0:7f00:1::]/",
            "https://[2001:db8::1]/",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://[ff02::1]/",
        ] {
            let url = Url::parse(url).unwrap();
            assert!(networks.check_host(url.host()).is_err(), "{url}");
        }
        for url in [
            "https://93.184.215.14/",
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
            "https://[::ffff:93.184.215.14]/",
        ] {
            let url = Url::parse(url).unwrap();
            assert!(networks.check_host(url.host()).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_allowed_and_nothing_beside() {
        let networks = Networks::only(Arc::new(["10.1.0.0/16".parse().unwrap()]));
        for (address, may) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.1", false),
            ("93.184.215.14", false),
        ] {
            assert_eq!(networks.have(address.parse().unwrap()), may, "{address}");
        }
    }
}
