//! Where a request comes from, as far as it can be believed.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
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
    pub fn behind(peer: Peer, forwarded: &[impl AsRef<str>], trusted: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        let mut nearest = match peer {
            Peer::Address(address) if !is_trusted(&address) => return Self(Some(address)),
            Peer::Address(address) => Some(address),
            Peer::Local => None,
        };
        let lists = forwarded.iter().rev().map(AsRef::as_ref);
        let hops = lists.flat_map(|list| list.rsplit(',')).map(str::trim);
        // Empty elements of a list mean nothing (RFC 9110 §5.6.1.2).
        for hop in hops.filter(|hop| !hop.is_empty()) {
            let Some(address) = address_of(hop) else {
                break;
            };
            nearest = Some(address);
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

/// The address that a proxy wrote, in any of the forms that proxies use: with a port, in brackets, with the zone of the
/// proxy's own network behind it, quoted.
fn address_of(hop: &str) -> Option<IpAddr> {
    let unquoted = hop
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let text = unquoted.unwrap_or(hop).trim();
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, behind) = rest.split_once(']')?;
            (
                address,
                behind
                    .strip_prefix(':')
                    .or(behind.is_empty().then_some("0"))?,
            )
        }
        // Without brackets, only an IPv4 address can have a port: it has dots.
        None => match text.rsplit_once(':') {
            Some((address, port)) if address.parse::<Ipv4Addr>().is_ok() => (address, port),
            _ => (text, "0"),
        },
    };
    port.parse::<u16>().ok()?;
    let (address, _zone) = address.split_once('%').unwrap_or((address, ""));
    Some(address.parse::<IpAddr>().ok()?.to_canonical())
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
            (proxy, &["203.0.113.7:40001"], "203.0.113.7"),
            (proxy, &["[2001:db8::1]:443"], "2001:db8::1"),
            (proxy, &["\"[2001:db8::1]\""], "2001:db8::1"),
            (proxy, &["\"203.0.113.7:40001\""], "203.0.113.7"),
            (proxy, &["2001:db8::1"], "2001:db8::1"),
            (proxy, &["[2001:db8::1%25eth0]:443"], "2001:db8::1"),
            (proxy, &["[::ffff:203.0.113.5]:1"], "203.0.113.5"),
            (
                proxy,
                &[" 1.1.1.1 ,  203.0.113.7:1 , 10.0.0.2:2 "],
                "203.0.113.7",
            ),
            (proxy, &["203.0.113.5, ::ffff:10.0.0.2"], "203.0.113.5"),
            (proxy, &["203.0.113.5", "", ", ,"], "203.0.113.5"),
            (
                proxy,
                &["1.1.1.1", "203.0.113.7:1", "10.0.0.2:2"],
                "203.0.113.7",
            ),
            // What nobody writes is nobody's address.
            (proxy, &["203.0.113.7:"], "10.0.0.1"),
            (proxy, &["203.0.113.7:99999"], "10.0.0.1"),
            (proxy, &["[203.0.113.7"], "10.0.0.1"),
            (proxy, &["[2001:db8::1]443"], "10.0.0.1"),
            (proxy, &["unknown"], "10.0.0.1"),
            (proxy, &["203.0.113.5, _hidden"], "10.0.0.1"),
            (stranger, &["203.0.113.7:40001"], "198.51.100.7"),
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
