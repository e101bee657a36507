//! Whose address it is, as far as it shows.

use std::net::{IpAddr, Ipv6Addr};

/// The address of one subscriber. In IPv6, a subscriber has a whole /64.
pub fn network(address: IpAddr) -> IpAddr {
    first_of(address, 4)
}

/// A whole site: in IPv6 anybody gets a /48, with 65,536 networks in it.
pub fn site(address: IpAddr) -> IpAddr {
    first_of(address, 3)
}

/// The address with all but its first groups of 16 bits cleared, if it is one of IPv6.
fn first_of(address: IpAddr, groups: usize) -> IpAddr {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let mut segments = address.segments();
            segments[groups..].fill(0);
            Ipv6Addr::from(segments).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscribers_addresses_are_one_network_and_a_sites_networks_one_site() {
        let of = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(network(of("2001:db8:1:2:3:4:5:6")), of("2001:db8:1:2::"));
        assert_eq!(site(of("2001:db8:1:2:3:4:5:6")), of("2001:db8:1::"));
        for address in ["192.0.2.7", "::ffff:192.0.2.7"] {
            assert_eq!(network(of(address)), of("192.0.2.7"));
            assert_eq!(site(of(address)), of("192.0.2.7"));
        }
    }
}
