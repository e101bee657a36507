use lablink_protocol::ProxyHeader;

use super::*;

fn client(header: ProxyHeader, peer: &str, headers: &[(&'static str, &[u8])]) -> Client {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.to_vec().try_into().unwrap()));
    let trusted = vec!["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    let proxies = Proxies { trusted, header, hops: None };
    Client::of(peer.parse().unwrap(), &headers.collect(), &proxies)
}

#[test]
fn behind_one_proxy_its_neighbours_are_callers_like_all_others() {
    // A machine in the proxy's own network calls it, with a line that it made up.
    let headers = [("x-forwarded-for", "198.51.100.1, 10.0.0.66")];
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let address = |hops| {
        let trusted = vec!["10.0.0.0/8".parse().unwrap()];
        let proxies = Proxies { trusted, hops: NonZero::new(hops), ..Proxies::default() };
        Client::of("10.0.0.1".parse().unwrap(), &headers, &proxies).address.to_string()
    };
    assert_eq!(address(1), "10.0.0.66");
    assert_eq!(address(0), "198.51.100.1");
}

/// By way of our proxy at 127.0.0.1.
fn address(header: ProxyHeader, name: &'static str, lines: &[&str]) -> String {
    let headers: Vec<_> = lines.iter().map(|line| (name, line.as_bytes())).collect();
    client(header, "127.0.0.1", &headers).address.to_string()
}

#[test]
fn only_our_own_proxies_are_believed() {
    let stranger = [("x-forwarded-for", &b"198.51.100.1"[..]), ("x-forwarded-proto", b"https")];
    let stranger = client(ProxyHeader::XForwardedFor, "203.0.113.9", &stranger);
    assert_eq!(
        (stranger.address.to_string(), stranger.scheme),
        ("203.0.113.9".into(), Scheme::Http)
    );
    let table: [(&[&str], &str); 11] = [
        (&["198.51.100.1"], "198.51.100.1"),
        (&["1.2.3.4, 198.51.100.1", "10.0.0.7"], "198.51.100.1"),
        (&[], "127.0.0.1"),
        (&["10.0.0.9, 10.0.0.7"], "10.0.0.9"),
        // As Azure and others write it.
        (&["9.9.9.1, 203.0.113.60:51000"], "203.0.113.60"),
        (&["9.9.9.1, [2001:db8::7]:51000, 10.0.0.7:80"], "2001:db8::7"),
        (&["9.9.9.1, [2001:db8::7]"], "2001:db8::7"),
        (&["9.9.9.1, ::ffff:203.0.113.60"], "203.0.113.60"),
        // What can't be read is the end, never skipped.
        (&["9.9.9.1, nonsense"], "127.0.0.1"),
        (&["9.9.9.1, unknown, 10.0.0.7"], "10.0.0.7"),
        (&["9.9.9.1,"], "127.0.0.1"),
    ];
    for (lines, expected) in table {
        assert_eq!(
            address(ProxyHeader::XForwardedFor, "x-forwarded-for", lines),
            expected,
            "{lines:?}"
        );
    }
    let bytes = [("x-forwarded-for", &b"9.9.9.1"[..]), ("x-forwarded-for", b"\xff")];
    let found = client(ProxyHeader::XForwardedFor, "127.0.0.1", &bytes);
    assert_eq!(found.address.to_string(), "127.0.0.1");
}

#[test]
fn the_standard_header_is_read_where_the_proxy_writes_it() {
    let table: [(&[&str], &str); 9] = [
        (&["for=198.51.100.1"], "198.51.100.1"),
        // What our proxy appends is not a part of what the caller left open.
        (&["for=9.9.9.1;x=\"a, for=203.0.113.60"], "127.0.0.1"),
        (&["for=9.9.9.1;x=\"a, for=\"203.0.113.60:51000\""], "127.0.0.1"),
        (&["For=\"[2001:db8::7]:4711\";proto=https"], "2001:db8::7"),
        (&["for=9.9.9.1, for=\"203.0.113.60:51000\";by=10.0.0.1", "for=10.0.0.7"], "203.0.113.60"),
        (&["for=9.9.9.1, for=_hidden"], "127.0.0.1"),
        (&["for=9.9.9.1, proto=https"], "127.0.0.1"),
        (&["for=9.9.9.1;x=\"a, for=10.0.0.1\""], "9.9.9.1"),
        (&["for=\"open, for=203.0.113.60"], "127.0.0.1"),
    ];
    for (lines, expected) in table {
        assert_eq!(address(ProxyHeader::Forwarded, "forwarded", lines), expected, "{lines:?}");
    }
    assert_eq!(address(ProxyHeader::Forwarded, "x-forwarded-for", &["9.9.9.1"]), "127.0.0.1");
    assert_eq!(address(ProxyHeader::XForwardedFor, "forwarded", &["for=9.9.9.1"]), "127.0.0.1");
}

#[test]
fn the_first_scheme_and_host_are_the_callers_own() {
    for (value, expected) in [
        ("https, http", Scheme::Https),
        ("HTTPS", Scheme::Https),
        ("http, https", Scheme::Http),
        ("", Scheme::Http),
    ] {
        let headers = [("x-forwarded-proto", value.as_bytes())];
        let found = client(ProxyHeader::XForwardedFor, "127.0.0.1", &headers);
        assert_eq!(found.scheme, expected, "{value}");
    }
    let headers = [
        ("host", &b"backend:5000"[..]),
        ("x-forwarded-host", b"lab.example.org, inner"),
        ("forwarded", b"for=1.2.3.4;proto=HTTPS;host=\"std.example.org\""),
    ];
    let host = |header, peer| client(header, peer, &headers).host.unwrap();
    assert_eq!(host(ProxyHeader::XForwardedFor, "127.0.0.1"), "lab.example.org");
    assert_eq!(host(ProxyHeader::Forwarded, "127.0.0.1"), "std.example.org");
    assert_eq!(host(ProxyHeader::XForwardedFor, "203.0.113.9"), "backend:5000");
    let standard = client(ProxyHeader::Forwarded, "127.0.0.1", &headers);
    assert_eq!(standard.scheme, Scheme::Https);
}
