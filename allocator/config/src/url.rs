use super::{Config, SslProvider, overrides::given};

impl Config {
    /// The URL under which VMs and people reach the allocator, without a slash at its end
    /// (contract §1.7); none if neither name nor address is known.
    ///
    /// `fqdn` is `ALLOCATOR_FQDN`, a whole URL despite its name, which wins over the file;
    /// `public_ip` is `ALLOCATOR_PUBLIC_IP`. An empty text counts as absent.
    pub fn allocator_url(&self, fqdn: Option<&str>, public_ip: Option<&str>) -> Option<String> {
        if let Some(url) = given(fqdn) {
            let url = url.trim().trim_end_matches('/');
            let scheme = if url.contains("://") { "" } else { "http://" };
            return Some(format!("{scheme}{url}"));
        }
        let scheme = if self.ssl.provider == SslProvider::None { "http" } else { "https" };
        let domain = self.dns.domain.trim_start_matches('.');
        if self.dns.enabled && !domain.is_empty() {
            return Some(format!("{scheme}://{domain}"));
        }
        given(public_ip).map(|ip| {
            let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
            format!("{scheme}://{host}")
        })
    }
}

/// Why the allocator can't be reached by `fqdn` (`ALLOCATOR_FQDN`), if it can't.
pub fn unfit_url(fqdn: Option<&str>) -> Option<String> {
    let url = given(fqdn)?.trim();
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (host, below) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if !below.trim_matches('/').is_empty() {
        return Some(format!(
            "LabLink can't be served below a path: give it a host name of its own, and write \
             {scheme}://{host} instead of '{url}'"
        ));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let fits = matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(is_plain);
    (!fits).then(|| format!("'{url}' is no URL such as https://lab.example.org: write one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_DNS: &str = "";
    const DNS: &str = "dns: {enabled: true, domain: lab.example.org}\n";
    const TLS: &str = "dns: {enabled: true, domain: lab.example.org}\n\
                       ssl: {provider: letsencrypt, email: a@example.org}\n";
    const CLOUDFLARE: &str = "dns: {enabled: true, domain: lab.example.org, terraform_managed: false}\n\
         ssl: {provider: cloudflare}\n";
    const ACM: &str = "dns: {enabled: true, domain: lab.example.org}\n\
                       ssl: {provider: acm, certificate_arn: \
                       'arn:aws:acm:us-west-2:123456789012:certificate/1'}\n";
    const UNUSED_DOMAIN: &str = "dns: {enabled: false, domain: lab.example.org}\n";

    #[test]
    fn a_path_prefix_is_refused_with_what_to_write() {
        for fits in ["https://lab.example.org", "http://10.0.0.7:5000/", "lab.example.org", ""] {
            assert_eq!(unfit_url(Some(fits)), None, "{fits}");
        }
        let below = unfit_url(Some("https://example.org/lab/")).unwrap();
        assert!(below.starts_with("LabLink can't be served below a path"), "{below}");
        assert!(below.contains("write https://example.org instead"), "{below}");
        for unfit in ["example.org/lab", "https://lab?x", "https://", "ftp://lab", "https://a b"] {
            assert!(unfit_url(Some(unfit)).is_some(), "{unfit}");
        }
    }

    #[test]
    fn the_url_follows_the_order_of_the_contract() {
        let ip = Some("203.0.113.5");
        let table = [
            (NO_DNS, None, None, None),
            (NO_DNS, None, ip, Some("http://203.0.113.5")),
            (NO_DNS, None, Some("2001:db8::5"), Some("http://[2001:db8::5]")),
            (NO_DNS, Some(""), Some(""), None),
            (UNUSED_DOMAIN, None, ip, Some("http://203.0.113.5")),
            (DNS, None, ip, Some("http://lab.example.org")),
            (TLS, None, ip, Some("https://lab.example.org")),
            (CLOUDFLARE, None, ip, Some("https://lab.example.org")),
            (ACM, None, None, Some("https://lab.example.org")),
            (TLS, Some("https://other.example.org"), ip, Some("https://other.example.org")),
            (TLS, Some("http://other.example.org:8080"), ip, Some("http://other.example.org:8080")),
            (TLS, Some("other.example.org"), ip, Some("http://other.example.org")),
            (TLS, Some("https://other.example.org/"), ip, Some("https://other.example.org")),
        ];
        for (yaml, fqdn, public_ip, expected) in table {
            let url = Config::parse(yaml).unwrap().allocator_url(fqdn, public_ip);
            assert_eq!(url.as_deref(), expected, "{yaml} {fqdn:?} {public_ip:?}");
        }
    }
}
