//! Which addresses a registered machine may have. Nobody may send the allocator to itself, or to
//! its cloud's metadata.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZero,
    time::Duration,
};

use super::SshAddress;

/// Whether loopback addresses are allowed (`manual.ssh_to_loopback`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FitAddresses {
    Remote,
    RemoteOrLoopback,
}

/// Why no machine can be reached there.
#[derive(Debug, thiserror::Error)]
pub enum UnfitAddress {
    #[error("{0} can't be found in {1:?}: is the name right, and does it have an address?")]
    Silence(SshAddress, Duration),
    #[error("{0} has no address: is the name right?")]
    NoSuchName(SshAddress, #[source] io::Error),
    #[error(
        "{address} stands for {ip}, which is {what}: write the address that the machine has in \
         its network"
    )]
    Unfit { address: SshAddress, ip: IpAddr, what: &'static str },
}

impl SshAddress {
    /// All current IP addresses of the name, the best first, if every one of them is fit. Connect
    /// to one of these, without another look-up: its answer could differ.
    pub async fn resolve(
        &self,
        port: NonZero<u16>,
        fit: FitAddresses,
        patience: Duration,
    ) -> Result<Vec<IpAddr>, UnfitAddress> {
        let asked = tokio::net::lookup_host((self.as_str(), port.get()));
        let found = tokio::time::timeout(patience, asked)
            .await
            .map_err(|_elapsed| UnfitAddress::Silence(self.clone(), patience))?
            .map_err(|error| UnfitAddress::NoSuchName(self.clone(), error))?;
        let found: Vec<IpAddr> = found.map(|at| at.ip()).collect();
        for &ip in &found {
            if let Some(what) = fit.objection(ip) {
                return Err(UnfitAddress::Unfit { address: self.clone(), ip, what });
            }
        }
        Ok(found)
    }
}

impl FitAddresses {
    /// What kind of address an unfit one is.
    fn objection(self, ip: IpAddr) -> Option<&'static str> {
        let ip = ip.to_canonical();
        if ip.is_loopback() {
            let refused = self == Self::Remote;
            return refused.then_some("the allocator's own machine (loopback)");
        }
        if ip.is_unspecified() {
            return Some("no machine's (unspecified)");
        }
        if ip.is_multicast() {
            return Some("no single machine's (multicast)");
        }
        match ip {
            IpAddr::V4(ip) => objection_v4(ip),
            IpAddr::V6(ip) => match inside(ip) {
                Some(ip) => self.objection(ip.into()),
                None => objection_v6(ip),
            },
        }
    }
}

const METADATA: &str = "a cloud's metadata service";

fn objection_v4(ip: Ipv4Addr) -> Option<&'static str> {
    match ip.octets() {
        // AWS and most others; Alibaba; Azure; Oracle.
        [169, 254, 169, 254] | [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => {
            Some(METADATA)
        }
        [169, 254, ..] => Some("valid on one cable only (link-local)"),
        [0, ..] => Some("no machine's (unspecified)"),
        [240..=255, ..] => Some("no machine's (reserved)"),
        _ => None,
    }
}

fn objection_v6(ip: Ipv6Addr) -> Option<&'static str> {
    match ip.segments() {
        // AWS, with its other services for instances; Google.
        [0xfd00, 0xec2, ..] | [0xfd20, 0xce, ..] => Some(METADATA),
        [0xfe80..=0xfebf, ..] => Some("valid on one cable only (link-local)"),
        _ => None,
    }
}

/// The IPv4 address that an IPv6 one leads to: by NAT64, 6to4, or the old way to write one.
fn inside(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let (high, low) = match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: NonZero<u16> = NonZero::new(22).unwrap();

    async fn resolve(text: &str, fit: FitAddresses) -> Result<Vec<IpAddr>, UnfitAddress> {
        let address: SshAddress = text.parse().unwrap();
        address.resolve(PORT, fit, Duration::from_secs(30)).await
    }

    #[tokio::test]
    async fn no_way_to_write_an_unfit_address_is_taken() {
        let unfit = [
            ("127.0.0.1", "loopback"),
            ("127.9.9.9", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::127.0.0.1", "loopback"),
            ("64:ff9b::7f00:1", "loopback"),
            ("2002:7f00:1::1", "loopback"),
            // The forms that getaddrinfo reads.
            ("127.1", "loopback"),
            ("2130706433", "loopback"),
            ("0x7f.1", "loopback"),
            ("localhost", "loopback"),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("::", "unspecified"),
            ("169.254.169.254", "metadata"),
            ("::ffff:169.254.169.254", "metadata"),
            ("64:ff9b::a9fe:a9fe", "metadata"),
            ("fd00:ec2::254", "metadata"),
            ("168.63.129.16", "metadata"),
            ("100.100.100.200", "metadata"),
            ("169.254.7.7", "link-local"),
            ("fe80::1", "link-local"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("255.255.255.255", "reserved"),
        ];
        for (text, what) in unfit {
            let refused = resolve(text, FitAddresses::Remote).await.unwrap_err();
            assert!(matches!(refused, UnfitAddress::Unfit { .. }), "{text}: {refused}");
            assert!(refused.to_string().contains(what), "{text}: {refused}");
        }
    }

    #[tokio::test]
    async fn private_and_public_addresses_are_machines() {
        for text in
            ["10.0.0.7", "192.168.1.2", "100.64.0.1", "203.0.113.5", "2001:db8::7", "fd12::1"]
        {
            let found = resolve(text, FitAddresses::Remote).await.unwrap();
            assert_eq!(found, [text.parse::<IpAddr>().unwrap()]);
        }
    }

    #[tokio::test]
    async fn where_loopback_is_allowed_the_rest_is_still_refused() {
        let fit = FitAddresses::RemoteOrLoopback;
        assert!(resolve("127.0.0.1", fit).await.is_ok());
        for text in ["169.254.169.254", "0.0.0.0", "fe80::1", "ff02::1"] {
            assert!(resolve(text, fit).await.is_err(), "{text}");
        }
    }
}
