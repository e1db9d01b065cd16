//! Where a request comes from, as far as it can be believed.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use ipnet::IpNet;

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Address(IpAddr),
    /// A process of this machine, by a unix socket: a proxy that the operator runs.
    Local,
}

/// The client's address; `None` when nothing that can be believed tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// The address that `forwarded` (X-Forwarded-For, all its values in order) tells, as far as the proxies that wrote
    /// it are `trusted`: the last address that is not one of them. What stands before it is the client's own word.
    pub fn behind(peer: Peer, forwarded: &[&str], trusted: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        let mut nearest = match peer {
            Peer::Address(address) if !is_trusted(&address) => return Self(Some(address)),
            Peer::Address(address) => Some(address),
            Peer::Local => None,
        };
        let hops = forwarded.iter().rev().flat_map(|list| list.rsplit(','));
        for hop in hops {
            let Ok(address) = hop.trim().parse::<IpAddr>() else {
                break;
            };
            nearest = Some(address.to_canonical());
            if !is_trusted(&address) {
                break;
            }
        }
        Self(nearest)
    }

    /// What limits count together: an IPv4 address, or the /64 that one IPv6 customer has.
    pub fn network(&self) -> Self {
        self.prefix(64)
    }

    /// What may come from many hands and still be one's: an IPv4 address, or the /48 that one IPv6 site has, which is
    /// 65,536 networks.
    pub fn site(&self) -> Self {
        self.prefix(48)
    }

    fn prefix(&self, bits: u32) -> Self {
        Self(self.0.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> bits)).into()
            }
            address => address,
        }))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let proxy = Peer::Address("10.0.0.1".parse().unwrap());
        let stranger = Peer::Address("198.51.100.7".parse().unwrap());
        for (peer, forwarded, expected) in [
            (stranger, &["203.0.113.5"][..], "198.51.100.7"),
            (proxy, &["203.0.113.5"], "203.0.113.5"),
            (proxy, &["1.1.1.1, 203.0.113.5, 10.0.0.2"], "203.0.113.5"),
            (proxy, &["1.1.1.1", "203.0.113.5"], "203.0.113.5"),
            (proxy, &["nonsense"], "10.0.0.1"),
            (proxy, &[], "10.0.0.1"),
            (Peer::Local, &["::ffff:203.0.113.5"], "203.0.113.5"),
            (Peer::Local, &[], "unknown"),
        ] {
            let address = ClientAddress::behind(peer, forwarded, &trusted);
            assert_eq!(address.to_string(), expected, "{peer:?} {forwarded:?}");
        }
    }

    #[test]
    fn an_ipv6_customer_is_one_network() {
        let network = |text: &str| ClientAddress(text.parse().ok()).network();
        assert_eq!(
            network("2001:db8:1:2:3::4"),
            network("2001:db8:1:2:ffff::1")
        );
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1").to_string(), "192.0.2.1");
        let site = |text: &str| ClientAddress(text.parse().ok()).site();
        assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:ffff::1"));
        assert_ne!(site("2001:db8:1:2::1"), site("2001:db8:2:2::1"));
    }
}
